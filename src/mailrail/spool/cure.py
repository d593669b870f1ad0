"""Floor 3 · spool — after a failed sync: how the spool comes to trust its disk again, by itself (A68).

When a page cannot be written, Linux marks it clean, goes on showing it and tells of the error once. So what reads well
may not be on the disk, no later sync writes it, and nobody can be asked which pages those are. But it is known what can
be among them: only what was written since the last sync of that file that returned. Of the log that is what no commit
has acknowledged. Of the database it is what a checkpoint was writing, and all of that is in the log still, which
SQLite does not give up before the database is synced. Therefore:

1. A small file is written, synced, its name too, and removed: is it of use to try at all?
2. The log is emptied by the connection that wrote it, for it alone knows where the acknowledged ends: page by page the
   database is written again, then synced. If that fails the log is as it was, and the next cure writes *all* of it
   again: not one byte is called good because a second sync of it returned.
3. The whole database is read, and its structure checked, in case that the disk gives back something else than it got.
4. A commit of the spool's own must succeed. It begins a new log, so that the rest of the old one is never read again.

The spool is not closed for this, on purpose. A recovery by SQLite would find the frames of the commit that was refused
where they read well, in the system's memory, and take them for acknowledged; and leases would end, so that what
is being sent now would be sent again. A commit that failed left all else as it was, in memory as in the database.

What cannot be known: whether the device has lost what it once confirmed. Step 3 sees that of the structure, the checksum of
each message that of its content, when it is read from the disk and not from memory.
"""

from pathlib import Path
from typing import Final

import apsw

from mailrail.spool.batch import Batch
from mailrail.spool.disk import Disk
from mailrail.spool.trouble import store_error
from mailrail.spool.writer import Writer

_TRIAL: Final = b"Written to see whether the disk is cured. It may be removed.\n"
# Between two cures of a disk that goes on failing, since each of them may read the whole database.
_FIRST_S: Final = 30.0
_LONGEST_S: Final = 900.0
_WELL_S: Final = 3600.0  # after so long it is another illness


class Patience:
    """When a cure may be tried: at once, then after pauses that double."""

    def __init__(self) -> None:
        self._tried_s = float("-inf")
        self._pause_s = 0.0

    def may_try(self, now_s: float) -> bool:
        """Tell whether a cure may be tried now, which is then taken to happen."""
        since_s = now_s - self._tried_s
        if since_s < self._pause_s:
            return False
        self._pause_s = _FIRST_S if since_s >= _WELL_S else min(2 * self._pause_s, _LONGEST_S)
        self._tried_s = now_s
        return True


class _NewOpening:
    """The smallest change there is; a number that is left out harms nobody."""

    def apply(self, db: apsw.Connection, /) -> None:
        db.execute("UPDATE opening SET number = number + 1")


def cure(disk: Disk, directory: Path, writer: Writer) -> None:
    """Put all that was acknowledged on stable storage anew; blocks.

    Raises:
        StoreError: the disk is not cured, and nothing may be written yet: FAILED, FULL, or DAMAGED.
    """
    try:
        _try(disk, directory)
        writer.renew()
        batch = Batch()
        batch.works.append(_NewOpening())
        writer.write(batch)
    except Exception as error:
        raise store_error(error, "the disk is not cured") from error


def _try(disk: Disk, directory: Path) -> None:
    """Write a file, and remove it."""
    path = directory / "trial"
    fd = disk.open_or_create(path)
    try:
        disk.truncate(fd)
        disk.write(fd, memoryview(_TRIAL))
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.sync_directory(directory)
    disk.remove(path)
