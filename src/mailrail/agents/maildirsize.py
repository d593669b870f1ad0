"""Floor 4 · agents — the quota of a Maildir: the file `maildirsize`, shared with IMAP servers. Blocks.

Its first line says what the mailbox may hold ("1000000S,100C"), each further one what was added or taken away ("3000 1"). Limits of our
settings stand in for those of the file; without either nothing is bounded. What the sum is based on may be wrong (a reader may have
deleted files without a word), so before mail is turned away for it, it is counted anew, unless that was just done.

Source: the Maildir++ specification (courier-mta.org/imap/README.maildirquota.html).
"""

import contextlib
import errno
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.spool import Disk

FILE: Final = "maildirsize"
_MOST_OCTETS: Final = 5120  # the specification: a longer one is counted anew
_FRESH_S: Final = 15 * 60  # the specification: a younger one is believed
_SIZE: Final = re.compile(r",S=(\d{1,15})(?:[,:]|$)")
_LINE: Final = re.compile(rb"(-?\d{1,15})\s+(-?\d{1,15})\s*")
_LIMIT: Final = re.compile(rb"(\d{1,15})([SC])")
_TRASH: Final = ".Trash"  # what is in there is as good as deleted
_MOST_FOLDERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mailbox may hold; 0: anything."""

    size_bytes: int
    messages: int

    def allow(self, size_bytes: int, messages: int) -> bool:
        """Tell whether it may hold so much."""
        return not (
            (self.size_bytes and size_bytes > self.size_bytes) or (self.messages and messages > self.messages)
        )

    def line(self) -> bytes:
        """Return the first line of the file."""
        parts = [(self.size_bytes, "S"), (self.messages, "C")]
        return (",".join(f"{limit}{letter}" for limit, letter in parts if limit) + "\n").encode()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file says."""

    limits: Limits
    size_bytes: int
    messages: int
    lines: int
    mtime_s: float


class MaildirSize:
    """The quota of the Maildir at *base*.

    Args:
        wanted: the limits of the settings.
        now_s: wall time.
    """

    def __init__(self, disk: Disk, base: Path, wanted: Limits, now_s: int) -> None:
        self._disk = disk
        self._base = base
        self._path = base / FILE
        self._wanted = wanted
        self._now_s = now_s
        self._is_kept = False

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether a message of *size_bytes* may be added.

        Raises:
            OSError: the mailbox cannot be read.
        """
        known = self._read()
        limits = self._wanted if self._wanted != Limits(0, 0) else known.limits if known else Limits(0, 0)
        if limits == Limits(0, 0):
            return True
        self._is_kept = True
        if known is None or known.limits != limits:
            known = self._count(limits)
        if limits.allow(known.size_bytes + size_bytes, known.messages + 1):
            return True
        if known.lines <= 1 and self._now_s - known.mtime_s < _FRESH_S:
            return False
        known = self._count(limits)
        return limits.allow(known.size_bytes + size_bytes, known.messages + 1)

    def add(self, size_bytes: int) -> None:
        """Note that a message of *size_bytes* was added; a sum that could not be written is counted anew some day."""
        if not self._is_kept:
            return
        with contextlib.suppress(OSError):
            fd = self._disk.open_to_append(self._path)
            try:
                self._disk.write(fd, memoryview(f"{size_bytes} 1\n".encode()))
            finally:
                self._disk.close(fd)

    def _read(self) -> _Known | None:
        """Return what the file says; None: it is not there, or not to be believed."""
        try:
            fd = self._disk.open(self._path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
        try:
            content = self._disk.read(fd, _MOST_OCTETS + 1, 0)
            mtime_s = self._disk.status(fd).st_mtime
        finally:
            self._disk.close(fd)
        if len(content) > _MOST_OCTETS:
            return None
        first, _, rest = content.partition(b"\n")
        limits = _limits(first)
        lines = [_LINE.fullmatch(line) for line in rest.splitlines()]
        if limits is None or None in lines:
            return None
        counts = [(int(line[1]), int(line[2])) for line in lines if line is not None]
        size_bytes, messages = sum(one for one, _ in counts), sum(one for _, one in counts)
        if size_bytes < 0 or messages < 0:
            return None
        return _Known(limits, size_bytes, messages, len(lines), mtime_s)

    def _count(self, limits: Limits) -> _Known:
        """Count what is there, and write the file anew."""
        sizes = [size for directory in self._directories() for size in self._sizes(directory)]
        known = _Known(limits, sum(sizes), len(sizes), 1, self._now_s)
        content = limits.line() + f"{known.size_bytes} {known.messages}\n".encode()
        draft = self._base / "tmp" / f"{FILE}.{self._now_s}"
        with contextlib.suppress(OSError):  # the sum is right all the same
            with contextlib.suppress(FileNotFoundError):
                self._disk.remove(draft)
            fd = self._disk.create(draft)
            try:
                self._disk.write(fd, memoryview(content))
            finally:
                self._disk.close(fd)
            self._disk.rename(draft, self._path)
        return known

    def _directories(self) -> Iterator[Path]:
        yield self._base / "new"
        yield self._base / "cur"
        folders = [name for name in self._disk.names(self._base) if name.startswith(".")]
        for name in folders[:_MOST_FOLDERS]:
            if name != _TRASH:
                yield self._base / name / "new"
                yield self._base / name / "cur"

    def _sizes(self, directory: Path) -> Iterator[int]:
        try:
            names = self._disk.names(directory)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            if name.startswith(".") or "T" in name.partition(":2,")[2]:
                continue
            told = _SIZE.search(name)
            if told is not None:
                yield int(told[1])
                continue
            with contextlib.suppress(FileNotFoundError):
                status = self._disk.status(directory / name)
                if stat.S_ISREG(status.st_mode):
                    yield status.st_size


def _limits(line: bytes) -> Limits | None:
    parts = [_LIMIT.fullmatch(part.strip()) for part in line.split(b",")] if line.strip() else []
    if None in parts:
        return None
    found = {part[2]: int(part[1]) for part in parts if part is not None}
    return Limits(found.get(b"S", 0), found.get(b"C", 0))
