"""Tags of our own reverse-paths: what we signed is good for its time, and nothing else is."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.addresses.batv import is_tagged, sign, verify
from mailrail.addresses.srs import Flaw
from mailrail.model import Address, parse_address

ANN = parse_address("Ann@ours.example")
LOCAL_PARTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=40)


@given(LOCAL_PARTS, st.binary(min_size=1), st.integers(0, 40_000), st.integers(1, 365), st.data())
def test_a_tag_is_good_until_its_day_and_by_its_key(
    local_part: str, key: bytes, day: int, max_age: int, data: st.DataObject
) -> None:
    path = Address(local_part, "ours.example")
    made = sign(path, key, day=day, max_age_days=max_age)
    assert made is not None
    assert is_tagged(made)
    age = data.draw(st.integers(-1, max_age))
    assert verify(made, (b"newer", key), day=day + age, max_age_days=max_age) == path
    assert verify(made, (key,), day=day + max_age + 1, max_age_days=max_age) is Flaw.EXPIRED
    assert verify(made, (key + b"!",), day=day, max_age_days=max_age) is Flaw.FORGED


def test_the_tag_is_that_of_the_draft() -> None:
    """As openssl has it: `prvs=`, a key's number, the last day, three octets of HMAC-SHA1 over both and the address."""
    made = sign(ANN, b"secret", day=18_890, max_age_days=7)
    assert made is not None
    command = ["openssl", "dgst", "-sha1", "-hmac", "secret"]
    done = subprocess.run(command, input=b"0897ann@ours.example", capture_output=True, check=True)
    assert str(made) == f"prvs=0897{done.stdout.split()[-1].decode()[:6]}=Ann@ours.example"


def test_a_hop_may_change_the_case() -> None:
    made = sign(ANN, b"secret", day=1, max_age_days=7)
    assert made is not None
    assert verify(
        Address(made.local_part.upper(), made.domain), (b"secret",), day=1, max_age_days=7
    ) == Address("ANN", "ours.example")


@pytest.mark.parametrize(
    "text",
    ["ann", "prvs=", "prvs=0123abcdef", "prvs=0123abcdeg=ann", "prvs=123abcdef=ann", "prvs=ann/0123abcdef", "prvs=\u0660123abcdef=a"],
)  # fmt: skip
def test_other_forms_are_no_tags(text: str) -> None:
    address = Address(text, "ours.example")
    assert not is_tagged(address)
    assert verify(address, (b"secret",), day=1, max_age_days=7) is Flaw.FORGED


def test_an_address_that_leaves_no_room_is_not_signed() -> None:
    longest = Address("a" * 64, "b" * 63 + "." + "c" * 63 + "." + "d" * 53)
    assert sign(longest, b"secret", day=1, max_age_days=7) is None
