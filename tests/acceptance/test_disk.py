"""ACCEPTANCE §3: what the whole daemon does with a disk that is full, broken, damaged or taken."""

import asyncio
import errno
import os
import random
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.acceptance.house import ANN, HOP, LETTER, House, live

from mailrail.model import StoreError, StoreTrouble
from mailrail.sim import SimDisk
from mailrail.spool import SMALL_BYTES

LARGE = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (SMALL_BYTES // 50)
HOUR_S = 3600.0


class BadDisk:
    """A connection to the database whose commits fail while `code` is set."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.code = 0

    def execute(self, sql: str, *args: Any) -> object:
        if self.code and sql == "COMMIT":
            raise apsw.exception_for(self.code)
        return self._db.execute(sql, *args)

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)


def spoil(house: House) -> BadDisk:
    writer = house.daemon.spool._ground.writer  # type: ignore[attr-defined]
    writer._db = BadDisk(writer._db)
    return writer._db  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (apsw.SQLITE_FULL, "452 4.3.1"),
        (apsw.SQLITE_IOERR_WRITE, "451 4.3.0"),
        (apsw.SQLITE_READONLY, "451 4.3.0"),
    ],
)
def test_a68_a_disk_that_cannot_write_is_answered_4yz_and_mail_goes_on_when_it_is_cured(
    tmp_path: Path, code: int, reply: str
) -> None:
    async def scenario(house: House) -> None:
        disk = spoil(house)
        client = await house.client()
        assert (await client.give()).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 1)
        await asyncio.sleep(60)
        disk.code = code
        assert (await client.give()).startswith(reply)
        assert (await client.give(content=LARGE)).startswith(reply)
        await asyncio.sleep(HOUR_S)
        assert len(house.hop.contents) == 1
        assert house.told("SpoolFull") or house.told("SpoolFailed")
        disk.code = 0
        client = await house.client()
        assert (await client.give()).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 2)
        assert await house.queued() == 0

    live(tmp_path, scenario)


def fail_commits(disk: SimDisk) -> None:
    """Let each sync of the log fail, until the disk is cured."""

    def watch(what: str) -> None:
        disk.failing_syncs = int(what.endswith("spool.db-wal"))

    disk.watch = watch


def cure(disk: SimDisk) -> None:
    disk.watch, disk.failing_syncs = None, 0


def subjects(house: House) -> list[bytes]:
    return [content.splitlines()[-1] for content in house.hop.contents]


@pytest.mark.parametrize("is_power_cut", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a68_after_a_sync_that_failed_nothing_is_acknowledged_until_the_disk_is_cured_and_then_by_itself(
    tmp_path: Path, seed: int, is_power_cut: bool
) -> None:
    async def scenario(house: House) -> None:
        network, disk = house.network, house.disk
        assert disk is not None
        network.refuse(HOP)
        given = [b"Subject: x\r\n\r\n%d\r\n" % number for number in range(9)]
        for number in range(3):
            assert (await (await house.client()).give(content=given[number])).startswith("250")
        fail_commits(disk)
        assert (await (await house.client()).give(content=given[3])).startswith("451 4.3.0")
        await asyncio.sleep(HOUR_S)
        assert (await (await house.client()).give(content=given[4]))[:9] == "451 4.3.0"
        assert "until its disk is cured" in house.daemon._status().trouble
        assert house.told("SpoolBroken")
        assert 3 < len(house.told("HousekeepingFailed")) < 12
        cure(disk)
        await house.until(lambda: house.told("SpoolCured"), within_s=1000)
        assert house.daemon._status().trouble == ""
        for number in range(5, 9):
            assert (await (await house.client()).give(content=given[number])).startswith("250")
        if is_power_cut:
            disk.crash()
            await house.stop()
            await house.start()
        network.heal(HOP)
        await house.until(lambda: len(house.hop.contents) >= 7, within_s=5 * HOUR_S)
        await asyncio.sleep(5 * HOUR_S)
        assert sorted(subjects(house)) == [b"0", b"1", b"2", b"5", b"6", b"7", b"8"]
        assert await house.queued() == 0

    live(tmp_path, scenario, disk=SimDisk(random.Random(seed)))


def test_a68_what_was_delivered_while_the_disk_was_broken_is_not_delivered_again(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        disk = house.disk
        assert disk is not None

        def watch(what: str) -> None:
            if house.hop.contents:  # from the first delivery on: its result cannot be stored
                disk.failing_syncs = int(what.endswith("spool.db-wal"))

        house.network.refuse(HOP)
        for _ in range(5):
            assert (await (await house.client()).give()).startswith("250")
        disk.watch = watch
        house.network.heal(HOP)
        await house.until(lambda: house.told("ResultNotStored"), within_s=HOUR_S)
        delivered = len(house.hop.contents)
        await asyncio.sleep(HOUR_S)
        assert len(house.hop.contents) == delivered
        cure(disk)
        await house.until(lambda: house.told("SpoolCured"), within_s=1000)
        await asyncio.sleep(5 * HOUR_S)
        assert len(house.hop.contents) == 5
        assert await house.queued() == 0

    live(tmp_path, scenario, disk=SimDisk(random.Random(1)))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG])
@pytest.mark.parametrize("call", ["open", "write", "fsync"])
def test_a68_content_that_cannot_be_written_or_synced_is_refused_and_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    real = getattr(os, call)

    def fail(first: object, *rest: Any, **named: Any) -> object:
        # Only what concerns the files of large messages: they are named, or lie, below blobs/.
        where = first if isinstance(first, str | Path) else os.readlink(f"/proc/self/fd/{first}")
        if "/blobs/" in str(where) and not (call == "open" and Path(str(where)).is_dir()):
            raise OSError(number, os.strerror(number))
        return real(first, *rest, **named)

    async def scenario(house: House) -> None:
        client = await house.client()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            reply = await client.give(content=LARGE)
        is_room = number in (errno.EIO, errno.EROFS)
        assert reply.startswith("451 4.3.0" if is_room else "452 4.3.1"), reply
        assert await house.queued() == 0
        await asyncio.sleep(120)
        assert [path for path in (tmp_path / "spool" / "blobs").rglob("*") if path.is_file()] == []
        assert (await client.give(content=LARGE)).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 1)

    live(tmp_path, scenario)


def test_a68_a_spool_directory_that_vanishes_is_told_and_does_not_end_the_daemon(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        shutil.move(tmp_path / "spool" / "blobs", tmp_path / "elsewhere")
        await asyncio.sleep(700)
        assert house.told("HousekeepingFailed")
        client = await house.client()
        assert (await client.give(content=LARGE)).startswith("451 4.3.0")
        shutil.move(tmp_path / "elsewhere", tmp_path / "spool" / "blobs")
        assert (await client.give(content=LARGE)).startswith("250")
        await house.until(lambda: house.hop.contents)

    live(tmp_path, scenario)


def test_a69_without_space_mail_is_refused_at_mail_and_what_is_queued_goes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client()
        assert (await client.give()).startswith("250")
        with monkeypatch.context() as patch:
            real = os.statvfs(tmp_path)
            values = list(real)
            values[4] = 0  # f_bavail
            patch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
            await asyncio.sleep(2)
            assert "too little space" in house.daemon._status().trouble
            assert (await client.say(f"MAIL FROM:<{ANN}> SIZE=1000")).startswith("452 4.3.1")
            house.network.heal(HOP)
            await house.until(lambda: house.hop.contents, within_s=2 * HOUR_S)
        client = await house.client()
        assert (await client.give()).startswith("250")

    live(tmp_path, scenario)


def test_section_5_as_many_items_as_was_set_and_mail_is_refused_until_some_are_gone(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client()
        for _ in range(3):
            assert house.daemon._status().trouble == ""
            assert (await client.give()).startswith("250")
        assert await client.say(f"MAIL FROM:<{ANN}>") == "452 4.3.1 The queue is full, try again later"
        assert "spool.most_items" in house.daemon._status().trouble
        assert len(house.told("SpoolCrowded")) == 1
        assert house.told("CommandRefused")
        house.network.heal(HOP)
        await house.until(lambda: len(house.hop.contents) == 3, within_s=2 * HOUR_S)
        client = await house.client()
        assert (await client.give()).startswith("250")

    live(tmp_path, scenario, spool={"most_items": 3})


def test_a70_damaged_rows_at_the_start_are_set_aside_and_the_rest_is_delivered(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.start()
        house.network.refuse(HOP)
        client = await house.client()
        for number in range(6):
            content = LETTER if number < 4 else LARGE
            assert (await client.give(content=content)).startswith("250")
        ids = [event.queue_id for event in house.told("MessageAccepted")]
        await house.stop()
        db = apsw.Connection(str(tmp_path / "spool" / "spool.db"))
        rows = [row[0] for row in db.execute("SELECT id FROM message ORDER BY id")]
        db.execute("UPDATE message SET record = x'c1ff' WHERE id = ?", (rows[0],))
        db.execute("UPDATE message SET body = x'00' WHERE id = ?", (rows[1],))
        db.execute("UPDATE item SET pending = x'' WHERE message_id = ?", (rows[2],))
        db.close()
        (file,) = (tmp_path / "spool" / "blobs").glob(f"*/{ids[4]}")
        file.write_bytes(b"half")
        house.network.heal(HOP)
        await house.start()
        await house.until(lambda: len(house.hop.contents) == 2, within_s=5 * HOUR_S)
        await asyncio.sleep(5 * HOUR_S)
        assert len(house.hop.contents) == 2
        assert await house.queued() == 0
        assert {event.queue_id for event in house.told("ContentDamaged")} == {ids[0], ids[1], ids[2], ids[4]}
        assert (await (await house.client()).give()).startswith("250")

    live(tmp_path, scenario, start=False)


def test_a71_a_second_daemon_is_refused_by_name_and_harms_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        second = House(tmp_path, {"listener": [{"address": "192.0.2.26:25"}]}, in_memory=False)
        with pytest.raises(StoreError, match="is in use by process") as caught:
            await second.start()
        assert caught.value.trouble is StoreTrouble.LOCKED
        assert (await (await house.client()).give()).startswith("250")
        await house.until(lambda: house.hop.contents)
        await house.stop()
        await second.start()
        await second.stop()

    live(tmp_path, scenario)
