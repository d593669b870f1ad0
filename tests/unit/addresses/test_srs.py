"""Reverse-paths that lead back: what is signed comes back, what was changed, forged or is old does not, and postsrsd agrees."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.addresses.srs import Flaw, forward, is_srs, reverse
from mailrail.model import Address, parse_address

VECTORS = Path(__file__).parents[2] / "corpus" / "srs" / "postsrsd.txt"
POSTSRSD_DAY = 1_577_836_860 // 86_400
KEY = b"tops3cr3t"
KEYS = st.binary(min_size=1, max_size=40)
DAYS = st.integers(0, 40_000)
LOCAL_PARTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=40)
SENDERS = st.builds(
    Address,
    LOCAL_PARTS | st.builds("{}{}{}".format, st.sampled_from(["SRS0", "SRS1", "srs0", "prvs"]), st.sampled_from("=+-x"), LOCAL_PARTS),
    st.sampled_from(["host.example", "a-b.c1", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]),
)  # fmt: skip


def back(address: Address, *keys: bytes, day: int = POSTSRSD_DAY) -> Address | Flaw:
    return reverse(address, keys or (KEY,), day=day, max_age_days=21, hash_length=4)


def vectors() -> list[list[str]]:
    lines = VECTORS.read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("verb", "given_", "expected"), vectors())
def test_postsrsd_would_say_the_same(verb: str, given_: str, expected: str) -> None:
    address = parse_address(given_)
    if verb == "forward":
        assert forward(address, "example.com", KEY, day=POSTSRSD_DAY, hash_length=4) == parse_address(
            expected
        )
        return
    found = back(address)
    assert found == (Flaw[expected] if isinstance(found, Flaw) else parse_address(expected))


@given(SENDERS, KEYS, DAYS, st.integers(-1, 21), st.integers(4, 27))
def test_what_is_signed_comes_back_as_long_as_it_is_good(
    sender: Address, key: bytes, day: int, age: int, length: int
) -> None:
    made = forward(sender, "ours.example", key, day=day, hash_length=length)
    assert made is not None
    assert made.domain == "ours.example"
    assert is_srs(made)
    found = reverse(made, (b"newer", key), day=day + age, max_age_days=21, hash_length=length)
    if made.local_part.startswith("SRS0"):
        assert found == sender
    else:
        assert isinstance(found, Address)
        assert found.local_part.startswith("SRS0")


@given(SENDERS, DAYS)
def test_two_forwarders_lead_back_to_the_first_who_leads_back_to_the_sender(
    sender: Address, day: int
) -> None:
    first = forward(sender, "one.example", b"one", day=day, hash_length=4)
    assert first is not None
    second = forward(first, "two.example", b"two", day=day, hash_length=4)
    assert second is not None
    third = forward(second, "three.example", b"three", day=day, hash_length=4)
    assert third is not None
    if first.local_part.startswith("SRS0"):
        assert second.local_part.startswith("SRS1")
        assert len(third.local_part) == len(second.local_part), "however many forward it, it grows no more"
        assert back(third, b"three", day=day) == back(second, b"two", day=day) == first
        assert back(first, b"one", day=day) == sender


@given(
    st.builds(Address, st.text("abcXYZ.019=+-", min_size=1, max_size=20), st.just("host.example")), st.data()
)
def test_a_hop_may_change_the_case_and_nothing_else(sender: Address, data: st.DataObject) -> None:
    made = forward(sender, "ours.example", KEY, day=100, hash_length=6)
    assert made is not None
    for text in (made.local_part.lower(), made.local_part.upper()):
        found = back(Address(text, "ours.example"), day=100)
        assert isinstance(found, Address)
        assert found.local_part.lower() == sender.local_part.lower() or found.local_part[:3].lower() == "srs"
    place = data.draw(st.integers(5, len(made.local_part) - 1))
    other = data.draw(
        st.sampled_from("abcdefghijklmnopqrstuvwxyz").filter(
            lambda one: one != made.local_part[place].lower()
        )
    )
    changed = made.local_part[:place] + other + made.local_part[place + 1 :]
    assert back(Address(changed, "ours.example"), day=100) is Flaw.FORGED


@pytest.mark.parametrize(
    ("age", "is_good"),
    [(-2, False), (-1, True), (0, True), (21, True), (22, False), (1023, True), (1022, False)],
)
def test_a_stamp_ends_and_comes_round_again_in_1024_days(age: int, is_good: bool) -> None:
    made = forward(parse_address("ann@host.example"), "ours.example", KEY, day=20_000, hash_length=4)
    assert made is not None
    assert (back(made, day=20_000 + age) is Flaw.EXPIRED) is not is_good


def test_another_key_and_a_hash_that_is_too_short_prove_nothing() -> None:
    made = forward(parse_address("ann@host.example"), "ours.example", KEY, day=POSTSRSD_DAY, hash_length=4)
    assert made is not None
    assert back(made, b"another", b"one more") is Flaw.FORGED
    assert reverse(made, (KEY,), day=POSTSRSD_DAY, max_age_days=21, hash_length=5) is Flaw.FORGED
    assert back(made, b"another", KEY) == parse_address("ann@host.example")


def test_a_sender_that_leaves_no_room_is_not_rewritten() -> None:
    longest = Address("a" * 64, "b" * 63 + "." + "c" * 63 + ".example")
    assert forward(longest, "d" * 63 + ".example", KEY, day=1, hash_length=6) is None
    assert forward(longest, "ours.example", KEY, day=1, hash_length=6) is not None


@pytest.mark.parametrize("text", ["SRS0=\u212aAAA=22=host.example=ann", "\u017fRS0=AAAA=22=host.example=ann"])
def test_letters_that_only_become_ours_in_capitals_are_no_letters_of_ours(text: str) -> None:
    assert back(Address(text, "ours.example")) is Flaw.FORGED
