"""From the maildrop into the spool: what is mail is taken, what is not is kept, and whoever waits is told."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from tests.support.maildrops import (
    ANN,
    BOB,
    DOOR_AT,
    LETTER,
    MAILDROP,
    MOST_BYTES,
    Office,
    body_of,
    hand_in,
    put,
)
from tests.support.memory_net import MemoryNetwork

from mailrail.config import MailrailSettings
from mailrail.daemon.addressing import open_addresses
from mailrail.intake.events import MessageAccepted
from mailrail.maildrop import ASIDE, LIMIT, NEW, TAKING, Handed
from mailrail.model import Address, Notify, Recipient, Ret
from mailrail.net import Connection
from mailrail.observe import Bus
from mailrail.pickup import Access, Correspondence, MaildropSettings, Person, Senders
from mailrail.pickup.events import HandedInRefused, HandedInSetAside, MaildropFailed
from mailrail.pickup.ground import Ground
from mailrail.sim import SimDisk, simulate
from mailrail.spool import SystemDisk
from mailrail.tables import Doors, open_tables

Check = Callable[[Office], Coroutine[None, None, None]]


def with_office(
    check: Check,
    settings: MaildropSettings | None = None,
    person: Person = ANN,
    correspondence: Callable[[Bus], Correspondence] = lambda _bus: Correspondence(),
) -> Office:
    """Run *check* on an office, and return what is left of it."""
    office = Office(SimDisk(random.Random(1)), settings, person)
    office.correspondence = correspondence

    async def main() -> None:
        await office.open()
        await asyncio.sleep(1)
        await check(office)
        await office.close()

    simulate(main())
    return office


def names(office: Office, directory: str) -> list[str]:
    return sorted(office.disk.find(MAILDROP / directory).names)  # type: ignore[union-attr]


def taken(handed: Handed, content: bytes = LETTER, settings: MaildropSettings | None = None) -> Office:
    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", handed, content)
        await asyncio.sleep(15)

    return with_office(check, settings)


def test_a_message_is_taken_completed_and_its_file_gone() -> None:
    office = taken(BOB)
    (content,) = office.delivered
    trace, _, rest = content.partition(b"\r\nFrom:")
    assert trace.startswith(b"Received: by mx.example with local id ")
    assert rest.startswith(b" Ann Lee <ann@mx.example>\r\nDate: ")
    assert body_of(content) == LETTER
    assert b"Message-ID: <" in rest
    assert names(office, NEW) == names(office, TAKING) == names(office, ASIDE) == []
    (accepted,) = office.told(MessageAccepted)
    assert isinstance(accepted, MessageAccepted)
    assert (accepted.user, accepted.protocol, accepted.sender) == ("ann", "local", "ann@mx.example")
    assert office.leases[0].message.origin.is_local


def test_the_envelope_is_what_was_handed_in() -> None:
    handed = Handed(
        ["bob@example.org", "root", "bob@example.org"],
        sender="list@example.org", name="L", notify="SUCCESS,DELAY", ret="HDRS", envid="Q1",
    )  # fmt: skip
    office = taken(handed, settings=MaildropSettings(origin="example.net"))
    envelope = office.leases[0].message.envelope
    wishes = Notify.SUCCESS | Notify.DELAY
    assert envelope.reverse_path == Address("list", "example.org")
    assert envelope.recipients == (
        Recipient(Address("bob", "example.org"), wishes),
        Recipient(Address("root", "example.net"), wishes),
    )
    assert (envelope.ret, envelope.envid, envelope.smtputf8) == (Ret.HDRS, "Q1", False)
    assert b"From: L <list@example.org>\r\n" in office.delivered[0]


def test_the_null_reverse_path_and_addresses_that_are_not_ascii_stay_what_they_are() -> None:
    office = taken(Handed(["müller@example.org"], sender=""))
    envelope = office.leases[0].message.envelope
    assert envelope.reverse_path is None
    assert envelope.smtputf8
    assert b"From: Ann Lee <ann@mx.example>\r\n" in office.delivered[0]


@pytest.mark.parametrize("size", [200_000, 300_000])
def test_a_large_message_is_taken_piece_by_piece(size: int) -> None:
    letter = b"Subject: large\r\nFrom: ann@example.org\r\n\r\n" + b"x" * 78 + b"\r\n" * (size // 2)
    (content,) = taken(BOB, letter).delivered
    assert body_of(content) == letter


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "does not begin"),
        (b"From ann\r\n", "does not begin"),
        (b"mailrail 1\nto bob\n\n", "cut short"),
        (b"mailrail 1\nto bob\n\n" + b"x" * 300, "cut short"),
    ],
)
def test_a_file_that_is_no_mail_is_set_aside_with_an_event(octets: bytes, why: str) -> None:
    async def check(office: Office) -> None:
        put(office.mount, "0a", octets)
        await asyncio.sleep(15)

    office = with_office(check)
    (event,) = office.told(HandedInSetAside)
    assert isinstance(event, HandedInSetAside)
    assert why in event.reason
    assert names(office, ASIDE) == [event.queue_id]
    assert event.file == str(MAILDROP / ASIDE / event.queue_id)
    assert event.user == "ann"
    assert office.delivered == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"Subject: x\r\n\r\n.\n.\r\n", "stands alone"),
        (b"Subject: x\r\n\r\na\rb\r\n", "stands alone"),
        (b"Subject: x\r\n\r\na\0b\r\n", "NUL"),
        (b"Subject: x\r\n\r\nhello", "no end"),
        (b"Subject: x\r\n\r\n" + b"x" * MOST_BYTES + b"\r\n", "too big"),
        (b"Received: x\r\n" * 60 + b"\r\n", "loop"),
    ],
)
def test_whoever_writes_a_file_himself_smuggles_nothing_by_it(content: bytes, why: str) -> None:
    office = taken(BOB, content)
    (event,) = office.told(HandedInSetAside)
    assert isinstance(event, HandedInSetAside)
    assert why in event.reason
    assert office.delivered == []
    assert names(office, ASIDE) == [event.queue_id]


def test_a_bit_that_has_turned_over_is_seen() -> None:
    async def check(office: Office) -> None:
        for bit in range(0, 8 * 80, 37):
            hand_in(office.mount, f"0{bit:x}", BOB, LETTER, spoil=bit or 1)
        await asyncio.sleep(30)

    office = with_office(check)
    assert office.delivered == []
    assert len(office.told(HandedInSetAside)) == 18


def test_many_are_taken_in_their_order_and_none_twice() -> None:
    async def check(office: Office) -> None:
        for number in range(70):
            hand_in(office.mount, f"{number:04x}", BOB, b"Subject: %d\r\n\r\n" % number)
        await asyncio.sleep(15)

    office = with_office(check)
    assert [body_of(one) for one in office.delivered] == [b"Subject: %d\r\n\r\n" % n for n in range(70)]


def test_names_that_we_do_not_give_are_left_alone() -> None:
    async def check(office: Office) -> None:
        for name in ("UPPER", "a b", "a" * 65):
            put(office.mount, name, b"")
        await asyncio.sleep(15)

    office = with_office(check)
    assert len(names(office, NEW)) == 3
    assert office.told(HandedInSetAside) == []


# --- Who may what ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "handed", "header", "reply"),
    [
        ({}, Handed(["b@x.example"], sender="eve@x.example"), b"From: eve@x.example", None),
        ({"users": ("bob",)}, BOB, b"A: b", "550 5.7.1"),
        ({"users": ("ann",)}, BOB, b"A: b", None),
        ({"senders": Senders.OWN}, BOB, b"From: Ann <ann@mx.example>", None),
        ({"senders": Senders.OWN}, BOB, b"A: b", None),
        ({"senders": Senders.OWN}, BOB, b"From: eve@x.example", "550 5.7.1"),
        ({"senders": Senders.OWN}, Handed(["b@x.example"], sender="eve@x.example"), b"A: b", "553 5.7.1"),
        ({"senders": Senders.OWN}, Handed(["b@x.example"], sender=""), b"A: b", None),
        ({"senders": Senders.OWN, "trusted": ("ann",)}, Handed(["b@x.example"], sender="eve@x.example"), b"A: b", None),
        ({"senders": Senders.OWN, "origin": "x.example"}, BOB, b"From: ann@x.example", None),
        ({}, Handed(["b@-x.example"]), b"A: b", "501 5.1.3"),
    ],
)  # fmt: skip
def test_who_may_send_as_whom(
    settings: dict[str, object], handed: Handed, header: bytes, reply: str | None
) -> None:
    office = taken(handed, header + b"\r\n\r\n", MaildropSettings.model_validate(settings))
    reasons = [event.reason[: len(reply or "")] for event in office.told(HandedInSetAside)]  # type: ignore[attr-defined]
    assert reasons == ([reply] if reply else [])
    assert len(office.delivered) == (0 if reply else 1)


class Nobody:
    """A next hop that is not asked."""

    async def takes(self, address: Address) -> bool:
        raise NotImplementedError


def ours(bus: Bus) -> Correspondence:
    """Answer for ours.example, where info stands for two, and nobody else lives."""
    domain = {"alias": {"info": ["bob@x.example", "eve@x.example"]}, "mailboxes": ["people"]}
    settings = MailrailSettings.model_validate(
        {
            "hostname": "mx.example",
            "domain": {"ours.example": domain},
            "table": {"people": {"kind": "inline", "entries": {"bob": ""}}},
        }
    )
    tables = open_tables(settings.table, Doors(bus, MemoryNetwork()))
    addresses, rewriter = open_addresses(settings, tables, None, Nobody(), bus)
    return Correspondence(addresses, rewriter=rewriter)


def masked(bus: Bus) -> Correspondence:
    """Write ann@mx.example as ann@example.org."""
    settings = MailrailSettings.model_validate(
        {
            "hostname": "mx.example",
            "canonical": {"sender": ["masks"]},
            "table": {"masks": {"kind": "inline", "entries": {"ann@mx.example": "ann.lee@example.org"}}},
        }
    )
    tables = open_tables(settings.table, Doors(bus, MemoryNetwork()))
    addresses, rewriter = open_addresses(settings, tables, None, Nobody(), bus)
    return Correspondence(addresses, rewriter=rewriter)


def test_senders_are_written_as_the_settings_call_them_also_in_fields_that_are_added() -> None:
    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, LETTER)
        hand_in(office.mount, "0b", BOB, b"From: Me <ann@mx.example>\r\n" + LETTER)
        await asyncio.sleep(15)

    office = with_office(check, correspondence=masked)
    senders = [str(lease.message.envelope.reverse_path) for lease in office.leases]
    assert senders == ["ann.lee@example.org"] * 2
    assert b"From: Ann Lee <ann.lee@example.org>\r\n" in office.delivered[0]
    assert b"From: Me <ann.lee@example.org>\r\n" in office.delivered[1]


def test_an_alias_is_expanded_before_it_is_stored() -> None:
    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", Handed(["info@ours.example", "carl@x.example"]), LETTER)
        await asyncio.sleep(15)

    office = with_office(check, correspondence=ours)
    paths = [str(one.forward_path) for one in office.leases[0].message.envelope.recipients]
    assert paths == ["bob@x.example", "eve@x.example", "carl@x.example"]


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("sender", [None, ""])
def test_an_unknown_recipient_is_told_to_who_waits_and_else_fails_as_in_a_delivery(
    waits: bool, sender: str | None
) -> None:
    async def check(office: Office) -> None:
        handed = Handed(["gone@ours.example", "carl@x.example"], sender=sender)
        hand_in(office.mount, "0a", handed, LETTER)
        if waits:
            caller = await call(office, "0a")
        await asyncio.sleep(15)
        if waits:
            assert caller.text.startswith(b"550 5.1.1 ")

    office = with_office(check, correspondence=ours)
    targets = [
        (str(one.forward_path), one.target)
        for lease in office.leases
        for one in lease.message.envelope.recipients
    ]
    if waits:
        assert targets == []
        assert names(office, ASIDE) == []
    elif sender is None:
        assert targets == [("gone@ours.example", "unknown"), ("carl@x.example", "")] * len(office.leases)
    else:
        # Nobody could be sent a notice.
        assert targets == []
        assert len(names(office, ASIDE)) == 1


# --- The door ---------------------------------------------------------------------------------------


class Caller:
    """A program that waits at the door."""

    def __init__(self, connection: Connection, *, confirms: bool = True) -> None:
        self.text = b""
        self.is_over = False
        self._connection = connection
        self._confirms = confirms
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        self.text += data
        if self.text.startswith(b"5") and self._confirms:
            self._connection.write(b"heard\n")

    def writable(self) -> None:
        pass

    def ended(self, error: object, /) -> None:
        self.is_over = True


async def call(office: Office, name: str, *, confirms: bool = True) -> Caller:
    connection = await office.network.connect(DOOR_AT, timeout_s=1)
    caller = Caller(connection, confirms=confirms)
    connection.write(f"{name}\n".encode())
    return caller


def test_who_knocks_is_told_at_once_that_the_message_is_taken() -> None:
    callers = []

    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, LETTER)
        callers.append(await call(office, "0a"))
        await asyncio.sleep(0.5)

    office = with_office(check)
    assert callers[0].text == b"250 2.0.0 Queued as %s\n" % office.leases[0].message.queue_id.encode()
    assert callers[0].is_over
    assert len(office.delivered) == 1


def test_who_knocks_a_moment_too_late_is_told_all_the_same() -> None:
    callers = []

    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, LETTER)
        await asyncio.sleep(15)
        callers.append(await call(office, "0a"))
        await asyncio.sleep(0.5)

    with_office(check)
    assert callers[0].text.startswith(b"250 ")


REFUSING = MaildropSettings(users=("bob",))


@pytest.mark.parametrize("is_late", [False, True])
def test_who_is_refused_and_has_heard_it_keeps_his_message_himself(is_late: bool) -> None:
    callers = []

    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, LETTER)
        if is_late:
            await asyncio.sleep(9.5)  # it was found by the look, a moment ago
        callers.append(await call(office, "0a"))
        await asyncio.sleep(5)

    office = with_office(check, REFUSING)
    assert callers[0].text == b"550 5.7.1 ann may not hand in mail here: see maildrop.users\n"
    assert names(office, NEW) == names(office, TAKING) == names(office, ASIDE) == []
    assert len(office.told(HandedInRefused)) == 1


def test_who_is_refused_and_does_not_confirm_may_not_have_heard_it_so_the_message_is_kept() -> None:
    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, LETTER)
        await call(office, "0a", confirms=False)
        await asyncio.sleep(30)

    office = with_office(check, REFUSING)
    assert len(names(office, ASIDE)) == 1


@pytest.mark.parametrize("words", [b"\n", b"../x\n", b"x" * 1000, b"NAME\n", b"\xff\n"])
def test_nonsense_at_the_door_is_turned_away(words: bytes) -> None:
    callers = []

    async def check(office: Office) -> None:
        connection = await office.network.connect(DOOR_AT, timeout_s=1)
        callers.append(Caller(connection))
        connection.write(words)
        await asyncio.sleep(1)

    with_office(check)
    assert callers[0].is_over
    assert callers[0].text == b""


def test_who_waits_for_nothing_is_sent_away_in_the_end_and_a_crowd_at_once() -> None:
    crowd = []

    async def check(office: Office) -> None:
        crowd.extend([await call(office, f"{number:x}") for number in range(201)])
        await asyncio.sleep(1)
        assert sum(caller.is_over for caller in crowd) == 1
        await asyncio.sleep(25)

    with_office(check)
    assert all(caller.is_over for caller in crowd)


# --- Trouble ----------------------------------------------------------------------------------------


def test_while_the_disk_is_full_mail_waits_and_then_goes_on() -> None:
    async def check(office: Office) -> None:
        hand_in(office.mount, "0a", BOB, b"Subject: x\r\n\r\n" + b"x" * 300_000 + b"\r\n")
        free, office.disk.free_bytes = office.disk.free_bytes, 0
        await asyncio.sleep(25)
        assert office.delivered == []
        office.disk.free_bytes = free
        await asyncio.sleep(25)

    office = with_office(check)
    assert len(office.delivered) == 1
    assert office.told(HandedInSetAside) == []


def test_what_cannot_be_used_is_told_once_and_used_when_it_can() -> None:
    async def check(office: Office) -> None:
        office.disk.is_read_only = True
        hand_in_later = asyncio.sleep(60)
        await hand_in_later
        assert len(office.told(MaildropFailed)) <= 1
        office.disk.is_read_only = False
        hand_in(office.mount, "0a", BOB, LETTER)
        await asyncio.sleep(15)

    assert len(with_office(check).delivered) == 1


@pytest.mark.parametrize(
    ("access", "top", "new", "limit"),
    [(Access.OWNER, 0o700, 0o2700, 0o600), (Access.EVERYONE, 0o711, 0o3733, 0o644)],
)
def test_the_directory_has_the_rights_that_its_access_means(
    access: Access, top: int, new: int, limit: int
) -> None:
    async def check(_office: Office) -> None:
        await asyncio.sleep(1)

    disk = with_office(check, MaildropSettings(access=access)).disk
    modes = {name: disk.find(MAILDROP / name).mode & 0o7777 for name in ("", NEW, TAKING, ASIDE)}
    assert modes == {"": top, NEW: new, TAKING: 0o700, ASIDE: 0o700}
    assert disk.find(MAILDROP.parent).mode & 0o077 == (0o011 if access is Access.EVERYONE else 0)
    told = disk.find(MAILDROP / LIMIT)
    assert (told.mode & 0o777, told.content) == (limit, b"%d" % MOST_BYTES)  # type: ignore[union-attr]


class Strict(SystemDisk):
    """What systemd's RestrictSUIDSGID= makes of a disk."""

    def set_mode(self, where: Path | int, mode: int) -> None:
        if mode & 0o6000:
            raise PermissionError(1, "Operation not permitted")
        super().set_mode(where, mode)


def test_where_no_set_group_id_is_allowed_the_owner_gets_a_maildrop_and_everyone_is_told_why_not(
    tmp_path: Path,
) -> None:
    Ground(Strict(), tmp_path / "maildrop", Access.OWNER).prepare(1000)
    assert (tmp_path / "maildrop" / NEW).stat().st_mode & 0o7777 == 0o700
    with pytest.raises(PermissionError, match="RestrictSUIDSGID"):
        Ground(Strict(), tmp_path / "maildrop", Access.EVERYONE).prepare(1000)
