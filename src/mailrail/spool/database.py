"""Floor 3 · spool — the connections to the database: one that writes, and one that reads where the disk allows it."""

from contextlib import suppress
from pathlib import Path

import apsw

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool.disk import Disk
from mailrail.spool.schema import check_library, prepare


def open_for_writing(disk: Disk, path: Path, cache_bytes: int) -> apsw.Connection:
    """Open the database to write, with its tables up to date.

    Raises:
        StoreError: UNSUITABLE when SQLite is too old, or the database belongs to something else; FAILED when the
            disk does not let it have a log.
    """
    check_library(apsw.sqlite_lib_version())
    db = _open(disk, path, apsw.SQLITE_OPEN_READWRITE, statements=200)
    try:
        if not disk.may_share:
            # Before the log is first touched: then its index is in memory of this connection's own.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
        prepare(db, cache_bytes)
        _check_log(db)
    except BaseException:
        close(db)
        raise
    return db


def open_for_reading(disk: Disk, path: Path, cache_bytes: int) -> apsw.Connection:
    """Open the database a second time, to read."""
    db = _open(disk, path, apsw.SQLITE_OPEN_READONLY, statements=50)
    # The last connection to close would checkpoint, at a time of its own choosing.
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.execute(f"PRAGMA cache_size = {-cache_bytes // 1024}")
    return db


def close(db: apsw.Connection) -> None:
    """Close, and empty the log if that can be: if not, it keeps what is in it for the next opening."""
    with suppress(apsw.Error):
        db.close()


def _check_log(db: apsw.Connection) -> None:
    """Make sure that there is a write-ahead log: SQLite answers with what it has, and raises nothing."""
    if db.pragma("journal_mode") != "wal":
        raise StoreError(StoreTrouble.FAILED, "the database cannot be given a write-ahead log now")


def _open(disk: Disk, path: Path, mode: int, *, statements: int) -> apsw.Connection:
    flags = mode | apsw.SQLITE_OPEN_NOFOLLOW
    db = apsw.Connection(str(path), flags=flags, vfs=disk.vfs or None, statementcachesize=statements)
    db.set_busy_timeout(5000)
    return db
