"""Floor 3 · spool — the door to the disk: everything that the spool asks of files, and what it may believe.

The two halves of durability are told apart here, because a disk does. Content is on stable storage when
`sync` returns; the *name* of a file (made, renamed, removed) when `sync_directory` of its directory
does. Before that, a power cut loses, keeps or tears each write, and loses or keeps each name, one by one
and in no order. A sync that failed has told all it will tell: a second one may succeed for bytes that are gone.

Everything blocks, so it is called in executors; everything raises OSError with the errno of the system, FileExistsError
and FileNotFoundError included. Links are never followed in the last part of a path. Files are descriptors, paths absolute.
"""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Where a spool lives; `SystemDisk` is the real one."""

    @property
    def vfs(self) -> str:
        """Return the name of the SQLite VFS that reaches a database here; "" means SQLite's own."""
        ...

    @property
    def may_share(self) -> bool:
        """Tell whether two connections may have one database open.

        They need memory in common (the index of the log). Without it there is one connection, which
        then both writes and reads, in one thread.
        """
        ...

    def create(self, path: Path) -> int:
        """Begin a private file and open it for writing; what is there already is never opened."""
        ...

    def open(self, path: Path) -> int:
        """Open a file for reading."""
        ...

    def open_or_create(self, path: Path) -> int:
        """Open a file for reading and writing, and make it, private, if it is not there."""
        ...

    def open_to_append(self, path: Path) -> int:
        """Open a file for reading, and for writing at its end, and make it, private, if it is not there."""
        ...

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Return up to *length* bytes from *offset*; none at the end."""
        ...

    def write(self, fd: int, chunk: memoryview) -> int:
        """Write behind what was written, and return how many bytes of *chunk* were taken."""
        ...

    def truncate(self, fd: int) -> None:
        """Make the file empty."""
        ...

    def cut(self, fd: int, size_bytes: int) -> None:
        """Make the file so long."""
        ...

    def sync(self, fd: int) -> None:
        """Put the file's content, not its name, on stable storage."""
        ...

    def close(self, fd: int) -> None:
        """Close a descriptor, and let go the lock that it holds."""
        ...

    def lock(self, fd: int) -> None:
        """Lock the file for this process, or fail at once; the end of the process frees it."""
        ...

    def lock_mailbox(self, fd: int) -> None:
        """Lock the file as mail programs do (fcntl), or fail at once; against other processes only."""
        ...

    def set_mode(self, where: Path | int, mode: int) -> None:
        """Set the permissions of a path or a descriptor."""
        ...

    def status(self, where: Path | int) -> os.stat_result:
        """Tell what a path (of a link: the link) or a descriptor is."""
        ...

    def real_path(self, path: Path) -> Path:
        """Return *path* with every link in it followed; it must be there."""
        ...

    def make_directory(self, path: Path) -> None:
        """Make a private directory."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Put the names in a directory on stable storage."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, at once and wholly; what had that name is gone."""
        ...

    def rename_new(self, old: Path, new: Path) -> None:
        """Give a file another name, at once and wholly, if nothing has that name yet.

        Raises:
            FileExistsError: something has; the file keeps the name it had.
        """
        ...

    def remove(self, path: Path) -> None:
        """Take a file's name away."""
        ...

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory, in any order."""
        ...

    def space(self, path: Path) -> os.statvfs_result:
        """Tell how large the disk of *path* is, and how much is free."""
        ...
