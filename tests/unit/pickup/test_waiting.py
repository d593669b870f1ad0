"""What waits in the maildrop is told to the operator, and looking at it changes nothing."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.maildrops import ANN, BOB, LETTER, MAILDROP, Office, hand_in, put

from mailrail.maildrop import NEW, TAKING, Handed
from mailrail.model import QueueId, StoreError, format_id
from mailrail.pickup import HandedIn, Waiting
from mailrail.pickup import waiting as waiting_room
from mailrail.sim import Mount, SimDisk, simulate
from mailrail.spool import Disk, SystemDisk

NAME = "0186f2a1b3c4d5e6-1f-0011223344556677"


async def unknown(_queue_id: QueueId) -> bool:
    return False


def waiting(
    disk: Disk, path: Path, resolve: Callable[[QueueId], Awaitable[bool]] = unknown, most: int = 100
) -> list[HandedIn]:
    """Return all that waits, page by page."""
    found: list[HandedIn] = []

    async def main() -> None:
        look = Waiting(disk, path, "mx.example", lambda _uid: ANN, resolve)
        while some := await look.page(found[-1].place if found else "", most):
            assert len(some) <= most
            found.extend(some)

    asyncio.run(main())
    return found


@pytest.fixture
def maildrop(tmp_path: Path) -> Path:
    for directory in (NEW, TAKING):
        (tmp_path / directory).mkdir()
    return tmp_path


def test_a_message_is_told_as_it_was_handed_in(maildrop: Path) -> None:
    handed = Handed(["bob", "eve@example.net"], sender="ann@example.org")
    hand_in(SystemDisk(), NAME, handed, LETTER, maildrop=maildrop)
    os.utime(maildrop / NEW / NAME, (1_750_000_000, 1_750_000_000))
    (found,) = waiting(SystemDisk(), maildrop)
    assert found == HandedIn(
        place=f"new/{NAME}",
        user="ann",
        sender="ann@example.org",
        recipients=("bob@mx.example", "eve@example.net"),
        size_bytes=len(LETTER),
        arrived_us=1_750_000_000_000_000,
    )
    assert found.id == "0186f2a1b3c4d5e6"


@pytest.mark.parametrize(
    ("sender", "told"), [(None, "ann@mx.example"), ("", None), ("bob", "bob@mx.example")]
)
def test_the_sender_is_the_owner_nobody_or_who_was_named(
    maildrop: Path, sender: str | None, told: str | None
) -> None:
    hand_in(SystemDisk(), NAME, Handed(["bob@example.org"], sender=sender), LETTER, maildrop=maildrop)
    assert [one.sender for one in waiting(SystemDisk(), maildrop)] == [told]


def test_many_envelopes_of_any_length_come_page_by_page_each_once(maildrop: Path) -> None:
    many = Handed([f"someone-{number}@example.org" for number in range(5000)])  # longer than a block
    for number in range(7):
        hand_in(SystemDisk(), f"{number:016x}-a", many if number == 3 else BOB, LETTER, maildrop=maildrop)
    found = waiting(SystemDisk(), maildrop, most=3)
    assert [one.place for one in found] == [f"new/{number:016x}-a" for number in range(7)]
    assert found[3].recipients == tuple(many.recipients)


def test_a_page_has_room_for_so_much(maildrop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "PAGE_BYTES", 1000)
    crowd = Handed(["a"] * 500)
    for number in range(3):
        hand_in(SystemDisk(), f"{number:016x}-a", crowd, LETTER, maildrop=maildrop)
    found = waiting(SystemDisk(), maildrop, most=100)
    assert [one.place for one in found] == [f"new/{number:016x}-a" for number in range(3)]
    assert all(900 < sum(map(len, one.recipients)) <= 1000 for one in found)


def test_what_is_being_taken_up_is_told_by_its_id_until_the_spool_has_it(maildrop: Path) -> None:
    ids = [QueueId(format_id(number << 20)) for number in (1, 2, 3)]
    for number, queue_id in enumerate(ids):
        hand_in(SystemDisk(), f"0{number}", BOB, LETTER, maildrop=maildrop)
        (maildrop / NEW / f"0{number}").rename(maildrop / TAKING / queue_id)

    async def resolve(queue_id: QueueId) -> bool:
        return queue_id != ids[2]

    assert [one.id for one in waiting(SystemDisk(), maildrop, resolve, most=1)] == ids[2:]


def test_what_is_no_mail_is_told_with_what_is_wrong_and_stops_nobody(
    maildrop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret"
    elsewhere.write_bytes(b"mailrail 1\nto x@example.org\n\n")
    new = maildrop / NEW
    put(SystemDisk(), "0a", b"Subject: no envelope\r\n", maildrop)
    put(SystemDisk(), "0b", b"", maildrop)
    os.mkfifo(new / "0c")
    (new / "0d").symlink_to(elsewhere)
    os.link(elsewhere, new / "0e")
    (new / "0f").mkdir()
    (new / ".0g").write_bytes(b"being written")
    (new / "Not a name").write_bytes(b"")
    (maildrop / TAKING / "no id").write_bytes(b"")
    told = [(one.id, one.recipients, one.problem) for one in waiting(SystemDisk(), maildrop)]
    assert told == [
        ("0a", (), "it does not begin as mail that was handed in, or is of another version"),
        ("0b", (), "it does not begin as mail that was handed in, or is of another version"),
        ("0c", (), "it is no regular file"),
        ("0d", (), "it cannot be read: Too many levels of symbolic links"),
        ("0e", (), "it has a second name (hard link): it may be somebody else's"),
        ("0f", (), "it is no regular file"),
    ]


def test_where_no_maildrop_is_nothing_waits_and_one_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert waiting(SystemDisk(), tmp_path / "none") == []
    (tmp_path / NEW).write_bytes(b"a file")
    with pytest.raises(StoreError, match="the maildrop cannot be read"):
        waiting(SystemDisk(), tmp_path)


def test_mail_that_cannot_be_taken_now_is_seen_to_wait_until_it_is() -> None:
    office = Office(SimDisk(random.Random(1)))

    async def main() -> None:
        await office.open()
        await asyncio.sleep(1)
        look = Waiting(office.mount, MAILDROP, "mx.example", lambda _uid: ANN, office.spool.resolve)
        has_place = office.spool.has_place
        office.spool.has_place = lambda: False  # type: ignore[method-assign]
        hand_in(Mount(office.disk), NAME, BOB, LETTER)
        await asyncio.sleep(15)
        (found,) = await look.page()
        assert found.place == f"{TAKING}/{found.id}"
        office.spool.has_place = has_place  # type: ignore[method-assign]
        await asyncio.sleep(15)
        assert await look.page() == []
        assert len(office.delivered) == 1
        await office.close()

    simulate(main())
