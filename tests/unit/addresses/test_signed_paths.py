"""In whose name mail leaves, and whose a reverse-path of ours is: SRS for what is forwarded and nothing else, BATV for our own."""

from dataclasses import replace
from typing import Any

import pytest

from mailrail.addresses import (
    DAY_US,
    BatvSettings,
    Returned,
    SignedPaths,
    SigningKey,
    SigningKeys,
    SrsSettings,
)
from mailrail.model import Address, Envelope, Message, Origin, QueueId, Recipient, Reply, parse_address
from mailrail.model import reply as say

OURS = ("ours.example", "also.example")
ANN, BOB, STRANGER = map(parse_address, ("ann@ours.example", "bob@also.example", "sue@far.example"))
AWAY = Recipient(parse_address("bob@away.example"))
FORWARDED = replace(AWAY, is_forwarded=True)
KEYS = SigningKeys.of([SigningKey(0, b"k" * 32)])


class At:
    """A clock that stands."""

    def __init__(self, day: int) -> None:
        self.day = day

    def now_us(self) -> int:
        return self.day * DAY_US + 1


def paths(
    day: int = 20_000, keys: SigningKeys | None = KEYS, *, srs: Any = None, batv: Any = None
) -> SignedPaths:
    return SignedPaths(SrsSettings(**(srs or {})), BatvSettings(**(batv or {})), OURS, keys, At(day))


def mail(sender: Address | None, *, is_local: bool = False) -> Message:
    envelope = Envelope(sender, (AWAY,))
    return Message(QueueId("q"), 0, envelope, 100, origin=Origin(is_local=is_local))


BATV = {"sign": True, "refuse_unsigned": True}


@pytest.mark.parametrize(
    ("sender", "recipient", "is_local", "begin"),
    [
        (STRANGER, FORWARDED, False, "SRS0="),
        (STRANGER, FORWARDED, True, "SRS0="),
        (Address("SRS0=x=y=z=u", "far.example"), FORWARDED, False, "SRS1="),
        (Address("SRS1=x=first.example==rest", "far.example"), FORWARDED, False, "SRS1="),
        (Address("δοκιμή", "far.example"), FORWARDED, False, "SRS0="),
        (Address("prvs=0123abcdef=sue", "far.example"), FORWARDED, False, "SRS0="),
        (STRANGER, AWAY, False, ""),  # relayed, not forwarded: never rewritten
        (STRANGER, AWAY, True, ""),
        (STRANGER, Recipient(BOB, is_forwarded=True), False, ""),  # stays here
        (None, FORWARDED, False, ""),
        (ANN, FORWARDED, False, ""),  # our own domain may send from here; a stranger in our name gets no signature
        (ANN, FORWARDED, True, "prvs="),
        (ANN, AWAY, True, "prvs="),
        (ANN, AWAY, False, ""),
        (ANN, Recipient(BOB), True, ""),
        (None, AWAY, True, ""),
        (Address("prvs=0123abcdef=ann", "ours.example"), AWAY, True, ""),  # once is enough
        (STRANGER, replace(FORWARDED, returns_to=BOB), False, "prvs="),  # a list of ours
        (ANN, replace(FORWARDED, returns_to=parse_address("owner@list.example")), True, ""),  # of somebody else
    ],
)  # fmt: skip
def test_only_what_is_forwarded_is_rewritten_and_only_our_own_is_signed(
    sender: Address | None, recipient: Recipient, is_local: bool, begin: str
) -> None:
    before = recipient.returns_to or sender
    after = paths(batv=BATV).leaving(mail(sender, is_local=is_local), recipient)
    if not begin:
        assert after == before
        return
    assert after is not None
    assert before is not None
    assert after.local_part.startswith(begin)
    assert after.domain == ("ours.example" if begin.startswith("SRS") else before.domain)
    assert after.needs_smtputf8 == before.needs_smtputf8
    if begin != "SRS1=":
        assert paths(batv=BATV).arriving(after, is_notice=True) == Returned(
            before, leads_out=begin == "SRS0="
        )


def test_srs_and_batv_are_as_the_settings_say() -> None:
    assert paths(srs={"rewrite": False}).leaving(mail(STRANGER), FORWARDED) == STRANGER
    assert paths(keys=None).leaving(mail(STRANGER), FORWARDED) == STRANGER
    assert paths(batv=BATV, keys=None).leaving(mail(ANN, is_local=True), AWAY) == ANN
    assert paths().leaving(mail(ANN, is_local=True), AWAY) == ANN
    there = paths(srs={"domain": "also.example"}).leaving(mail(STRANGER), FORWARDED)
    assert there is not None
    assert there.domain == "also.example"


def test_a_path_that_has_no_room_for_more_stays_as_it_is() -> None:
    longest = Address("a" * 64, "b" * 63 + "." + "c" * 63 + "." + "d" * 50)
    assert paths().leaving(mail(longest), FORWARDED) == longest
    assert paths(keys=None).forwarded(STRANGER) is None
    assert paths(keys=None).tagged(ANN) is None


def made(kind: str) -> Address:
    site = paths(batv=BATV)
    path = site.forwarded(STRANGER) if kind == "SRS" else site.tagged(ANN)
    assert path is not None
    return path


def forged(path: Address) -> Address:
    return Address(path.local_part[:-1] + "x", path.domain)


def refused(found: Returned | Reply | None) -> str:
    assert isinstance(found, Reply)
    return str(found)


def test_bounces_to_srs_addresses_go_back_unless_they_are_forged_or_late() -> None:
    path = made("SRS")
    assert paths().arriving(path, is_notice=True) == Returned(STRANGER, leads_out=True)
    assert paths(srs={"rewrite": False}).arriving(path, is_notice=True) == Returned(STRANGER, leads_out=True)
    text = refused(paths().arriving(forged(path), is_notice=True))
    assert text == "550 5.1.1 This return address was not made here, or has been changed since"
    text = refused(paths(20_022).arriving(path, is_notice=True))
    assert text == "550 5.1.1 This return address was made here too long ago"
    assert paths().arriving(path, is_notice=False) is say.NOTICES_ONLY, "it is nobody's mailbox"
    assert paths(keys=None).arriving(path, is_notice=True) is None
    assert paths().arriving(Address(path.local_part, "also.example"), is_notice=True) is None
    assert paths().arriving(Address(path.local_part, "far.example"), is_notice=True) is None


def test_bounces_to_our_users_prove_that_the_message_was_ours() -> None:
    on, off = paths(batv=BATV), paths()
    assert on.arriving(ANN, is_notice=True) is say.UNSIGNED_BOUNCE
    assert paths(batv={"sign": True}).arriving(ANN, is_notice=True) is None
    assert on.arriving(ANN, is_notice=True, is_trusted=True) is None
    for address, is_notice in (
        (ANN, False),
        (parse_address("Postmaster@ours.example"), True),
        (STRANGER, True),
    ):
        assert on.arriving(address, is_notice=is_notice) is None
    path = made("BATV")
    for site in (on, off):
        assert site.arriving(path, is_notice=True) == site.arriving(path, is_notice=False)
        assert site.arriving(path, is_notice=True) == Returned(ANN, leads_out=False)
    assert "not made here" in refused(on.arriving(forged(path), is_notice=True))
    assert "not made here" in refused(on.arriving(forged(path), is_notice=False))
    assert off.arriving(forged(path), is_notice=True) is None, (
        "where nothing is signed it is a name like any other"
    )
    late = paths(20_015, batv=BATV)
    assert "too long ago" in refused(late.arriving(path, is_notice=True))
    assert late.arriving(path, is_notice=False) == Returned(ANN, leads_out=False)


def test_a_signature_of_one_kind_is_none_of_the_other_and_new_keys_count_at_once() -> None:
    site = paths(batv=BATV)
    for path in (made("SRS"), made("BATV")):
        assert isinstance(site.arriving(path, is_notice=True), Returned)
    site.use_keys(SigningKeys.of([SigningKey(0, b"n" * 32)]))
    for path in (made("SRS"), made("BATV")):
        assert isinstance(site.arriving(path, is_notice=True), Reply)
    site.use_keys(KEYS.rotated(b"n" * 32, 20_000 * DAY_US, site.keep_us))
    for path in (made("SRS"), made("BATV")):
        assert isinstance(site.arriving(path, is_notice=True), Returned)
