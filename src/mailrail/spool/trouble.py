"""Floor 3 · spool — foreign exceptions of the disk and of SQLite, told as StoreError.

The one distinction that matters: after a failed *sync* nobody knows what the disk holds, and a
second sync may report success for bytes that are gone (the kernel forgets the error once told).
So that breaks the spool. A failed *write* is harmless: SQLite rolls back, the next may succeed.
"""

import errno
from typing import Final

import apsw

from mailrail.model import StoreError, StoreTrouble

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Result codes after which writing may go on.
_CURABLE: Final = frozenset(
    {
        apsw.SQLITE_FULL,
        apsw.SQLITE_BUSY,
        apsw.SQLITE_NOMEM,
        apsw.SQLITE_READONLY,
        apsw.SQLITE_CONSTRAINT,
        apsw.SQLITE_TOOBIG,
        apsw.SQLITE_INTERRUPT,
    }
)
_CURABLE_EXTENDED: Final = frozenset({apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_NOMEM})


def store_error(error: Exception, doing: str) -> StoreError:
    """Return the StoreError that says what *error* means for the mail."""
    text = f"{doing}: {error}"
    if isinstance(error, StoreError):
        return error
    if isinstance(error, OSError):
        full = error.errno in _NO_ROOM
        return StoreError(StoreTrouble.FULL if full else StoreTrouble.FAILED, text)
    if isinstance(error, apsw.FullError):
        return StoreError(StoreTrouble.FULL, text)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreError(
            StoreTrouble.DAMAGED,
            f"{text}. Stop mailrail, keep a copy of the directory, and mend the database "
            "with `sqlite3 spool.db .recover`, or move it away to begin with an empty one",
        )
    return StoreError(StoreTrouble.FAILED, text)


def with_cause(error: Exception, system_errno: int) -> Exception:
    """Return what *error* of the database really is, by the errno behind it.

    SQLite says "full" for ENOSPC only; a quota or a size limit is an unspecific write error to it.
    """
    is_write = getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_WRITE
    return OSError(system_errno, f"{error}") if is_write and system_errno in _NO_ROOM else error


def is_breaking(error: Exception) -> bool:
    """Tell whether nothing may be written any more after *error* came from the database."""
    if isinstance(error, StoreError):
        return False
    if isinstance(error, OSError):
        return error.errno not in _NO_ROOM
    # apsw adds both numbers to what SQLite reports; an error of another origin has neither.
    result, extended = getattr(error, "result", None), getattr(error, "extendedresult", None)
    return result not in _CURABLE and extended not in _CURABLE_EXTENDED
