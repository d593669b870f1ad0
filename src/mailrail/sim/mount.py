"""Floor 5 · sim — a simulated disk as one process sees it: `mailrail.spool.Disk`, word for word.

A mount dies with its process. Whatever still holds it (a coroutine that is thrown away, a connection that
the collector finds) gets EIO, and changes nothing; only closing succeeds. There are no links on this disk, and everything belongs to us.
"""

import errno
import os
import stat
from itertools import count
from pathlib import Path
from typing import Final

from mailrail.sim.disk import SimDisk
from mailrail.sim.platter import SimDirectory, SimFile
from mailrail.sim.vfs import SimVfs


class Mount:
    """What one process sees of *disk*, until it dies.

    Attributes:
        is_dead: the process has ended.
    """

    may_share: Final = False

    def __init__(self, disk: SimDisk) -> None:
        self.is_dead = False
        self._disk = disk
        self._fds = count(3)
        self._open: dict[int, tuple[Path, SimFile]] = {}
        self._ends: dict[int, int] = {}  # where `write` goes on, by descriptor
        self._vfs: SimVfs | None = None
        disk.attach(self)

    @property
    def vfs(self) -> str:
        """Return the name of the SQLite VFS that reaches a database here."""
        name = f"sim-{id(self):x}"
        if self._vfs is None:
            self._vfs = SimVfs(name, self)
        return name

    def die(self) -> None:
        """Free what the process had locked, and do nothing for it any more; idempotent."""
        if self.is_dead:
            return
        for fd in list(self._open):
            self.close(fd)
        self.is_dead = True
        if self._vfs is not None:
            self._vfs.unregister()

    # -- files ---------------------------------------------------------------------------------

    def create(self, path: Path) -> int:
        """Begin a private file and open it for writing."""
        if self.exists(path):
            raise _error(errno.EEXIST, path)
        return self.open_or_create(path)

    def open(self, path: Path) -> int:
        """Open a file for reading."""
        return self.open_existing(path)

    def open_existing(self, path: Path) -> int:
        """Open a file for reading and writing."""
        self._check()
        node = self._disk.find(path)
        if not isinstance(node, SimFile):
            raise _error(errno.EISDIR, path)
        fd = next(self._fds)
        self._open[fd] = (path, node)
        self._ends[fd] = 0
        return fd

    def open_or_create(self, path: Path) -> int:
        """Open a file for reading and writing, and make it, private, if it is not there."""
        if not self.exists(path):
            directory = self._directory(path.parent)
            self._disk.begin("create", path)
            directory.give(path.name, SimFile())
        return self.open_existing(path)

    def open_to_append(self, path: Path) -> int:
        """Open a file for reading, and for writing at its end, and make it, private, if it is not there."""
        fd = self.open_or_create(path)
        self._ends[fd] = self.size(fd)
        return fd

    def size(self, fd: int) -> int:
        """Return how long the file is."""
        return len(self._file(fd)[1].content)

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Return up to *length* bytes from *offset*."""
        return bytes(self._file(fd)[1].content[offset : offset + length])

    def write(self, fd: int, chunk: memoryview) -> int:
        """Write behind what was written, and return how many bytes were taken: fewer than all when the disk fills."""
        written = self._write(fd, bytes(chunk), self._ends.get(fd, 0))
        self._ends[fd] += written
        return written

    def write_at(self, fd: int, chunk: bytes, offset: int) -> None:
        """Write all of *chunk* at *offset*."""
        if self._write(fd, chunk, offset) < len(chunk):
            raise _error(errno.ENOSPC, self._file(fd)[0])

    def truncate(self, fd: int) -> None:
        """Make the file empty."""
        self.cut(fd, 0)

    def cut(self, fd: int, size_bytes: int) -> None:
        """Make the file so long."""
        path, file = self._file(fd)
        self._disk.begin("truncate", path)
        self._disk.allot(size_bytes - len(file.content))
        file.truncate(size_bytes)
        self._ends[fd] = min(self._ends[fd], size_bytes)

    def sync(self, fd: int) -> None:
        """Put the file's content on stable storage."""
        path, file = self._file(fd)
        self._disk.begin("sync", path)
        if self._disk.fails_sync():
            file.lose(self._disk.fate())
            raise _error(errno.EIO, path)
        file.sync()

    def close(self, fd: int) -> None:
        """Close a descriptor, and let go the lock that it holds."""
        if self.is_dead:
            return
        _, file = self._file(fd)
        if file.holder == (self, fd):
            file.holder = None
        del self._open[fd], self._ends[fd]

    def lock(self, fd: int) -> None:
        """Lock the file for this process, or fail at once."""
        path, file = self._file(fd)
        if file.holder is not None:
            raise _error(errno.EAGAIN, path)
        file.holder = (self, fd)

    def lock_mailbox(self, fd: int) -> None:
        """Lock the file as mail programs do: here there is one kind of lock."""
        self.lock(fd)

    # -- names ---------------------------------------------------------------------------------

    def exists(self, path: Path) -> bool:
        """Tell whether something is at *path*."""
        self._check()
        try:
            self._disk.find(path)
        except OSError:
            return False
        return True

    def set_mode(self, where: Path | int, mode: int) -> None:
        """Set the permissions of a path or a descriptor."""
        self._node(where).mode = mode

    def status(self, where: Path | int) -> os.stat_result:
        """Tell what a path or a descriptor is."""
        node = self._node(where)
        kind, size = (stat.S_IFREG, len(node.content)) if isinstance(node, SimFile) else (stat.S_IFDIR, 0)
        return os.stat_result((kind | node.mode, 0, 0, 1, os.geteuid(), os.getegid(), size, 0, 0, 0))

    def real_path(self, path: Path) -> Path:
        """Return *path*; it must be there."""
        self._node(path)
        return path

    def make_directory(self, path: Path) -> None:
        """Make a private directory."""
        if self.exists(path):
            raise _error(errno.EEXIST, path)
        directory = self._directory(path.parent)
        self._disk.begin("make directory", path)
        directory.give(path.name, SimDirectory())

    def sync_directory(self, path: Path) -> None:
        """Put the names in a directory on stable storage."""
        directory = self._directory(path)
        self._disk.begin("sync names", path)
        if self._disk.fails_sync():
            raise _error(errno.EIO, path)
        directory.sync()

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name."""
        self._node(old)
        source, target = self._directory(old.parent), self._directory(new.parent)
        self._disk.begin("rename", old)
        source.move(old.name, target, new.name)

    def rename_new(self, old: Path, new: Path) -> None:
        """Give a file another name, if nothing has that yet."""
        if self.exists(new):
            raise _error(errno.EEXIST, new)
        self.rename(old, new)

    def remove(self, path: Path) -> None:
        """Take a file's name away."""
        node = self._node(path)
        if not isinstance(node, SimFile):
            raise _error(errno.EISDIR, path)
        self._disk.begin("remove", path)
        self._directory(path.parent).take(path.name)
        self._disk.allot(-len(node.content))

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory."""
        return list(self._directory(path).names)

    def space(self, path: Path) -> os.statvfs_result:
        """Tell how large the disk is, and how much is free."""
        self._node(path)
        return self._disk.space()

    # -- inside --------------------------------------------------------------------------------

    def _check(self) -> None:
        if self.is_dead:
            raise OSError(errno.EIO, "the process that had mounted this disk is dead")

    def _file(self, fd: int) -> tuple[Path, SimFile]:
        self._check()
        if fd not in self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._open[fd]

    def _node(self, where: Path | int) -> SimFile | SimDirectory:
        self._check()
        return self._file(where)[1] if isinstance(where, int) else self._disk.find(where)

    def _directory(self, path: Path) -> SimDirectory:
        node = self._node(path)
        if not isinstance(node, SimDirectory):
            raise _error(errno.ENOTDIR, path)
        return node

    def _write(self, fd: int, chunk: bytes, offset: int) -> int:
        """Write as much of *chunk* as there is room for."""
        path, file = self._file(fd)
        self._disk.begin("write", path)
        growth = max(0, offset + len(chunk) - len(file.content))
        taken = len(chunk) - growth + self._disk.allot(growth)
        file.write(offset, chunk[:taken])
        return taken


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
