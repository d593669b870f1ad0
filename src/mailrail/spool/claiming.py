"""Floor 3 · spool — which items are due: the claim, in the writer thread.

Lanes (one row per destination with waiting items) are asked first, oldest due time first and
without the busy ones; then each lane gives a few, in rounds, so that a long queue at one destination
does not take every place (A72). A lane's due time may be too early, never too late: each round
corrects the lanes it looked at, so no lane is looked at twice for nothing.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, cast

import apsw

from mailrail.model import Item, Message, StoreError, format_id
from mailrail.spool.api import Want
from mailrail.spool.damage import Damage, set_aside
from mailrail.spool.rows import ItemRow, read_item, read_message

_DUE_LANES: Final = (
    "SELECT destination FROM lane WHERE next_due_us <= ?"
    " AND destination NOT IN (SELECT value FROM carray(?)) ORDER BY next_due_us LIMIT ?"
)
_TAKE: Final = (
    "UPDATE item SET state = 1 WHERE destination = ?1 AND message_id IN ("
    "SELECT message_id FROM item WHERE destination = ?1 AND state = 0 AND held = 0 AND due_us <= ?2"
    " ORDER BY due_us, message_id LIMIT ?3) RETURNING"
    " message_id, destination, due_us, state, attempts, held, warned, pending"  # = ITEM_FIELDS
)
_CORRECT_LANES: Final = (
    "UPDATE lane SET next_due_us = (SELECT min(due_us) FROM item"
    " WHERE item.destination = lane.destination AND state = 0 AND held = 0)"
    " WHERE destination IN (SELECT value FROM carray(?))"
)
_RECORDS: Final = "SELECT id, record FROM message WHERE id IN (SELECT value FROM carray(?))"


@dataclass(slots=True)
class Claimed:
    """What a claim found: items with their messages, and what did not read back."""

    pairs: list[tuple[Message, Item]] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)


class Claim:
    """One claim, to be done in a batch.

    Args:
        want: what there is room for.
        now_us: the spool's clock.
    """

    def __init__(self, want: Want, now_us: int) -> None:
        self._want = want
        self._now_us = now_us

    def apply(self, db: apsw.Connection, /) -> Claimed:
        """Lease what is due."""
        rows = self._take(db)
        rows.sort(key=lambda row: row[2])
        return self._read(db, rows)

    def _take(self, db: apsw.Connection) -> list[ItemRow]:
        want, rows = self._want, list[ItemRow]()
        taken: Counter[str] = Counter()
        while len(rows) < want.limit:
            full = frozenset(lane for lane, items in taken.items() if items >= want.per_destination)
            lanes = self._due_lanes(db, full | want.busy, want.limit - len(rows))
            if not lanes:
                break
            share = max(1, (want.limit - len(rows)) // len(lanes))
            for lane in lanes:
                room = min(share, want.per_destination - taken[lane])
                found = cast(
                    "list[ItemRow]", db.execute(_TAKE, (lane, self._now_us, room)).fetchall()
                )  # as declared
                taken[lane] += len(found)
                rows += found
            db.execute(_CORRECT_LANES, (apsw.carray(tuple(lanes)),))
            db.execute("DELETE FROM lane WHERE next_due_us IS NULL")
        return rows

    def _due_lanes(self, db: apsw.Connection, without: frozenset[str], limit: int) -> list[str]:
        # carray wants at least one member; no destination is empty.
        names = apsw.carray(tuple(without) or ("",))
        return [row[0] for row in db.execute(_DUE_LANES, (self._now_us, names, limit))]

    def _read(self, db: apsw.Connection, rows: list[ItemRow]) -> Claimed:
        claimed = Claimed()
        if not rows:
            return claimed
        records = dict(db.execute(_RECORDS, (apsw.carray(array("q", [row[0] for row in rows])),)))
        messages: dict[int, Message] = {}
        bad: set[int] = set()
        for row in rows:
            number = row[0]
            if number in bad:
                continue
            queue_id = format_id(number)
            try:
                if number not in messages:
                    messages[number] = read_message(queue_id, records.get(number))
                claimed.pairs.append((messages[number], read_item(queue_id, row)))
            except StoreError as error:
                bad.add(number)
                claimed.damages.append(set_aside(db, number, str(error), self._now_us))
        if bad:
            ids = {damage.queue_id for damage in claimed.damages}
            claimed.pairs = [pair for pair in claimed.pairs if pair[0].queue_id not in ids]
        return claimed
