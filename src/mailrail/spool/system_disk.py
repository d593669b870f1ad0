"""Floor 3 · spool — the disk of the machine: one system call for each word of `Disk`, and nothing else.

No other file of this room calls the system's file functions.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

_ALWAYS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class SystemDisk:
    """What the operating system has mounted."""

    __slots__ = ()

    vfs: Final = ""
    may_share: Final = True

    def create(self, path: Path) -> int:
        """Begin a private file and open it for writing."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALWAYS, 0o600)

    def open(self, path: Path) -> int:
        """Open a file for reading."""
        # NONBLOCK means nothing to a file; but where others make files a pipe may lie, which would not open without a writer.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | _ALWAYS)

    def open_or_create(self, path: Path) -> int:
        """Open a file for reading and writing, and make it, private, if it is not there."""
        return os.open(path, os.O_RDWR | os.O_CREAT | _ALWAYS, 0o600)

    def open_to_append(self, path: Path) -> int:
        """Open a file for reading, and for writing at its end, and make it, private, if it is not there."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _ALWAYS, 0o600)

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Return up to *length* bytes from *offset*."""
        return os.pread(fd, length, offset)

    def write(self, fd: int, chunk: memoryview) -> int:
        """Write behind what was written, and return how many bytes were taken."""
        return os.write(fd, chunk)

    def truncate(self, fd: int) -> None:
        """Make the file empty."""
        os.ftruncate(fd, 0)

    def cut(self, fd: int, size_bytes: int) -> None:
        """Make the file so long."""
        os.ftruncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        """Put the file's content on stable storage."""
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def lock(self, fd: int) -> None:
        """Lock the file for this process, or fail at once."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def lock_mailbox(self, fd: int) -> None:
        """Lock the file as mail programs do, or fail at once."""
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def set_mode(self, where: Path | int, mode: int) -> None:
        """Set the permissions of a path or a descriptor."""
        os.chmod(where, mode)

    def status(self, where: Path | int) -> os.stat_result:
        """Tell what a path or a descriptor is."""
        return os.fstat(where) if isinstance(where, int) else os.lstat(where)

    def real_path(self, path: Path) -> Path:
        """Return *path* with every link in it followed."""
        return path.resolve(strict=True)

    def make_directory(self, path: Path) -> None:
        """Make a private directory."""
        os.mkdir(path, 0o700)

    def sync_directory(self, path: Path) -> None:
        """Put the names in a directory on stable storage."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name."""
        os.rename(old, new)

    def rename_new(self, old: Path, new: Path) -> None:
        """Give a file another name, if nothing has that yet; who dies in the middle leaves it both."""
        os.link(old, new, follow_symlinks=False)
        os.unlink(old)

    def remove(self, path: Path) -> None:
        """Take a file's name away."""
        os.unlink(path)

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory."""
        return os.listdir(path)

    def space(self, path: Path) -> os.statvfs_result:
        """Tell how large the disk is, and how much is free."""
        return os.statvfs(path)
