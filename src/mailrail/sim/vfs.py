"""Floor 5 · sim — SQLite on a simulated disk: its file operations, given on to a mount.

What SQLite's own unix layer does beyond the obvious is done here too, for durability hangs on it: the first sync of a new
journal or log syncs its directory and passes over it when that fails, and a removal syncs the directory where SQLite asks for
that. Locks are none:
the lock of the spool has let one process in, and it has one connection. There is no shared memory, so that
connection must be exclusive (`Disk.may_share`).

When the process is dead, everything here pretends to succeed: the collector closes what connections were left, SQLite
then wants to tidy up, and nobody is there to be told.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import apsw

_NEW_JOURNAL: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
_SECTOR: Final = 4096  # as on unix


class Files(Protocol):
    """What SQLite needs of a mount."""

    is_dead: bool

    def open_existing(self, path: Path) -> int:
        """Open a file for reading and writing."""
        ...

    def open_or_create(self, path: Path) -> int:
        """Open a file for reading and writing, and make it if it is not there."""
        ...

    def exists(self, path: Path) -> bool:
        """Tell whether something is at *path*."""
        ...

    def size(self, fd: int) -> int:
        """Return how long the file is."""
        ...

    def read(self, fd: int, length: int, offset: int) -> bytes:
        """Return up to *length* bytes from *offset*."""
        ...

    def write_at(self, fd: int, chunk: bytes, offset: int) -> None:
        """Write all of *chunk* at *offset*."""
        ...

    def cut(self, fd: int, size: int) -> None:
        """Make the file *size* bytes long."""
        ...

    def sync(self, fd: int) -> None:
        """Put the content on stable storage."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Put the names on stable storage."""
        ...

    def remove(self, path: Path) -> None:
        """Take a name away."""
        ...

    def close(self, fd: int) -> None:
        """Close."""
        ...


class SimVfs(apsw.VFS):
    """The file system that a connection is opened with, by name."""

    def __init__(self, name: str, files: Files) -> None:
        self._files = files
        super().__init__(name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "SimVfsFile":  # type: ignore[override]  # noqa: N802
        """Open a file."""
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "/temporary")
        flags[1] = flags[0]
        is_new = not self._files.exists(path)
        with _told_as(apsw.SQLITE_CANTOPEN):
            if flags[0] & apsw.SQLITE_OPEN_CREATE:
                fd = self._files.open_or_create(path)
            else:
                fd = self._files.open_existing(path)
        return SimVfsFile(self._files, path, fd, is_new_journal=is_new and bool(flags[0] & _NEW_JOURNAL))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Remove a file."""
        if self._files.is_dead:
            return
        with _told_as(apsw.SQLITE_IOERR_DELETE):
            self._files.remove(Path(filename))
            if syncdir:
                self._files.sync_directory(Path(filename).parent)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        """Tell whether a file is there."""
        return not self._files.is_dead and self._files.exists(Path(pathname))

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Return *name*: it is absolute, and no link is on this disk."""
        return name


class SimVfsFile:
    """A file that SQLite has open."""

    def __init__(self, files: Files, path: Path, fd: int, *, is_new_journal: bool) -> None:
        self._files = files
        self._directory = path.parent
        self._fd = fd
        self._is_unnamed = is_new_journal  # its name is not on stable storage

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        """Read; fewer bytes than asked for are a short read to SQLite, which it expects at the end."""
        if self._files.is_dead:
            return bytes(amount)
        with _told_as(apsw.SQLITE_IOERR_READ):
            return self._files.read(self._fd, amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """Write."""
        if self._files.is_dead:
            return
        with _told_as(apsw.SQLITE_IOERR_WRITE):
            self._files.write_at(self._fd, bytes(data), offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Make it shorter."""
        if self._files.is_dead:
            return
        with _told_as(apsw.SQLITE_IOERR_TRUNCATE):
            self._files.cut(self._fd, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Sync, and the first time the name of a new journal too."""
        if self._files.is_dead:
            return
        with _told_as(apsw.SQLITE_IOERR_FSYNC):
            self._files.sync(self._fd)
        if self._is_unnamed:
            self._is_unnamed = False
            with suppress(OSError):
                self._files.sync_directory(self._directory)

    def xFileSize(self) -> int:  # noqa: N802
        """Return how long it is."""
        return 0 if self._files.is_dead else self._files.size(self._fd)

    def xLock(self, level: int) -> None:  # noqa: N802
        """Do nothing."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Do nothing."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """Tell that nobody else writes."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        """Know no controls."""
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        """Return what is written at once."""
        return _SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """Promise what unix promises: a torn write leaves the bytes beside it alone."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        """Close."""
        if not self._files.is_dead:
            self._files.close(self._fd)


@contextmanager
def _told_as(code: int) -> Iterator[None]:
    """Tell SQLite what the disk said, as its unix layer would."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            code = apsw.SQLITE_FULL
        elif error.errno == errno.ENOENT and code == apsw.SQLITE_IOERR_DELETE:
            code = apsw.SQLITE_IOERR_DELETE_NOENT
        raise apsw.exception_for(code) from error
