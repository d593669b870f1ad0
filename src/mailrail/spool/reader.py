"""Floor 3 · spool — what runs in the one reader thread: questions, which change nothing."""

from typing import Final

import apsw

from mailrail.model import QueueId, StoreError, StoreTrouble, format_id, id_time_us, parse_id
from mailrail.spool.api import DestinationStats, Filter, Listed
from mailrail.spool.codec import decode_message
from mailrail.spool.filters import where
from mailrail.spool.rows import ITEM_FIELDS, Key, read_item, read_message
from mailrail.spool.schema import LEASED

_STATS: Final = (
    "SELECT destination, count(*) AS items, sum(held), min(message_id),"
    " ifnull(min(CASE WHEN state = 0 AND held = 0 THEN due_us END), 0)"
    " FROM item GROUP BY destination ORDER BY items DESC, destination LIMIT ?"
)
_NEXT_DUE: Final = (
    "SELECT next_due_us FROM lane WHERE next_due_us IS NOT NULL"
    " AND destination NOT IN (SELECT value FROM carray(?)) ORDER BY next_due_us LIMIT 1"
)

_WITH_FILE: Final = "SELECT id FROM {} WHERE id IN (SELECT value FROM json_each(?)) AND body IS NULL"


class Reader:
    """Asks; used in one thread at a time.

    Args:
        db: a connection that cannot write, or the writer's, where the disk allows only one.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def fetch(self, queue_id: QueueId) -> tuple[bytes | None, int, int]:
        """Return a message's body (None: in a file), size and CRC-32.

        Raises:
            StoreError: DAMAGED, also when it is not there.
        """
        sql = "SELECT record, body FROM message WHERE id = ?"
        row = self._db.execute(sql, (parse_id(queue_id),)).fetchone()
        if row is None:
            raise StoreError(StoreTrouble.DAMAGED, f"{queue_id} is not in the spool")
        message, crc = decode_message(queue_id, row[0])
        return row[1], message.size_bytes, crc

    def select(
        self, wanted: Filter, after: Key, limit: int
    ) -> tuple[list[Listed], list[tuple[QueueId, str]]]:
        """Return a page of items, and those that did not read back with the reason."""
        condition, parameters = where(wanted)
        sql = (
            f"SELECT record, {ITEM_FIELDS} FROM item LEFT JOIN message ON message.id = message_id"  # noqa: S608
            f" WHERE (message_id, destination) > (?, ?) AND {condition}"
            " ORDER BY message_id, destination LIMIT ?"
        )
        listed: list[Listed] = []
        damaged: list[tuple[QueueId, str]] = []
        for record, *rest in self._db.execute(sql, (*after, *parameters, limit)):
            number, destination, due_us, state, attempts, held, warned, pending = rest
            queue_id = format_id(number)
            row = (number, destination, due_us, state, attempts, held, warned, pending)
            try:
                message, item = read_message(queue_id, record), read_item(queue_id, row)
                listed.append(Listed(message, item, state == LEASED))
            except StoreError as error:
                damaged.append((queue_id, str(error)))
        return listed, damaged

    def keys(self, wanted: Filter, after: Key, limit: int) -> list[Key]:
        """Return the keys of a page of items."""
        condition, parameters = where(wanted)
        sql = (
            "SELECT message_id, destination FROM item"  # noqa: S608
            f" WHERE (message_id, destination) > (?, ?) AND {condition}"
            " ORDER BY message_id, destination LIMIT ?"
        )
        return [
            (number, destination)
            for number, destination in self._db.execute(sql, (*after, *parameters, limit))
        ]

    def count(self, wanted: Filter) -> int:
        """Count items."""
        condition, parameters = where(wanted)
        return int(self._db.execute(f"SELECT count(*) FROM item WHERE {condition}", parameters).get)  # noqa: S608

    def stats(self, limit: int) -> list[DestinationStats]:
        """Sum up by destination."""
        return [
            DestinationStats(destination, items, held, id_time_us(format_id(oldest)), next_due_us)
            for destination, items, held, oldest, next_due_us in self._db.execute(_STATS, (limit,))
        ]

    def next_due_us(self, busy: frozenset[str]) -> int | None:
        """Return the earliest due time of a lane outside *busy*."""
        due_us: int | None = self._db.execute(_NEXT_DUE, (apsw.carray(tuple(busy) or ("",)),)).get
        return due_us

    def files(self, numbers: list[int]) -> tuple[set[int], set[int]]:
        """Return which of *numbers* are messages with a file: stored ones, and damaged ones."""
        stored = {row[0] for row in self._db.execute(_WITH_FILE.format("message"), (str(numbers),))}
        damaged = {row[0] for row in self._db.execute(_WITH_FILE.format("damaged"), (str(numbers),))}
        return stored, damaged - stored
