"""Floor 3 · spool — rows of the database read back as messages and items."""

from typing import Final

from mailrail.model import Item, Message, QueueId
from mailrail.spool.codec import decode_message, decode_pending

ITEM_FIELDS: Final = "message_id, destination, due_us, state, attempts, held, warned, pending"
Key = tuple[int, str]  # of an item: the number of its message, its destination
ItemRow = tuple[int, str, int, int, int, int, int, bytes]


def read_item(queue_id: QueueId, row: ItemRow) -> Item:
    """Read a row of ITEM_FIELDS.

    Raises:
        StoreError: DAMAGED.
    """
    _, destination, due_us, _, attempts, held, warned, pending = row
    return Item(queue_id, destination, decode_pending(pending), attempts, due_us, bool(warned), bool(held))


def read_message(queue_id: QueueId, record: bytes | None) -> Message:
    """Read a record; None, a message that is not there, is damage too.

    Raises:
        StoreError: DAMAGED.
    """
    return decode_message(queue_id, record or b"")[0]
