"""What a power cut, and a fault, leave of a simulated disk."""

import errno
import gc
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from mailrail.sim import Mount, SimDisk

FILE = Path("/d/file")
SECTOR = 512


def made(seed: int = 1) -> tuple[SimDisk, Mount]:
    """Make a disk with a directory that stays."""
    disk = SimDisk(random.Random(seed))
    mount = Mount(disk)
    mount.make_directory(FILE.parent)
    mount.sync_directory(Path("/"))
    return disk, mount


def write(mount: Mount, content: bytes, path: Path = FILE, *, sync: bool = True) -> int:
    """Write a new file; its name is not synced."""
    fd = mount.create(path)
    mount.write(fd, memoryview(content))
    if sync:
        mount.sync(fd)
    return fd


def left(disk: SimDisk, path: Path = FILE) -> bytes | None:
    mount = Mount(disk)
    if not mount.exists(path):
        return None
    fd = mount.open(path)
    return mount.read(fd, mount.size(fd), 0)


def cuts(disk: SimDisk, path: Path = FILE, seeds: int = 300) -> Counter[bytes | None]:
    """Count what is left of *path* after many power cuts."""
    return Counter(left(disk.fork(random.Random(seed)), path) for seed in range(seeds))


def test_content_and_name_are_safe_only_when_both_are_synced() -> None:
    disk, mount = made()
    fd = write(mount, b"x" * SECTOR, sync=False)
    assert {None, b"", b"x" * SECTOR} <= set(cuts(disk))
    mount.sync(fd)
    assert set(cuts(disk)) == {None, b"x" * SECTOR}
    mount.sync_directory(FILE.parent)
    assert set(cuts(disk)) == {b"x" * SECTOR}


def test_a_synced_name_is_no_synced_content() -> None:
    disk, mount = made()
    write(mount, b"x" * SECTOR, sync=False)
    mount.sync_directory(FILE.parent)
    assert {b"", b"x" * SECTOR} <= set(cuts(disk))
    assert None not in cuts(disk)


def test_an_unsynced_write_is_lost_kept_or_torn_and_leaves_its_neighbours_alone() -> None:
    disk, mount = made()
    fd = write(mount, b"a" * 4 * SECTOR)
    mount.sync_directory(FILE.parent)
    mount.write_at(fd, b"b" * 2 * SECTOR, SECTOR)
    found = cuts(disk)
    assert found[b"a" * 4 * SECTOR] > 20
    assert found[b"a" * SECTOR + b"b" * 2 * SECTOR + b"a" * SECTOR] > 20
    assert len(found) > 20  # torn in many ways
    assert all(one and one[:SECTOR] + one[-SECTOR:] == b"a" * 2 * SECTOR for one in found)


def test_writes_and_cuts_are_lost_each_on_its_own() -> None:
    disk, mount = made()
    fd = write(mount, b"abcd")
    mount.sync_directory(FILE.parent)
    mount.write_at(fd, b"X", 0)
    mount.write_at(fd, b"Y", 1)
    mount.cut(fd, 2)
    assert {b"abcd", b"Xbcd", b"aYcd", b"XYcd", b"ab", b"XY"} <= set(cuts(disk))


def test_a_rename_is_kept_or_lost_as_a_whole_and_one_sync_keeps_it() -> None:
    disk, mount = made()
    there = Path("/e/file")
    mount.make_directory(there.parent)
    mount.sync_directory(Path("/"))
    write(mount, b"x")
    mount.sync_directory(FILE.parent)
    mount.rename(FILE, there)
    for seed in range(100):
        after = disk.fork(random.Random(seed))
        assert {left(after), left(after, there)} == {b"x", None}
    mount.sync_directory(there.parent)
    assert (set(cuts(disk)), set(cuts(disk, there))) == ({None}, {b"x"})


def test_a_removed_name_may_come_back_until_its_directory_is_synced() -> None:
    disk, mount = made()
    write(mount, b"x")
    mount.sync_directory(FILE.parent)
    mount.remove(FILE)
    assert left(disk) is None
    assert set(cuts(disk)) == {None, b"x"}
    mount.sync_directory(FILE.parent)
    assert set(cuts(disk)) == {None}


def test_with_a_directory_that_was_not_synced_goes_all_that_is_in_it() -> None:
    disk, mount = made()
    inner = FILE.parent / "inner"
    mount.make_directory(inner)
    write(mount, b"x", inner / "file")
    mount.sync_directory(inner)
    assert set(cuts(disk, inner / "file")) == {None, b"x"}


def test_after_a_failed_sync_the_next_one_succeeds_and_writes_nothing() -> None:
    """As Linux has it: the page is clean, whether it was written or not, and the error was told once."""
    found = set()
    for seed in range(40):
        disk, mount = made(seed)
        fd = write(mount, b"old")
        mount.sync_directory(FILE.parent)
        mount.write_at(fd, b"new", 0)
        disk.failing_syncs = 1
        with pytest.raises(OSError, match="Input/output"):
            mount.sync(fd)
        mount.sync(fd)
        assert mount.read(fd, 3, 0) == b"new"
        (remains,) = set(cuts(disk, seeds=10))
        found.add(remains)
    assert {b"old", b"new"} <= found


def test_a_disk_fills_to_the_last_byte_and_has_room_again_when_a_file_goes() -> None:
    disk, mount = made()
    disk.free_bytes = 10
    fd = mount.create(FILE)
    assert mount.write(fd, memoryview(b"x" * 30)) == 10
    with pytest.raises(OSError, match="No space") as caught:
        mount.write(fd, memoryview(b"x"))
    assert caught.value.errno == errno.ENOSPC
    assert mount.space(FILE).f_bavail == 0
    mount.remove(FILE)
    assert disk.free_bytes == 10


def test_a_disk_that_is_read_only_refuses_changes_and_is_read() -> None:
    disk, mount = made()
    fd = write(mount, b"x")
    disk.is_read_only = True
    attempts: list[Callable[[], object]] = [
        lambda: mount.write(fd, memoryview(b"y")),
        lambda: mount.truncate(fd),
        lambda: mount.create(FILE.parent / "other"),
        lambda: mount.rename(FILE, FILE.parent / "other"),
        lambda: mount.remove(FILE),
        lambda: mount.make_directory(FILE.parent / "other"),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match="Read-only"):
            attempt()
    assert left(disk) == b"x"


def test_a_flipped_bit_is_one_bit_and_stays_over_a_crash() -> None:
    disk, mount = made()
    write(mount, bytes(100))
    mount.sync_directory(FILE.parent)
    disk.flip(FILE)
    flipped = left(disk)
    assert flipped
    assert sum(byte.bit_count() for byte in flipped) == 1
    disk.crash()
    assert left(disk) == flipped


def test_equal_seeds_lose_equally() -> None:
    disk, mount = made()
    for name in "abcdefgh":
        write(mount, b"x" * 5000, FILE.parent / name, sync=False)

    def after(seed: int) -> list[bytes | None]:
        fork = disk.fork(random.Random(seed))
        return [left(fork, FILE.parent / name) for name in "abcdefgh"]

    assert after(5) == after(5)
    assert len({str(after(seed)) for seed in range(20)}) > 10


def test_a_killed_process_loses_nothing_frees_its_lock_and_changes_nothing_any_more() -> None:
    disk, mount = made()
    fd = write(mount, b"x", sync=False)
    mount.lock(fd)
    disk.kill()
    for attempt in (lambda: mount.write(fd, memoryview(b"y")), lambda: mount.remove(FILE)):
        with pytest.raises(OSError, match="dead"):
            attempt()
    again = Mount(disk)
    fd = again.open(FILE)
    assert again.read(fd, 10, 0) == b"x"
    again.lock(fd)


def test_a_connection_that_a_dead_process_left_open_is_collected_in_silence() -> None:
    disk, mount = made()
    path = Path("/d/db")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = apsw.Connection(str(path), flags=flags, vfs=mount.vfs)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t(x)")
    disk.crash()
    before = disk.operations
    del db
    gc.collect()
    assert disk.operations == before
    again = Mount(disk)
    assert again.exists(path)
    assert mount.vfs not in apsw.vfs_names()
