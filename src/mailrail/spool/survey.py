"""Floor 3 · spool — what can be seen of a spool from outside, whether or not a daemon has it open.

Nothing is made, moved or recovered: who only looks must leave no trace, and may be somebody else than the owner.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import apsw

from mailrail.model import SECOND_US, QueueId, StoreError, format_id
from mailrail.spool.database import open_for_reading
from mailrail.spool.disk import Disk
from mailrail.spool.ground import is_directory
from mailrail.spool.schema import check_library, newest
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.space import Space

_CACHE_BYTES = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A spool as found.

    Attributes:
        is_there: the directory exists; without it the rest says nothing.
        owner: user id of the directory.
        is_open: others than its owner may write to it.
        has_space: new mail would be taken, as far as space goes.
        free_bytes: free on its disk.
        holder: the text of whoever has its lock, "" if nobody has.
        newest: the highest queue id, None in an empty or unreadable spool.
        changed_us: when its database was last written to, 0 without one.
        trouble: why it cannot be read or may not be used, "" if it can.
    """

    is_there: bool = False
    owner: int = 0
    is_open: bool = False
    has_space: bool = True
    free_bytes: int = 0
    holder: str = ""
    newest: QueueId | None = None
    changed_us: int = 0
    trouble: str = ""


def survey(disk: Disk, settings: SpoolSettings) -> Survey:
    """Look at the spool in `settings.path`; blocks."""
    try:
        check_library(apsw.sqlite_lib_version())
        if not is_directory(disk, settings.path):
            return Survey()
        return _look(disk, settings, disk.real_path(settings.path))
    except (OSError, StoreError, apsw.Error) as error:
        return Survey(is_there=True, trouble=str(error))


def _look(disk: Disk, settings: SpoolSettings, directory: Path) -> Survey:
    status, space = disk.status(directory), disk.space(directory)
    names = disk.names(directory)
    database = directory / "spool.db"
    has_database = database.name in names
    has_log = f"{database.name}-wal" in names
    number = _newest(disk, database, has_log=has_log) if has_database and disk.may_share else None
    return Survey(
        is_there=True,
        owner=status.st_uid,
        is_open=bool(status.st_mode & 0o022),
        has_space=Space(disk, directory, settings).allows(1, 0.0),
        free_bytes=space.f_bavail * space.f_frsize,
        holder=_holder(disk, directory / "lock") if "lock" in names else "",
        newest=None if number is None else format_id(number),
        changed_us=int(disk.status(database).st_mtime) * SECOND_US if has_database else 0,
    )


def _newest(disk: Disk, database: Path, *, has_log: bool) -> int | None:
    db = open_for_reading(disk, database, _CACHE_BYTES) if has_log else _open_still(database)
    try:
        return newest(db)
    finally:
        db.close()


def _open_still(database: Path) -> apsw.Connection:
    """Open a database that nobody has open: as usual SQLite would make a log and its index beside it."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOFOLLOW
    return apsw.Connection(f"file:{quote(str(database))}?immutable=1", flags=flags)


def _holder(disk: Disk, lock: Path) -> str:
    """Return who has the lock. It is taken for an instant: a daemon that starts just then has to be started again."""
    fd = disk.open(lock)
    try:
        disk.lock(fd)
    except OSError:
        return disk.read(fd, 200, 0).decode("ascii", "replace").strip() or "an unknown process"
    finally:
        disk.close(fd)
    return ""
