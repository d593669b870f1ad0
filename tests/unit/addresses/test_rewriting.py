"""What addresses are written as, by golden files that say what is set and what comes of it."""

import asyncio
import tomllib
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.addresses.golden import as_values, drive, read_site, text_of

from mailrail.addresses import (
    Bounds,
    CanonicalSettings,
    Expander,
    Expansion,
    NotKnownNowError,
    Rewriter,
    RewritingRules,
)
from mailrail.model import Address, Recipient, parse_address
from mailrail.tables import TableError

FILE = Path(__file__).parents[2] / "corpus" / "rewriting" / "canonical.toml"
CORPUS = tomllib.loads(FILE.read_text())


class GoldenTable:
    def __init__(self, entries: dict[str, Any]) -> None:
        self.entries = {key.lower(): value for key, value in entries.items()}
        self.is_down = False

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        if self.is_down:
            raise TableError("table names: no connection")
        return as_values(self.entries.get(key.lower()))

    def describe(self) -> str:
        return "golden"

    async def close(self) -> None:
        pass


TABLES = {name: GoldenTable(entries) for name, entries in CORPUS["table"].items()}


def rules(*, by_tables: bool = True) -> RewritingRules:
    settings = CanonicalSettings.model_validate(CORPUS["canonical"])
    site = read_site(
        {"domain": {"example.org": {"alias": {"any": "x@example.net"}, "catch_all": "x@example.net"}}}
    )
    return RewritingRules(
        sender=settings.sender if by_tables else (),
        recipient=settings.recipient if by_tables else (),
        masquerade=settings.masquerade,
        shown=frozenset(name.lower() for name in settings.masquerade_except),
        domains=site.expander.domains,
        ours=frozenset(CORPUS["domain"]),
    )


def written(rewriter: Rewriter, sender: str) -> str:
    async def wait() -> Address:
        answer = rewriter.sender(parse_address(sender))
        return await answer if isinstance(answer, Awaitable) else answer

    return str(asyncio.run(wait()))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["about"]) for case in CORPUS["envelope"]])
def test_envelope(case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(NotKnownNowError) as caught:
            written(Rewriter(rules(), TABLES), case["sender"])
        assert str(caught.value.reply).startswith(case["refused"] + " ")
    elif "sender" in case:
        assert written(Rewriter(rules(), TABLES), case["sender"]) == case["becomes"]
    else:
        expander = Expander({}, frozenset(CORPUS["domain"]), Bounds(depth=9, recipients=9), None, rules())
        site = read_site({"domain": {}})
        site.file["table"] = CORPUS["table"]
        resolved = drive(expander.expand(Recipient(parse_address(case["recipient"]))), site)
        assert isinstance(resolved, Expansion)
        assert [text_of(one) for one in resolved.recipients] == [case["becomes"]]


@pytest.mark.parametrize("case", CORPUS["header"])
def test_header(case: dict[str, str]) -> None:
    before, after = (case[key].replace("\n", "\r\n").encode() for key in ("before", "after"))
    assert asyncio.run(Rewriter(rules(), TABLES).header(before)) == after


def test_without_tables_nobody_waits() -> None:
    rewriter = Rewriter(rules(by_tables=False), {})
    assert rewriter.sender(parse_address("x@web1.example.org")) == parse_address("x@example.org")


def test_a74_a_table_that_is_down_is_later() -> None:
    down = GoldenTable({})
    down.is_down = True
    rewriter = Rewriter(rules(), {**TABLES, "names": down})
    with pytest.raises(NotKnownNowError) as caught:
        written(rewriter, "ann@example.org")
    assert caught.value.reply.is_temporary
    with pytest.raises(NotKnownNowError):
        asyncio.run(rewriter.header(b"From: ann@example.org\r\n"))


def test_a_header_in_ascii_stays_in_ascii() -> None:
    """A29."""
    table = GoldenTable({"ann@example.org": "grü@example.org"})
    rewriter = Rewriter(rules(), {**TABLES, "names": table})
    assert asyncio.run(rewriter.header(b"From: ann@example.org\r\n")) == b"From: ann@example.org\r\n"
    umlaut = "From: ann@example.org\r\nSubject: grün\r\n".encode()
    assert asyncio.run(rewriter.header(umlaut)) == umlaut.replace(b"ann", "grü".encode())


@settings(deadline=None)
@given(st.text('From: To\r\n<>(),;"\\@.anexmplorg \t', max_size=80))
def test_a16_any_header_comes_out_with_the_same_fields(text: str) -> None:
    octets = text.encode()
    new = asyncio.run(Rewriter(rules(by_tables=False), {}).header(octets))
    assert new.count(b"\r\n") == octets.count(b"\r\n")
    assert new == octets or b"@" in octets
