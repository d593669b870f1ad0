"""`mailrail srs`: whose a signed return address is; a new key is for a running server (tests/e2e/test_forwarding.py)."""

import random
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program

from mailrail.addresses import (
    DAY_US,
    SIGNING_KEYS,
    BatvSettings,
    SignedPaths,
    SrsSettings,
    keep_keys,
)
from mailrail.cli.exits import Exit
from mailrail.model import Address, SystemClock, parse_address


@pytest.fixture
def signed(config: Path) -> SignedPaths:
    (config.parent / "spool").mkdir()
    clock = SystemClock()
    keys = keep_keys(config.parent / "spool" / SIGNING_KEYS, random.Random(1), clock.now_us() - DAY_US)
    return SignedPaths(SrsSettings(), BatvSettings(), ("example.org",), keys, clock)


def test_a_return_address_leads_back(signed: SignedPaths, mailrail: Program) -> None:
    path = signed.forwarded(parse_address("jörg@bücher.example"))
    assert path is not None
    for text in (str(path), f"<{path.shown()}>"):
        assert mailrail("srs", "reverse", text).out == "jörg@bücher.example\n"
    said = mailrail("srs", "reverse", str(Address(path.local_part + "x", path.domain)))
    assert said.code == Exit.DATA
    assert said.err == (
        "mailrail: notices to it are refused with 550 5.1.1 This return address was not made here, or has been changed since\n"
    )
    tagged = signed.tagged(parse_address("ann@example.org"))
    assert mailrail("srs", "reverse", str(tagged)).out == "ann@example.org\n"


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("bob@example.org", Exit.DATA, "bob@example.org is no return address of this server"),
        ("SRS0=a=AA=x.example=u@elsewhere.example", Exit.DATA, "is no return address of this server"),
        ("bob", Exit.USAGE, "'bob' has no @"),
    ],
)
def test_others_lead_nowhere(
    signed: SignedPaths, mailrail: Program, address: str, code: int, words: str
) -> None:
    said = mailrail("srs", "reverse", address)
    assert said.code == code
    assert words in said.err


def test_a_new_key_wants_a_server(mailrail: Program) -> None:
    assert mailrail("srs", "rotate").code == Exit.UNAVAILABLE
