"""Writing into a maildrop: all or nothing, and readable for the server only."""

import errno
import os
from pathlib import Path
from zlib import crc32

import pytest

from mailrail.maildrop import NEW, TRAILER_BYTES, DropWriter, Handed, parse_head, parse_trailer

BOB = Handed(["bob@example.org"])


@pytest.fixture
def new(tmp_path: Path) -> Path:
    directory = tmp_path / NEW
    directory.mkdir()
    directory.chmod(0o3733)
    return directory


def test_nothing_has_the_name_before_all_of_it_is_there(tmp_path: Path, new: Path) -> None:
    drop = DropWriter(str(tmp_path), "name", BOB)
    drop.write(b"Subject: x\r\n")
    assert [path.name for path in new.iterdir()] == [".name"]
    drop.write(b"\r\nhello\r\n")
    drop.finish()
    drop.discard()
    (path,) = new.iterdir()
    octets = path.read_bytes()
    handed, begin = parse_head(octets)
    content, trailer = octets[begin:-TRAILER_BYTES], octets[-TRAILER_BYTES:]
    assert (path.name, handed, content) == ("name", BOB, b"Subject: x\r\n\r\nhello\r\n")
    assert parse_trailer(trailer) == (len(content), crc32(octets[:-TRAILER_BYTES]))


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_whatever_the_umask_the_group_may_read_and_others_may_not(
    tmp_path: Path, new: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        drop = DropWriter(str(tmp_path), "name", BOB)
        drop.finish()
    finally:
        os.umask(before)
    status = (new / "name").stat()
    assert status.st_mode & 0o777 == 0o640
    assert status.st_gid == new.stat().st_gid


def test_what_is_given_up_leaves_nothing_behind(tmp_path: Path, new: Path) -> None:
    drop = DropWriter(str(tmp_path), "name", BOB)
    drop.discard()
    drop.discard()
    assert list(new.iterdir()) == []


def test_where_names_cannot_be_synced_the_file_is_synced_under_its_new_name(
    tmp_path: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    real_open, real_fsync = os.open, os.fsync

    def open_file(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, "not for you")
        return real_open(path, flags, mode)

    def fsync(fd: int) -> None:
        synced.append(sorted(path.name for path in new.iterdir()))
        real_fsync(fd)

    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "fsync", fsync)
    DropWriter(str(tmp_path), "name", BOB).finish()
    assert synced == [[".name"], ["name"]]


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_sync_that_fails_hands_nothing_in_unless_the_server_has_it_already(
    tmp_path: Path, new: Path, monkeypatch: pytest.MonkeyPatch, is_taken: bool
) -> None:
    drop = DropWriter(str(tmp_path), "name", BOB)
    calls = []

    def fsync(_fd: int) -> None:
        calls.append(1)
        if len(calls) == 2:
            if is_taken:
                (new / "name").unlink()
            raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fsync)
    if is_taken:
        drop.finish()
    else:
        with pytest.raises(OSError, match="broken"):
            drop.finish()
        drop.discard()
    assert list(new.iterdir()) == []
