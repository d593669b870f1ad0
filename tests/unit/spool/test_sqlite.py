"""What the SQLite spool does when the disk, or what is on it, is not as it should be."""

import asyncio
import multiprocessing
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.support.spools import Mail, SqliteDisk, in_loop, keep, store

from mailrail.model import StoreError, StoreTrouble, parse_id
from mailrail.spool import SMALL_BYTES, Filter, Settlement, SqliteSpool, SystemDisk, Want
from mailrail.spool.events import (
    ContentDamaged,
    SpoolBroken,
    SpoolFull,
    SpoolOpened,
    StrangeFile,
    StrayReaped,
)

PLENTY = Want(1000, 1000)
EVERYTHING = Filter()


@pytest.fixture
def disk(tmp_path: Path) -> SqliteDisk:
    return SqliteDisk(tmp_path)


@pytest.fixture
def mail(disk: SqliteDisk) -> Mail:
    return Mail(disk.clock)


@contextmanager
def file_limit(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond *size_bytes*: a real write error, as a quota would give."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class BadCommit:
    """A connection whose next commit fails with an SQLite result code."""

    def __init__(self, db: apsw.Connection, code: int) -> None:
        self._db = db
        self._code = code
        self.is_bad = True

    def execute(self, sql: str, *args: Any) -> object:
        if sql == "COMMIT" and self.is_bad:
            raise apsw.exception_for(self._code)
        return self._db.execute(sql, *args)

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)


def make_bad(spool: SqliteSpool, code: int) -> BadCommit:
    writer = spool._ground.writer
    bad = BadCommit(writer._db, code)
    writer._db = bad  # type: ignore[assignment]
    return bad


def database(disk: SqliteDisk) -> apsw.Connection:
    return apsw.Connection(str(disk.path / "spool.db"))


def types_of(disk: SqliteDisk) -> list[type]:
    return [type(event) for event in disk.events if not isinstance(event, SpoolOpened)]


# -- trouble while writing -------------------------------------------------------------------------


@in_loop
async def test_a_full_disk_refuses_and_recovers_when_there_is_room_again(
    disk: SqliteDisk, mail: Mail
) -> None:
    """A68: nothing of a refused commit is stored, a settlement keeps its lease, what was stored stays."""
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    message = mail.message(size_bytes=200_000)
    draft = spool.begin(message.queue_id)
    draft.write(b"x" * 200_000)
    with file_limit(100_000):
        refused = await asyncio.gather(
            draft.commit(message, mail.items(message), lease=False),
            spool.settle(Settlement(lease, None)),
            return_exceptions=True,
        )
    for answer in refused:
        assert isinstance(answer, StoreError)
        assert answer.trouble is StoreTrouble.FULL
    assert not await spool.resolve(message.queue_id)
    assert SpoolFull in types_of(disk)
    await store(spool, message, mail.items(message))
    assert (await spool.settle(Settlement(lease, None))).done
    assert [row.message for row in await spool.select(EVERYTHING)] == [message]
    await spool.close()


@in_loop
async def test_a_full_disk_refuses_large_content_too_and_leaves_no_file(disk: SqliteDisk, mail: Mail) -> None:
    """A68."""
    spool = await disk.open()
    message = mail.message(size_bytes=2 * SMALL_BYTES)
    with file_limit(SMALL_BYTES):
        with pytest.raises(StoreError) as caught:
            await store(spool, message, mail.items(message))
        assert caught.value.trouble is StoreTrouble.FULL
    await spool.close()
    assert list(disk.path.glob("blobs/*/*")) == []


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (apsw.SQLITE_FULL, StoreTrouble.FULL),
        (apsw.SQLITE_READONLY, StoreTrouble.FAILED),
        (apsw.SQLITE_IOERR_WRITE, StoreTrouble.FAILED),
    ],
)
@in_loop
async def test_a_failed_write_fails_its_batch_and_the_next_may_succeed(
    disk: SqliteDisk, mail: Mail, code: int, trouble: StoreTrouble
) -> None:
    """A68."""
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    bad = make_bad(spool, code)
    answers = await asyncio.gather(
        keep(spool, mail, lease=True), spool.settle(Settlement(lease, None)), return_exceptions=True
    )
    assert all(isinstance(answer, StoreError) and answer.trouble is trouble for answer in answers)
    bad.is_bad = False
    assert (await spool.settle(Settlement(lease, None))).done
    await keep(spool, mail)
    assert await spool.count(EVERYTHING) == 1
    await spool.close()


@pytest.mark.parametrize("code", [apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR, apsw.SQLITE_CORRUPT])
@in_loop
async def test_after_a_failed_sync_nothing_is_written_until_the_spool_is_opened_anew_or_cured(
    disk: SqliteDisk, mail: Mail, code: int
) -> None:
    """A68: a sync that failed is never tried again and then called good."""
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    bad = make_bad(spool, code)
    with pytest.raises(StoreError):
        await keep(spool, mail)
    bad.is_bad = False
    with pytest.raises(StoreError, match="until its disk is cured"):
        spool.begin(mail.message().queue_id)
    with pytest.raises(StoreError, match="until its disk is cured"):
        await spool.settle(Settlement(lease, None))
    with pytest.raises(StoreError):
        await spool.claim(PLENTY)
    assert await spool.count(EVERYTHING) == 1
    assert types_of(disk) == [SpoolBroken]
    await spool.close()
    spool = await disk.open()
    await keep(spool, mail)
    assert len(await spool.claim(PLENTY)) == 2
    await spool.close()


@in_loop
async def test_the_file_of_a_row_whose_sync_failed_is_kept_until_the_disk_is_cured(
    disk: SqliteDisk, mail: Mail
) -> None:
    """A68: the row may be there then."""
    spool = await disk.open()
    bad = make_bad(spool, apsw.SQLITE_IOERR_FSYNC)
    message = mail.message(size_bytes=2 * SMALL_BYTES)
    with pytest.raises(StoreError):
        await store(spool, message, mail.items(message))
    with pytest.raises(StoreError, match="not cured"):
        await spool.cure()
    bad.is_bad = False
    await spool.cure()  # too soon for another
    await spool.maintain()
    assert spool._ground.blobs.path(message.queue_id).exists()
    await spool.close()


@in_loop
async def test_a_caller_that_gave_up_waiting_leaves_its_items_to_a_claim(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool = await disk.open()
    for size_bytes in (10, 2 * SMALL_BYTES):
        message = mail.message(size_bytes=size_bytes)
        draft = spool.begin(message.queue_id)
        draft.write(b"x" * size_bytes)
        commit = asyncio.ensure_future(draft.commit(message, mail.items(message), lease=True))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        assert await spool.resolve(message.queue_id)
    claim = asyncio.ensure_future(spool.claim(PLENTY))
    await asyncio.sleep(0)
    claim.cancel()
    await asyncio.gather(claim, return_exceptions=True)
    await spool._filing.drain()
    await spool._group.drain()
    assert len(await spool.claim(PLENTY)) == 2
    await spool.close()


@in_loop
async def test_a_settlement_that_nobody_waits_for_leaves_its_notices_to_a_claim(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    notice = mail.notice()
    assert spool.settle(Settlement(lease, None, (notice,)), lease_new=True).cancel()
    await spool._group.drain()
    assert [one.message for one in await spool.claim(PLENTY)] == [notice.message]
    await spool.close()


@in_loop
async def test_more_than_a_mebibyte_waiting_for_the_disk_makes_the_sender_wait(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool = await disk.open()
    message = mail.message(size_bytes=8 * 2**20)
    draft = spool.begin(message.queue_id)
    waits = 0
    for _ in range(32):
        waiting = draft.write(b"y" * SMALL_BYTES)
        if waiting is not None:
            waits += 1
            await waiting
    assert waits > 2
    content = (await draft.commit(message, mail.items(message), lease=False)).content
    assert await content.read(8 * 2**20 - 3, 10) == b"yyy"
    await spool.close()


# -- who may open it -------------------------------------------------------------------------------


def hold_spool(
    path: Path, is_open: "multiprocessing.synchronize.Event", may_end: "multiprocessing.synchronize.Event"
) -> None:
    async def main() -> None:
        disk = SqliteDisk(path)
        await disk.open()
        is_open.set()
        await asyncio.get_running_loop().run_in_executor(None, may_end.wait, 30)
        os._exit(9)  # no clean end: the lock must not outlive the process

    asyncio.run(main())


@in_loop
async def test_a_second_process_is_refused_by_name_and_a_dead_one_leaves_no_lock(
    disk: SqliteDisk, tmp_path: Path
) -> None:
    """A71."""
    context = multiprocessing.get_context("spawn")
    is_open, may_end = context.Event(), context.Event()
    child = context.Process(target=hold_spool, args=(tmp_path, is_open, may_end))
    child.start()
    assert is_open.wait(30)
    with pytest.raises(StoreError, match=f"in use by process {child.pid} on ") as caught:
        await disk.open()
    assert caught.value.trouble is StoreTrouble.LOCKED
    may_end.set()
    child.join(30)
    await (await disk.open()).close()


@in_loop
async def test_the_same_process_cannot_open_it_twice_either(disk: SqliteDisk) -> None:
    """A71."""
    spool = await disk.open()
    with pytest.raises(StoreError, match="in use by"):
        await disk.open()
    await spool.close()
    await (await disk.open()).close()


@in_loop
async def test_a_spool_of_a_newer_format_is_refused(disk: SqliteDisk) -> None:
    """A70."""
    await (await disk.open()).close()
    with database(disk) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer mailrail") as caught:
        await disk.open()
    assert caught.value.trouble is StoreTrouble.UNSUITABLE


@in_loop
async def test_a_spool_of_the_first_format_is_brought_up_to_date_with_its_mail(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool = await disk.open()
    await keep(spool, mail)
    await spool.close()
    with database(disk) as db:
        db.execute("DROP TABLE hold")
        db.execute("PRAGMA user_version = 1")
    db.close()
    spool = await disk.open()
    assert await spool.count(EVERYTHING) == 1
    await spool.hold_new(EVERYTHING)
    assert spool.holds() == (EVERYTHING,)
    await spool.close()


@in_loop
async def test_a_standing_hold_that_cannot_be_stored_does_not_stand(disk: SqliteDisk, mail: Mail) -> None:
    """A68."""
    spool = await disk.open()
    bad = make_bad(spool, apsw.SQLITE_FULL)
    with pytest.raises(StoreError):
        await spool.hold_new(EVERYTHING)
    bad.is_bad = False
    assert spool.holds() == ()
    assert len(await keep(spool, mail, lease=True)) == 1
    await spool.close()


@in_loop
async def test_the_database_of_another_program_is_refused(disk: SqliteDisk) -> None:
    """A70."""
    disk.path.mkdir()
    with database(disk) as db:
        db.execute("CREATE TABLE theirs(x)")
    db.close()
    with pytest.raises(StoreError, match="another program"):
        await disk.open()


@in_loop
async def test_a_file_that_is_no_database_is_told_with_a_mend(disk: SqliteDisk) -> None:
    """A70."""
    disk.path.mkdir()
    (disk.path / "spool.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match=r"\.recover") as caught:
        await disk.open()
    assert caught.value.trouble is StoreTrouble.DAMAGED


@in_loop
async def test_links_and_foreign_things_in_the_place_of_ours_are_refused(
    disk: SqliteDisk, tmp_path: Path
) -> None:
    """A70."""
    disk.path.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (disk.path / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is not a directory") as caught:
        await disk.open()
    assert caught.value.trouble is StoreTrouble.UNSUITABLE
    (disk.path / "blobs").unlink()
    (disk.path / "spool.db").symlink_to(tmp_path / "theirs")
    with pytest.raises(StoreError, match="is a link"):
        await disk.open()
    assert not (tmp_path / "theirs").exists()


@in_loop
async def test_a_path_that_is_a_file_is_refused(disk: SqliteDisk) -> None:
    disk.path.write_bytes(b"")
    with pytest.raises(StoreError, match="is not a directory"):
        await disk.open()


@in_loop
async def test_everything_is_private(disk: SqliteDisk, mail: Mail) -> None:
    """A70."""
    disk.path.mkdir(mode=0o755)
    spool = await disk.open()
    message = mail.message(size_bytes=2 * SMALL_BYTES)
    await store(spool, message, mail.items(message))
    for path in disk.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    await spool.close()


@in_loop
async def test_a_directory_that_others_may_write_to_is_refused_and_left_as_it_is(disk: SqliteDisk) -> None:
    """A70: it may be one that others need, named by mistake."""
    disk.path.mkdir()
    disk.path.chmod(0o777)
    with pytest.raises(StoreError, match="others may write") as caught:
        await disk.open()
    assert caught.value.trouble is StoreTrouble.UNSUITABLE
    assert disk.path.stat().st_mode & 0o777 == 0o777


@in_loop
async def test_a_closed_spool_refuses_everything(disk: SqliteDisk, mail: Mail) -> None:
    spool = await disk.open()
    (lease,) = await keep(spool, mail, lease=True)
    await spool.close()
    with pytest.raises(StoreError, match="is closed"):
        spool.begin(mail.message().queue_id)
    with pytest.raises(StoreError, match="is closed"):
        await spool.settle(Settlement(lease, None))
    with pytest.raises(StoreError, match="is closed"):
        await spool.count(EVERYTHING)


# -- what does not read back -----------------------------------------------------------------------


@in_loop
async def test_a_record_that_does_not_decode_is_set_aside_and_the_rest_proceeds(
    disk: SqliteDisk, mail: Mail
) -> None:
    """A70."""
    spool = await disk.open()
    for _ in range(3):
        await keep(spool, mail)
    bad, other, worse = [row.message.queue_id for row in await spool.select(EVERYTHING)]
    await spool.close()
    with database(disk) as db:
        db.execute("UPDATE message SET record = x'00ff' WHERE id = ?", (parse_id(bad),))
        db.execute("DELETE FROM message WHERE id = ?", (parse_id(worse),))
    db.close()
    spool = await disk.open()
    assert [lease.item.queue_id for lease in await spool.claim(PLENTY)] == [other]
    assert [row.item.queue_id for row in await spool.select(EVERYTHING)] == [other]
    damaged = [event.queue_id for event in disk.events if isinstance(event, ContentDamaged)]
    assert sorted(damaged) == [bad, worse]
    await spool.close()
    db = database(disk)
    assert len(list(db.execute("SELECT * FROM damaged"))) == 2
    db.close()


@in_loop
async def test_listing_sets_aside_what_does_not_decode(disk: SqliteDisk, mail: Mail) -> None:
    """A70."""
    spool = await disk.open()
    for _ in range(3):
        await keep(spool, mail)
    await spool.close()
    with database(disk) as db:
        db.execute("UPDATE item SET pending = x'ff' WHERE message_id = (SELECT min(id) FROM message)")
    db.close()
    spool = await disk.open()
    assert len(await spool.select(EVERYTHING, limit=1)) == 1
    assert await spool.count(EVERYTHING) == 2
    assert types_of(disk) == [ContentDamaged]
    await spool.close()


@in_loop
async def test_a_flipped_bit_in_content_is_never_delivered(disk: SqliteDisk, mail: Mail) -> None:
    """A70: in the database and in a file; the lease on it ends, and it is kept for the operator."""
    spool = await disk.open()
    small, large = mail.message(), mail.message(size_bytes=2 * SMALL_BYTES)
    committed = [await store(spool, one, mail.items(one), lease=True) for one in (small, large)]
    await asyncio.to_thread(_flip, disk, parse_id(small.queue_id))
    (path,) = disk.path.glob("blobs/*/*")
    body = bytearray(path.read_bytes())
    body[300_000] ^= 4
    path.write_bytes(body)
    for message, stored in zip((small, large), committed, strict=True):
        with pytest.raises(StoreError, match="not what was stored") as caught:
            await spool.open(message.queue_id)
        assert caught.value.trouble is StoreTrouble.DAMAGED
        assert not (await spool.settle(Settlement(stored.leases[0], None))).done
    assert await spool.count(EVERYTHING) == 0
    assert types_of(disk) == [ContentDamaged, ContentDamaged]
    await spool.close()
    assert (disk.path / "corrupt" / large.queue_id).read_bytes() == body


def _flip(disk: SqliteDisk, number: int) -> None:
    with database(disk) as db:
        db.execute("UPDATE message SET body = CAST(x'00' || substr(body, 2) AS BLOB) WHERE id = ?", (number,))
    db.close()


@pytest.mark.parametrize("harm", ["missing", "short", "link", "second name"])
@in_loop
async def test_a_file_that_is_not_whole_or_not_ours_is_damage(
    disk: SqliteDisk, mail: Mail, tmp_path: Path, harm: str
) -> None:
    """A70."""
    spool = await disk.open()
    message = mail.message(size_bytes=2 * SMALL_BYTES)
    await store(spool, message, mail.items(message))
    (path,) = disk.path.glob("blobs/*/*")
    if harm == "missing":
        path.unlink()
    elif harm == "short":
        os.truncate(path, 5)
    elif harm == "link":
        path.rename(tmp_path / "moved")
        path.symlink_to(tmp_path / "moved")
    else:
        os.link(path, tmp_path / "second")
    with pytest.raises(StoreError) as caught:
        await spool.open(message.queue_id)
    assert caught.value.trouble is StoreTrouble.DAMAGED
    assert await spool.count(EVERYTHING) == 0
    await spool.close()


@in_loop
async def test_strays_are_reaped_and_strange_files_moved_aside(
    disk: SqliteDisk, mail: Mail, tmp_path: Path
) -> None:
    """A66, A70: what a killed process was writing goes; what it never wrote is not followed."""
    spool = await disk.open()
    kept = mail.message(size_bytes=2 * SMALL_BYTES)
    await store(spool, kept, mail.items(kept))
    receiving = mail.message(size_bytes=2 * SMALL_BYTES)
    draft = spool.begin(receiving.queue_id)
    draft.write(b"x" * 2 * SMALL_BYTES)
    stray = spool._ground.blobs.path(mail.message().queue_id)
    stray.write_bytes(b"half of a mess")
    (stray.parent / "README").write_bytes(b"what is this")
    (stray.parent / "link").symlink_to(tmp_path)
    await spool.maintain()
    assert not stray.exists()
    assert sorted(path.name[3:] for path in (disk.path / "corrupt").iterdir()) == ["README", "link"]
    assert sorted(map(str, types_of(disk))) == sorted(map(str, [StrangeFile, StrangeFile, StrayReaped]))
    await draft.commit(receiving, mail.items(receiving), lease=False)
    await spool.maintain()
    for message in (kept, receiving):
        assert (await spool.open(message.queue_id)).size_bytes == 2 * SMALL_BYTES
    await spool.close()


@in_loop
async def test_each_checkpoint_after_a_change_moves_it_into_the_database(
    disk: SqliteDisk, mail: Mail
) -> None:
    """Without a change there is none, so that disks may sleep."""
    spool = await disk.open()
    writer, database = spool._ground.writer, disk.path / "spool.db"
    for _ in range(2):
        await spool.maintain()
        assert writer._changes_moved == writer._db.total_changes()
        before = database.read_bytes()
        message = mail.message()
        await store(spool, message, mail.items(message))
        assert database.read_bytes() == before
        await spool.maintain()
        assert database.read_bytes() != before
    await spool.close()


@in_loop
async def test_the_file_goes_with_the_message(disk: SqliteDisk, mail: Mail) -> None:
    spool = await disk.open()
    message = mail.message(["a@one.example", "b@two.example"], size_bytes=2 * SMALL_BYTES)
    one, two = (await store(spool, message, mail.items(message), lease=True)).leases
    await spool.settle(Settlement(one, None))
    await spool._filing.drain()
    assert len(list(disk.path.glob("blobs/*/*"))) == 1
    await spool.settle(Settlement(two, None))
    await spool.close()
    assert list(disk.path.glob("blobs/*/*")) == []


@in_loop
async def test_a_duplicate_queue_id_leaves_the_first_ones_file_alone(disk: SqliteDisk, mail: Mail) -> None:
    spool = await disk.open()
    message = mail.message(size_bytes=2 * SMALL_BYTES)
    await store(spool, message, mail.items(message))
    with pytest.raises(StoreError):
        await store(spool, message, mail.items(message))
    assert (await spool.open(message.queue_id)).size_bytes == 2 * SMALL_BYTES
    await spool.close()


@in_loop
async def test_leases_of_a_process_that_died_are_counted_at_the_opening(disk: SqliteDisk, mail: Mail) -> None:
    spool = await disk.open()
    await keep(spool, mail, lease=True)
    await spool.close()
    await (await disk.open()).close()
    assert [event.recovered for event in disk.events if isinstance(event, SpoolOpened)] == [0, 1]


class LonelyDisk(SystemDisk):
    """A disk whose databases have no memory in common between connections."""

    may_share = False  # type: ignore[misc]  # SystemDisk says it for good


@in_loop
async def test_where_a_database_has_one_connection_reader_and_writer_share_it(
    disk: SqliteDisk, mail: Mail
) -> None:
    disk.door = LonelyDisk()
    spool = await disk.open()
    leases = await asyncio.gather(*(keep(spool, mail, lease=True) for _ in range(20)))
    answers = await asyncio.gather(
        *(spool.settle(Settlement(lease, None)) for (lease,) in leases), spool.select(EVERYTHING)
    )
    assert len(answers) == 21
    assert await spool.count(EVERYTHING) == 0
    assert not (disk.path / "spool.db-shm").exists()
    await spool.close()
