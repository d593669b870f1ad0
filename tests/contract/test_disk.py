"""The door `mailrail.spool.Disk`: the machine's disk and the simulated one do the same."""

import errno
import os
import random
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mailrail.sim import Mount, SimDisk
from mailrail.spool import Disk, SystemDisk

Make = Callable[[Path], tuple[Disk, Path]]


def system(tmp_path: Path) -> tuple[Disk, Path]:
    return SystemDisk(), tmp_path


def simulated(tmp_path: Path) -> tuple[Disk, Path]:
    disk = Mount(SimDisk(random.Random(1)))
    disk.make_directory(Path("/spool"))
    return disk, Path("/spool")


MAKERS: Sequence[Make] = (system, simulated)


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, Path]:
    make: Make = request.param
    return make(tmp_path)


def put(disk: Disk, path: Path, content: bytes) -> None:
    fd = disk.create(path)
    assert disk.write(fd, memoryview(content)) == len(content)
    disk.sync(fd)
    disk.close(fd)
    disk.sync_directory(path.parent)


def get(disk: Disk, path: Path) -> bytes:
    fd = disk.open(path)
    try:
        return disk.read(fd, 1000, 0)
    finally:
        disk.close(fd)


def test_what_was_written_is_read_from_any_offset(place: tuple[Disk, Path]) -> None:
    disk, root = place
    fd = disk.create(root / "a")
    for chunk in (b"hello ", b"world"):
        disk.write(fd, memoryview(chunk))
    disk.close(fd)
    fd = disk.open(root / "a")
    assert [disk.read(fd, 5, offset) for offset in (0, 6, 9, 11, 50)] == [b"hello", b"world", b"ld", b"", b""]
    disk.close(fd)


def test_a_file_opened_to_write_is_kept_and_may_be_emptied(place: tuple[Disk, Path]) -> None:
    disk, root = place
    for text in (b"first owner", b"second"):
        fd = disk.open_or_create(root / "lock")
        disk.truncate(fd)
        disk.write(fd, memoryview(text))
        disk.close(fd)
    assert get(disk, root / "lock") == b"second"


def test_a_file_opened_to_append_is_written_at_its_end_and_may_be_cut(place: tuple[Disk, Path]) -> None:
    disk, root = place
    for text in (b"one ", b"two ", b"three"):
        fd = disk.open_to_append(root / "box")
        disk.lock_mailbox(fd)
        disk.write(fd, memoryview(text))
        if text == b"two ":
            disk.cut(fd, 6)
            disk.write(fd, memoryview(b"o "))
        disk.close(fd)
    assert get(disk, root / "box") == b"one two three"


def test_names_are_given_taken_and_changed(place: tuple[Disk, Path]) -> None:
    disk, root = place
    disk.make_directory(root / "one")
    disk.make_directory(root / "two")
    put(disk, root / "one" / "a", b"A")
    put(disk, root / "two" / "b", b"B")
    assert sorted(disk.names(root)) == ["one", "two"]
    disk.rename(root / "one" / "a", root / "two" / "b")
    assert (disk.names(root / "one"), disk.names(root / "two")) == ([], ["b"])
    assert get(disk, root / "two" / "b") == b"A"
    disk.rename_new(root / "two" / "b", root / "two" / "c")
    assert disk.names(root / "two") == ["c"]
    disk.remove(root / "two" / "c")
    assert disk.names(root / "two") == []


def test_everything_made_is_private_a_file_or_a_directory_and_ours(place: tuple[Disk, Path]) -> None:
    disk, root = place
    disk.make_directory(root / "d")
    put(disk, root / "f", b"12345")
    fd = disk.open(root / "f")
    for status in (disk.status(root / "f"), disk.status(fd)):
        assert (status.st_mode, status.st_size, status.st_nlink) == (stat.S_IFREG | 0o600, 5, 1)
        assert status.st_uid == os.geteuid()
    disk.close(fd)
    assert disk.status(root / "d").st_mode == stat.S_IFDIR | 0o700
    disk.set_mode(root / "d", 0o750)
    assert stat.S_IMODE(disk.status(root / "d").st_mode) == 0o750
    assert disk.real_path(root / "d") == (root / "d")


def test_a_lock_keeps_others_out_until_its_file_is_closed(place: tuple[Disk, Path]) -> None:
    disk, root = place
    one, two = disk.open_or_create(root / "lock"), disk.open_or_create(root / "lock")
    disk.lock(one)
    with pytest.raises(BlockingIOError):
        disk.lock(two)
    disk.close(one)
    disk.lock(two)
    disk.close(two)


def test_space_is_told(place: tuple[Disk, Path]) -> None:
    disk, root = place
    space = disk.space(root)
    assert 0 < space.f_bavail <= space.f_blocks
    assert space.f_frsize > 0


@pytest.mark.parametrize(
    ("doing", "number"),
    [
        (lambda disk, root: disk.create(root / "file"), errno.EEXIST),
        (lambda disk, root: disk.make_directory(root / "file"), errno.EEXIST),
        (lambda disk, root: disk.make_directory(root / "none" / "b"), errno.ENOENT),
        (lambda disk, root: disk.make_directory(root / "file" / "b"), errno.ENOTDIR),
        (lambda disk, root: disk.open(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.open_or_create(root / "none" / "b"), errno.ENOENT),
        (lambda disk, root: disk.open_or_create(root), errno.EISDIR),
        (lambda disk, root: disk.status(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.names(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.names(root / "file"), errno.ENOTDIR),
        (lambda disk, root: disk.sync_directory(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.rename(root / "none", root / "x"), errno.ENOENT),
        (lambda disk, root: disk.rename_new(root / "none", root / "x"), errno.ENOENT),
        (lambda disk, root: disk.rename_new(root / "file", root / "file"), errno.EEXIST),
        (lambda disk, root: disk.remove(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.remove(root), errno.EISDIR),
        (lambda disk, root: disk.real_path(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.space(root / "none"), errno.ENOENT),
        (lambda disk, root: disk.close(9999), errno.EBADF),
    ],
)
def test_trouble_has_the_number_of_the_system(
    place: tuple[Disk, Path], doing: Callable[[Disk, Path], object], number: int
) -> None:
    disk, root = place
    put(disk, root / "file", b"")
    with pytest.raises(OSError) as caught:  # noqa: PT011 -- looked at below
        doing(disk, root)
    assert caught.value.errno == number
