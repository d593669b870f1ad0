"""Floor 4 · pickup — the maildrop's directory: made with the rights that its access means, and moved about in. Everything blocks.

No program with special rights is needed (Postfix has one, set-group-id): `new/` lets everybody make files and nobody list them, lets nobody
touch another's (sticky), and gives every file its own group (set-group-id), by which the server may read it. A file's owner is whoever made it.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailrail.maildrop import ASIDE, LIMIT, NEW, TAKING, is_name
from mailrail.model import SECOND_US, QueueId, parse_id
from mailrail.pickup.settings import Access
from mailrail.spool import Disk

STALE_S: Final = 24 * 3600  # ours; nobody writes a message for a day
MOST_STUCK: Final = 1000
_TOP: Final = {Access.OWNER: 0o700, Access.EVERYONE: 0o711}
_NEW: Final = {Access.OWNER: 0o2700, Access.EVERYONE: 0o3733}


class Ground:
    """The directory *path* on *disk*."""

    def __init__(self, disk: Disk, path: Path, access: Access) -> None:
        self.disk = disk
        self.path = path
        self._access = access
        self._stuck: set[str] = set()

    def prepare(self, limit_bytes: int) -> None:
        """Make what is not there, set the rights, and write down how large a message may be.

        Raises:
            OSError: it cannot be.
        """
        disk, path = self.disk, self.path
        for directory, mode in (
            (path, _TOP[self._access]),
            (path / TAKING, 0o700),
            (path / ASIDE, 0o700),
            (path / NEW, _NEW[self._access]),
        ):
            with suppress(FileExistsError):
                disk.make_directory(directory)
            self._own(directory)
            self._set_mode(directory, mode)
        if self._access is Access.EVERYONE:
            self._let_through(path.parent)
        self._tell_limit(limit_bytes)
        disk.sync_directory(path)
        disk.sync_directory(path.parent)

    def _set_mode(self, directory: Path, mode: int) -> None:
        """Set the rights; where the system forbids the set-group-id bit, and only we and root come, without."""
        try:
            self.disk.set_mode(directory, mode)
        except PermissionError as error:
            if not mode & stat.S_ISGID:
                raise
            if self._access is not Access.OWNER:
                text = "may not have the set-group-id bit, without which others' files cannot be read: RestrictSUIDSGID=no for systemd"
                raise PermissionError(errno.EPERM, text, str(directory)) from error
            self.disk.set_mode(directory, mode & 0o777)  # root gives its files the right group by itself

    def _own(self, directory: Path) -> None:
        status = self.disk.status(directory)
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "is no directory", str(directory))
        if status.st_uid != os.geteuid():
            text = f"belongs to user {status.st_uid}, and this is user {os.geteuid()}: chown it"
            raise PermissionError(errno.EPERM, text, str(directory))

    def _let_through(self, parent: Path) -> None:
        """Let others pass the directory above, where that is ours: the spool's. They cannot list or read what is in it."""
        status = self.disk.status(parent)
        if status.st_uid == os.geteuid() and not status.st_mode & 0o001:
            self.disk.set_mode(parent, stat.S_IMODE(status.st_mode) | 0o011)

    def _tell_limit(self, limit_bytes: int) -> None:
        disk, hidden = self.disk, self.path / f".{LIMIT}"
        with suppress(FileNotFoundError):
            disk.remove(hidden)
        fd = disk.create(hidden)
        try:
            disk.write(fd, memoryview(b"%d" % limit_bytes))
            if self._access is Access.EVERYONE:
                disk.set_mode(fd, 0o644)
        finally:
            disk.close(fd)
        disk.rename(hidden, self.path / LIMIT)

    def taking(self) -> list[QueueId]:
        """Return what was being taken up, the oldest first."""
        found = []
        for name in sorted(self.disk.names(self.path / TAKING)):
            with suppress(ValueError):
                parse_id(name)
                found.append(QueueId(name))
        return found

    def waiting(self, most: int, now_us: int) -> list[str]:
        """Return names of files that were handed in, the oldest first; what was begun and left long ago is removed.

        Args:
            most: return no more than so many.
        """
        names = self.disk.names(self.path / NEW)
        for name in names:
            if name.startswith("."):
                self._remove_stale(self.path / NEW / name, now_us)
        return sorted(name for name in names if is_name(name) and name not in self._stuck)[:most]

    def _remove_stale(self, path: Path, now_us: int) -> None:
        with suppress(OSError):
            if 0 < self.disk.status(path).st_mtime < now_us / SECOND_US - STALE_S:
                self.disk.remove(path)

    def place(self, queue_id: QueueId) -> Path:
        """Return where the file is while it is taken up."""
        return self.path / TAKING / queue_id

    def take(self, name: str, queue_id: QueueId) -> bool:
        """Move a file to where nobody else can exchange it; False where it is gone, or cannot be moved and is left where it is."""
        try:
            self.disk.rename(self.path / NEW / name, self.place(queue_id))
        except FileNotFoundError:
            return False
        except OSError as error:
            # A directory of somebody else. All other trouble is the disk's, and passes.
            if error.errno not in (errno.EACCES, errno.EPERM):
                raise
            if len(self._stuck) < MOST_STUCK:
                self._stuck.add(name)
            return False
        return True

    def sync_taken(self) -> None:
        """Put it on stable storage that files are taken."""
        self.disk.sync_directory(self.path / TAKING)
        self.disk.sync_directory(self.path / NEW)

    def remove(self, queue_id: QueueId) -> None:
        """Remove a file whose message is stored; `sync_removed` puts that on stable storage."""
        with suppress(FileNotFoundError):
            self.disk.remove(self.place(queue_id))

    def sync_removed(self) -> None:
        """Put it on stable storage that files are removed."""
        self.disk.sync_directory(self.path / TAKING)

    def set_aside(self, queue_id: QueueId) -> Path:
        """Keep a file for the operator, and return where."""
        aside = self.path / ASIDE / queue_id
        self.disk.rename(self.place(queue_id), aside)
        self.disk.sync_directory(self.path / ASIDE)
        self.disk.sync_directory(self.path / TAKING)
        return aside
