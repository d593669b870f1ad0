import os
from pathlib import Path

from mailrail.spool import SpoolSettings, SystemDisk
from mailrail.spool.space import Space

GB = 10**9


class FakeDisk(SystemDisk):
    """Says how much space is free, and counts how often it was asked."""

    __slots__ = ("asked", "free_bytes", "free_inodes", "inodes", "is_gone", "total_bytes")

    def __init__(self, *, free_bytes: int, total_bytes: int = 100 * GB) -> None:
        self.free_bytes = free_bytes
        self.total_bytes = total_bytes
        self.free_inodes = 100_000
        self.inodes = 1_000_000
        self.asked = 0
        self.is_gone = False

    def space(self, path: Path) -> os.statvfs_result:
        self.asked += 1
        if self.is_gone:
            raise OSError(5, "input/output error")
        free, inodes = self.free_bytes // 1000, self.free_inodes
        blocks = (1000, 1000, self.total_bytes // 1000, free, free)
        return os.statvfs_result((*blocks, self.inodes, inodes, inodes, 0, 255))


def test_mail_is_refused_below_the_reserve_of_space() -> None:
    """A69: five percent of a large disk, 200 MB of a small one, and one and a half times the message."""
    disk = FakeDisk(free_bytes=6 * GB)
    space = Space(disk, Path("/spool"), SpoolSettings())
    assert space.allows(600_000_000, 0)
    assert not space.allows(700_000_000, 0)
    disk.free_bytes = 5 * GB - 1000
    assert not space.allows(0, 2)
    disk.total_bytes, disk.free_bytes = GB, 201_000_000
    assert space.allows(600_000, 4)
    assert not space.allows(700_000, 4)


def test_mail_is_refused_when_inodes_run_out() -> None:
    """A69."""
    disk = FakeDisk(free_bytes=50 * GB)
    disk.free_inodes = 999
    space = Space(disk, Path("/spool"), SpoolSettings())
    assert not space.allows(1, 0)
    disk.inodes = disk.free_inodes = 0  # a file system that does not count them
    assert space.allows(1, 2)


def test_mail_is_refused_when_the_disk_does_not_answer() -> None:
    """A69."""
    disk = FakeDisk(free_bytes=50 * GB)
    disk.is_gone = True
    assert not Space(disk, Path("/spool"), SpoolSettings()).allows(1, 0)


def test_the_disk_is_asked_once_a_second() -> None:
    disk = FakeDisk(free_bytes=50 * GB)
    space = Space(disk, Path("/spool"), SpoolSettings())
    for now_s in (0.0, 0.5, 0.99, 1.0, 1.9):
        space.allows(1, now_s)
    assert disk.asked == 2
