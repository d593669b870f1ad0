"""Floor 4 · pickup — reads a file that was handed in, and believes nothing of it. Everything blocks.

The file lies where nobody else can exchange it; but whoever made it may still write to it. That harms his own message only.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

from mailrail.maildrop import HEAD_BYTES, TRAILER_BYTES, DropError, Handed, parse_head, parse_trailer
from mailrail.spool import Disk

BLOCK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is whole.

    Attributes:
        content_at: where the content begins.
        size_bytes: of the content.
    """

    handed: Handed
    content_at: int
    size_bytes: int


def owner_of(disk: Disk, where: Path | int) -> int:
    """Return who made the file, of which a path or a descriptor is given.

    Raises:
        DropError: it is nothing that can have been handed in.
        OSError: it cannot be looked at.
    """
    status = disk.status(where)
    if not stat.S_ISREG(status.st_mode):
        raise DropError("it is no regular file")
    if status.st_nlink != 1:
        raise DropError("it has a second name (hard link): it may be somebody else's")
    return status.st_uid


def look(disk: Disk, path: Path, most_bytes: int) -> Found:
    """Read the whole file once, and make sure that it is as it was written.

    Args:
        path: of a regular file.
        most_bytes: a longer content is not looked at.

    Raises:
        DropError: it is not.
        OSError: it cannot be read.
    """
    fd = disk.open(path)
    try:
        file_bytes = disk.status(fd).st_size
        if file_bytes > HEAD_BYTES + most_bytes + TRAILER_BYTES:
            raise DropError(f"it is too big: {file_bytes} bytes")
        handed, content_at = parse_head(_read(disk, fd, 0, min(file_bytes, HEAD_BYTES)))
        end = file_bytes - TRAILER_BYTES
        size_bytes, crc = parse_trailer(_read(disk, fd, max(end, 0), TRAILER_BYTES))
        if content_at + size_bytes != end or crc != _sum(disk, fd, end):
            raise DropError("it is not as it was written: the sum over it is another")
        return Found(handed, content_at, size_bytes)
    finally:
        disk.close(fd)


def _sum(disk: Disk, fd: int, end: int) -> int:
    crc = 0
    for block in _blocks(disk, fd, 0, end):
        crc = crc32(block, crc)
    return crc


def _blocks(disk: Disk, fd: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (block := disk.read(fd, min(BLOCK_BYTES, end - start), start)):
        start += len(block)
        yield block


def _read(disk: Disk, fd: int, start: int, length: int) -> bytes:
    return b"".join(_blocks(disk, fd, start, start + length))


class Blocks:
    """The content of a file, block by block; close it."""

    def __init__(self, disk: Disk, path: Path, found: Found) -> None:
        self._disk = disk
        self._fd = disk.open(path)
        self._at = found.content_at
        self._end = found.content_at + found.size_bytes

    def read(self) -> bytes:
        """Return the next block, b"" at the end.

        Raises:
            DropError: it has become shorter meanwhile.
        """
        wanted = min(BLOCK_BYTES, self._end - self._at)
        block = self._disk.read(self._fd, wanted, self._at) if wanted else b""
        if wanted and not block:
            raise DropError("it was cut short while it was read")
        self._at += len(block)
        return block

    def close(self) -> None:
        """Let the file go."""
        self._disk.close(self._fd)
