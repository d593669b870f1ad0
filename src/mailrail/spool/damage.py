"""Floor 3 · spool — what does not read back is set aside, whole, and the rest goes on (A70)."""

from dataclasses import dataclass

import apsw

from mailrail.model import QueueId, format_id, parse_id


@dataclass(frozen=True, slots=True)
class Damage:
    """A message that was set aside.

    Attributes:
        has_file: its content is in a file, to be moved aside too.
        items: how many it had.
    """

    queue_id: QueueId
    why: str
    has_file: bool
    items: int


class SetAside:
    """The work of setting one message aside; its result is None when it is gone already."""

    def __init__(self, queue_id: QueueId, why: str, now_us: int) -> None:
        self._number = parse_id(queue_id)
        self._why = why
        self._now_us = now_us

    def apply(self, db: apsw.Connection, /) -> Damage | None:
        """Do it."""
        there = db.execute("SELECT 1 FROM message WHERE id = ?", (self._number,)).get
        return set_aside(db, self._number, self._why, self._now_us) if there else None


def set_aside(db: apsw.Connection, number: int, why: str, now_us: int) -> Damage:
    """Move the message and its items to table `damaged`."""
    db.execute(
        "INSERT OR REPLACE INTO damaged SELECT ?1, ?2, ?3, max(sender), group_concat(recipients, ''),"
        " (SELECT record FROM message WHERE id = ?1), (SELECT body FROM message WHERE id = ?1)"
        " FROM item WHERE message_id = ?1",
        (number, why, now_us),
    )
    has_file = db.execute("SELECT body IS NULL FROM message WHERE id = ?", (number,)).get
    db.execute("DELETE FROM item WHERE message_id = ?", (number,))
    items = db.changes()
    db.execute("DELETE FROM message WHERE id = ?", (number,))
    return Damage(format_id(number), why, bool(has_file), items)
