"""Floor 4 · agents — the directories of mailboxes: made where they are missing, and their names on stable storage. Blocks.

A message is no safer than the names that lead to it. Who made a directory may have been killed, or the power gone, before its name was
synced, so a process syncs all names that lead to a mailbox once, when it first writes there (A67).
"""

import errno
from pathlib import Path
from typing import Final

from mailrail.spool import Disk

_REMEMBERED: Final = 20_000
# One that we may not look into, or that cannot be synced, is none that we made.
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS})


class Grounds:
    """Where mailboxes are, as far as one process has seen to it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._secured: set[Path] = set()

    def make(self, path: Path) -> None:
        """Make the directory *path* and those above it, where they are missing.

        Raises:
            OSError: one cannot be made.
        """
        try:
            self.disk.make_directory(path)
        except FileNotFoundError:
            self.make(path.parent)
            self.make(path)
        except FileExistsError:
            pass

    def exists(self, path: Path) -> bool:
        """Tell whether something is at *path*.

        Raises:
            OSError: that cannot be told.
        """
        try:
            self.disk.status(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def secure(self, path: Path) -> None:
        """Put *path* and the names that lead to it on stable storage, unless this process has done so.

        Raises:
            OSError: it cannot be done.
        """
        if path in self._secured:
            return
        for one in (path, *path.parents):
            try:
                self.disk.sync_directory(one)
            except OSError as error:
                if error.errno not in _NOT_OURS:
                    raise
        if len(self._secured) >= _REMEMBERED:
            self._secured.clear()
        self._secured.add(path)

    def forget(self, path: Path) -> None:
        """Secure *path* again next time: something was made in it."""
        self._secured.discard(path)
