import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailrail.spool import SpoolSettings
from mailrail.spool.space import Space

GB = 10**9


class FakeDisk:
    """What statvfs says, and how often it was asked."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, free_bytes: int, total_bytes: int = 100 * GB
    ) -> None:
        self.free_bytes = free_bytes
        self.total_bytes = total_bytes
        self.free_inodes = 100_000
        self.inodes = 1_000_000
        self.asked = 0
        self.is_gone = False
        monkeypatch.setattr(os, "statvfs", self.statvfs)

    def statvfs(self, path: Path) -> SimpleNamespace:
        self.asked += 1
        if self.is_gone:
            raise OSError(5, "input/output error")
        return SimpleNamespace(
            f_frsize=1000,
            f_blocks=self.total_bytes // 1000,
            f_bavail=self.free_bytes // 1000,
            f_files=self.inodes,
            f_favail=self.free_inodes,
        )


def test_mail_is_refused_below_the_reserve_of_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """A69: five percent of a large disk, 200 MB of a small one, and one and a half times the message."""
    disk = FakeDisk(monkeypatch, free_bytes=6 * GB)
    space = Space(Path("/spool"), SpoolSettings())
    assert space.allows(600_000_000, 0)
    assert not space.allows(700_000_000, 0)
    disk.free_bytes = 5 * GB - 1000
    assert not space.allows(0, 2)
    disk.total_bytes, disk.free_bytes = GB, 201_000_000
    assert space.allows(600_000, 4)
    assert not space.allows(700_000, 4)


def test_mail_is_refused_when_inodes_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A69."""
    disk = FakeDisk(monkeypatch, free_bytes=50 * GB)
    disk.free_inodes = 999
    space = Space(Path("/spool"), SpoolSettings())
    assert not space.allows(1, 0)
    disk.inodes = disk.free_inodes = 0  # a file system that does not count them
    assert space.allows(1, 2)


def test_mail_is_refused_when_the_disk_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A69."""
    disk = FakeDisk(monkeypatch, free_bytes=50 * GB)
    disk.is_gone = True
    assert not Space(Path("/spool"), SpoolSettings()).allows(1, 0)


def test_the_disk_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FakeDisk(monkeypatch, free_bytes=50 * GB)
    space = Space(Path("/spool"), SpoolSettings())
    for now_s in (0.0, 0.5, 0.99, 1.0, 1.9):
        space.allows(1, now_s)
    assert disk.asked == 2
