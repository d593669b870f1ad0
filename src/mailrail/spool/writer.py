"""Floor 3 · spool — what runs in the one writer thread: a batch into one transaction.

Everything here is synchronous SQL on the one connection that writes. The order of the steps
inside a transaction is free, because concurrent callers have no order; the works come last, since
they may look at rows that the steps wrote.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Final

import apsw

from mailrail.model import StoreError
from mailrail.spool.api import Filter
from mailrail.spool.batch import ITEM_COLUMNS, KEY_COLUMNS, MESSAGE_COLUMNS, Batch, Value, Work, Written
from mailrail.spool.holds import Holds
from mailrail.spool.schema import newest, recover
from mailrail.spool.trouble import with_cause

# Rows in one statement. Measured: 64 takes a third of the time of 1; 256 is no better. Every size up to 16
# stands here, because each statement hands the interpreter's lock to and fro between this thread and the
# loop's, which costs both more than the rows do: a usual batch is to be one statement a table.
_CHUNKS: Final = (64, 32, *range(16, 0, -1))

_INSERT_MESSAGE: Final = "INSERT INTO message VALUES "
_INSERT_ITEM: Final = "INSERT INTO item VALUES "
# An operator may have put it on hold during the try: held stays held.
_REPLACE_ITEM: Final = (
    " ON CONFLICT DO UPDATE SET due_us = excluded.due_us, state = 0, attempts = excluded.attempts,"
    " held = max(held, excluded.held), warned = excluded.warned, recipients = excluded.recipients,"
    " pending = excluded.pending"
)
_LOWER_LANE: Final = (
    " ON CONFLICT DO UPDATE SET next_due_us = excluded.next_due_us WHERE excluded.next_due_us < next_due_us"
)
_DELETE_EMPTY: Final = (
    "DELETE FROM message WHERE id IN (SELECT value FROM carray(?))"
    " AND NOT EXISTS (SELECT 1 FROM item WHERE message_id = message.id)"
)
_WHICH_STORED: Final = "SELECT id FROM message WHERE id IN (SELECT value FROM carray(?))"


class DuplicateIds(Exception):  # noqa: N818 — an answer of the thread to the loop, not an error of the spool
    """Some queue ids of the batch are stored already; nothing of it was written."""

    def __init__(self, numbers: frozenset[int]) -> None:
        super().__init__(f"{len(numbers)} queue ids are stored already")
        self.numbers = numbers


class Writer:
    """The connection that writes; used in one thread at a time."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._changes_moved = -1  # how many rows had changed at the last whole checkpoint

    def recover(self, now_us: int) -> tuple[int, int]:
        """End the leases of the process before; return the number of this opening, and how many."""
        return recover(self._db, now_us)

    def newest(self) -> int | None:
        """Return the highest message number that is in use."""
        return newest(self._db)

    def holds(self) -> Holds:
        """Return the standing holds."""
        rows = self._db.execute("SELECT sender, recipient, destination FROM hold")
        return tuple(Filter(sender=row[0], recipient=row[1], destination=row[2]) for row in rows)

    def write(self, batch: Batch) -> Written:
        """Write *batch* in one transaction; when this returns, it is on stable storage.

        Raises:
            DuplicateIds: write the rest again without them.
            Exception: nothing was written; what it means is in trouble.py.
        """
        db, written = self._db, Written()
        db.execute("BEGIN IMMEDIATE")
        try:
            self._write_rows(batch)
            if batch.done_files:
                written.gone_files = self._gone(batch.done_files)
            for work in batch.works:
                written.results.append(self._do(work))
            db.execute("COMMIT")
        except Exception as error:
            cause = with_cause(error, db.system_errno)
            # SQLite itself rolls back after some errors; then there is nothing to roll back.
            if not db.get_autocommit():
                db.execute("ROLLBACK")
            if isinstance(error, apsw.ConstraintError):
                self._raise_duplicates(batch)
            raise cause from error
        return written

    def checkpoint(self) -> None:
        """Move what the log holds into the database, if anything was changed since that was done."""
        changes = self._db.total_changes()
        if changes != self._changes_moved:
            logged, moved = self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            # A reader may have kept part of the log in use: then the next checkpoint moves the rest.
            self._changes_moved = changes if moved == logged else -1

    def renew(self) -> None:
        """Write into the database, once more, all that the log holds of what was acknowledged, empty the log, and check it all.

        Raises:
            apsw.Error: the log is as it was.
        """
        db = self._db
        if not db.get_autocommit():
            db.execute("ROLLBACK")  # of a commit whose own was not possible
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        found = db.execute("PRAGMA quick_check(1)").get
        if found != "ok":
            raise apsw.CorruptError(found)

    def _write_rows(self, batch: Batch) -> None:
        db = self._db
        if batch.messages:
            self._chunked(_INSERT_MESSAGE, MESSAGE_COLUMNS, batch.messages)
            self._chunked(_INSERT_ITEM, ITEM_COLUMNS, batch.items)
        if batch.done:
            self._chunked(
                "DELETE FROM item WHERE (message_id, destination) IN (VALUES ", KEY_COLUMNS, batch.done, ")"
            )
            db.execute(_DELETE_EMPTY, (apsw.carray(array("q", batch.done[::KEY_COLUMNS])),))
        if batch.left:
            self._chunked(_INSERT_ITEM, ITEM_COLUMNS, batch.left, _REPLACE_ITEM)
        if batch.back:
            sql = "UPDATE item SET state = 0 WHERE (message_id, destination) IN (VALUES "
            self._chunked(sql, KEY_COLUMNS, batch.back, ")")
        if batch.lanes:
            flat = [value for pair in batch.lanes.items() for value in pair]
            self._chunked("INSERT INTO lane VALUES ", 2, flat, _LOWER_LANE)

    def _chunked(self, head: str, width: int, flat: Sequence[Value], tail: str = "") -> None:
        """Run *head* (?,?),(?,?)... *tail* over the rows of *flat*, as many at a time as there are."""
        row = "(" + ",".join("?" * width) + ")"
        at, end = 0, len(flat)
        for rows in _CHUNKS:
            step = rows * width
            if end - at < step:
                continue
            sql = head + ",".join([row] * rows) + tail
            while end - at >= step:
                self._db.execute(sql, flat[at : at + step])
                at += step

    def _do(self, work: Work[object]) -> object:
        """Do *work*; a StoreError is its own, and undone without its neighbours."""
        self._db.execute("SAVEPOINT work")
        try:
            result = work.apply(self._db)
        except StoreError as error:
            self._db.execute("ROLLBACK TO work")
            result = error
        self._db.execute("RELEASE work")
        return result

    def _gone(self, numbers: list[int]) -> list[int]:
        there = self._stored(numbers)
        return [number for number in numbers if number not in there]

    def _raise_duplicates(self, batch: Batch) -> None:
        numbers = [number for number in batch.messages[::MESSAGE_COLUMNS] if isinstance(number, int)]
        twice = {number for number, times in Counter(numbers).items() if times > 1}
        duplicates = twice | self._stored(numbers) if numbers else twice
        if duplicates:
            raise DuplicateIds(frozenset(duplicates))

    def _stored(self, numbers: list[int]) -> set[int]:
        ids = (apsw.carray(array("q", numbers)),)
        return {row[0] for row in self._db.execute(_WHICH_STORED, ids)}
