"""Floor 3 · spool — what an operator changes, in the writer thread: one page of items, one message.

The reader finds the keys of a page; here the filter is asked again, because between the two an
item may have been delivered, moved or released.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from mailrail.model import Item, QueueId, parse_id
from mailrail.spool.api import Change, Filter
from mailrail.spool.batch import ITEM_COLUMNS, item_row
from mailrail.spool.filters import where
from mailrail.spool.holds import Holds
from mailrail.spool.rows import ITEM_FIELDS, Key, read_item, read_message
from mailrail.spool.rules import merged
from mailrail.spool.schema import LEASED, WAITING

_IN_PAGE: Final = "(message_id, destination) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))"
_WAKE_LANES: Final = (
    "INSERT INTO lane SELECT destination, min(due_us) FROM item WHERE (message_id, destination)"
    " IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) AND state = 0 AND held = 0 GROUP BY destination"
    " ON CONFLICT DO UPDATE SET next_due_us = excluded.next_due_us WHERE excluded.next_due_us < next_due_us"
)


@dataclass(slots=True)
class Changed:
    """What a change came to.

    Attributes:
        count: items changed.
        growth: how many more items there are, fewer if negative.
        ended: keys whose lease ended.
        gone_files: messages whose files are to be removed.
    """

    count: int = 0
    growth: int = 0
    ended: list[Key] = field(default_factory=list)
    gone_files: list[int] = field(default_factory=list)


class MutatePage:
    """Change those items of a page that the filter (still) means."""

    def __init__(self, keys: Sequence[Key], wanted: Filter, change: Change, now_us: int) -> None:
        self._page = json.dumps(keys)
        condition, parameters = where(wanted)
        self._where = f"{_IN_PAGE} AND {condition}"
        self._parameters = parameters
        self._change = change
        self._now_us = now_us

    def apply(self, db: apsw.Connection, /) -> Changed:
        """Do it."""
        if self._change is Change.DELETE:
            return self._delete(db)
        if self._change is Change.RETRY:
            # What is being tried now need not be told to; it is counted, as it is meant.
            assignment = "due_us = CASE state WHEN 0 THEN min(due_us, ?2) ELSE due_us END"
            bindings = (self._page, self._now_us, *self._parameters)
        else:
            assignment = "held = ?2"
            bindings = (self._page, int(self._change is Change.HOLD), *self._parameters)
        # The filter's plain ? count on from ?2.
        db.execute(f"UPDATE item SET {assignment} WHERE {self._where}", bindings)  # noqa: S608 — no values in it
        changed = Changed(db.changes())
        if self._change is not Change.HOLD:
            db.execute(_WAKE_LANES, (self._page,))
        return changed

    def _delete(self, db: apsw.Connection) -> Changed:
        sql = f"DELETE FROM item WHERE {self._where} RETURNING message_id, destination, state"  # noqa: S608
        rows: list[Any] = db.execute(sql, (self._page, *self._parameters)).fetchall()
        changed = Changed(len(rows), -len(rows))
        changed.ended = [(row[0], row[1]) for row in rows if row[2] == LEASED]
        gone = db.execute(
            "DELETE FROM message WHERE id IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM item WHERE message_id = message.id) RETURNING id, body IS NULL",
            (json.dumps([row[0] for row in rows]),),
        )
        changed.gone_files = [number for number, has_file in gone if has_file]
        return changed


class Reroute:
    """Replace one item by others of the same message; the result is None when that cannot be."""

    def __init__(self, queue_id: QueueId, old: str, new: Sequence[Item]) -> None:
        self._queue_id = queue_id
        self._number = parse_id(queue_id)
        self._old = old
        self._new = new

    def apply(self, db: apsw.Connection, /) -> Changed | None:
        """Do it."""
        number = self._number
        rows = {
            row[1]: row
            for row in db.execute(f"SELECT {ITEM_FIELDS} FROM item WHERE message_id = ?", (number,))  # noqa: S608
        }
        old = rows.pop(self._old, None)
        theirs = [rows[item.destination] for item in self._new if item.destination in rows]
        if old is None or any(row[3] == LEASED for row in theirs):
            return None
        record = db.execute("SELECT record FROM message WHERE id = ?", (number,)).get
        message = read_message(self._queue_id, record)
        there = {row[1]: read_item(self._queue_id, row) for row in theirs}
        db.execute("DELETE FROM item WHERE message_id = ? AND destination = ?", (number, self._old))
        for item in self._new:
            known = there.get(item.destination)
            item = item if known is None else merged(known, item)
            marks = ",".join("?" * ITEM_COLUMNS)
            db.execute(f"REPLACE INTO item VALUES({marks})", item_row(number, message, item, WAITING))
        db.execute(_WAKE_LANES, (json.dumps([(number, item.destination) for item in self._new]),))
        ended = [(number, self._old)] if old[3] == LEASED else []
        return Changed(1, len(self._new) - len(theirs) - 1, ended)


class KeepHolds:
    """Make *holds* the standing holds, all of them."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    def apply(self, db: apsw.Connection, /) -> None:
        """Do it."""
        db.execute("DELETE FROM hold")
        rows = [(rule.sender, rule.recipient, rule.destination) for rule in self._holds]
        db.executemany("INSERT INTO hold VALUES(?, ?, ?)", rows)


class Resolve:
    """Whether a message is stored, asked behind everything that was to be written before."""

    def __init__(self, number: int) -> None:
        self._number = number

    def apply(self, db: apsw.Connection, /) -> bool:
        """Look."""
        return db.execute("SELECT 1 FROM message WHERE id = ?", (self._number,)).get is not None
