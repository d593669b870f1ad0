"""What the SQLite spool makes of files and directories that cannot be read for a while."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.spools import Mail, SqliteDisk, in_loop, store

from mailrail.model import Message, StoreError, StoreTrouble
from mailrail.spool import SMALL_BYTES, Filter, SqliteSpool
from mailrail.spool.events import ContentDamaged


@pytest.fixture
def disk(tmp_path: Path) -> SqliteDisk:
    return SqliteDisk(tmp_path)


@pytest.fixture
def mail(disk: SqliteDisk) -> Mail:
    return Mail(disk.clock)


async def stored_large(disk: SqliteDisk, mail: Mail) -> tuple[SqliteSpool, Message]:
    spool = await disk.open()
    message = mail.message(size_bytes=SMALL_BYTES + 10)
    await store(spool, message, mail.items(message))
    return spool, message


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> Iterator[None]:
    """Let the system call *call* of the files end with errno *number*."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        yield


@in_loop
async def test_housekeeping_on_a_directory_that_has_vanished_is_a_store_error(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool = await disk.open()
    shutil.rmtree(disk.path / "blobs")
    with pytest.raises(StoreError) as caught:
        await spool.maintain()
    assert caught.value.trouble is StoreTrouble.FAILED
    await spool.close()


@in_loop
async def test_a_spool_whose_files_cannot_be_listed_is_not_opened_and_not_kept_locked(
    disk: SqliteDisk, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with broken(monkeypatch, "listdir", errno.EIO), pytest.raises(StoreError):
        await disk.open()
    await (await disk.open()).close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
@in_loop
async def test_a73_content_that_cannot_be_opened_for_a_while_is_not_taken_for_damaged(
    number: int, disk: SqliteDisk, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, message = await stored_large(disk, mail)
    with broken(monkeypatch, "open", number), pytest.raises(StoreError) as caught:
        await spool.open(message.queue_id)
    assert caught.value.trouble is StoreTrouble.FAILED
    content = await spool.open(message.queue_id)
    assert content.size_bytes == message.size_bytes
    assert await spool.count(Filter()) == 1
    assert not any(isinstance(event, ContentDamaged) for event in disk.events)
    await spool.close()


@pytest.mark.parametrize("is_open", [False, True])
@in_loop
async def test_a68_a_read_that_fails_is_a_store_error_and_may_succeed_later(
    is_open: bool, disk: SqliteDisk, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, message = await stored_large(disk, mail)
    content = await spool.open(message.queue_id) if is_open else None
    with broken(monkeypatch, "pread", errno.EIO), pytest.raises(StoreError) as caught:
        await (content or await spool.open(message.queue_id)).read(0, 10)
    assert caught.value.trouble is StoreTrouble.FAILED
    content = await spool.open(message.queue_id)
    assert await content.read(0, 10) == b"x" * 10
    await spool.close()


@in_loop
async def test_content_on_a_disk_that_is_not_mounted_is_not_taken_for_damaged(
    disk: SqliteDisk, mail: Mail
) -> None:
    spool, message = await stored_large(disk, mail)
    (disk.path / "blobs").rename(disk.path / "elsewhere")
    with pytest.raises(StoreError) as caught:
        await spool.open(message.queue_id)
    assert caught.value.trouble is StoreTrouble.FAILED
    (disk.path / "elsewhere").rename(disk.path / "blobs")
    await spool.open(message.queue_id)
    await spool.close()
