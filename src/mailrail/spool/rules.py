"""Floor 3 · spool — what every implementation asks of its callers, and how two items become one.

A broken rule is a fault of the calling program: ValueError, and nothing is stored.
"""

from collections.abc import Sequence
from dataclasses import replace

from mailrail.model import Item, Message, QueueId
from mailrail.spool.api import SMALL_BYTES, Settlement


def check_commit(message: Message, items: Sequence[Item], size_bytes: int) -> None:
    """Refuse a message without items, with another's items, or of another length than its content.

    Raises:
        ValueError: as said.
    """
    if message.size_bytes != size_bytes:
        raise ValueError(f"{message.queue_id}: {size_bytes} bytes were written, not {message.size_bytes}")
    _check_items(message.queue_id, items)


def check_settlement(settlement: Settlement) -> None:
    """Refuse what is left of another item, and notices that are not small and whole.

    Raises:
        ValueError: as said.
    """
    item, left = settlement.lease.item, settlement.left
    if left is not None and (left.queue_id, left.destination) != (item.queue_id, item.destination):
        raise ValueError(f"{item.queue_id} at {item.destination}: what is left belongs to another item")
    if left is not None and not left.pending:
        raise ValueError(f"{item.queue_id} at {item.destination}: an item without recipients is done")
    for new in settlement.new_messages:
        check_commit(new.message, new.items, len(new.content))
        if len(new.content) > SMALL_BYTES:
            raise ValueError(f"{new.message.queue_id}: a notice has at most {SMALL_BYTES} bytes")


def check_reroute(queue_id: QueueId, new: Sequence[Item]) -> None:
    """Refuse to replace an item by nothing: its recipients would be lost.

    Raises:
        ValueError: as said.
    """
    _check_items(queue_id, new)


def _check_items(queue_id: QueueId, items: Sequence[Item]) -> None:
    if not items:
        raise ValueError(f"{queue_id}: a message without items would never be delivered")
    for item in items:
        if item.queue_id != queue_id or not item.pending:
            raise ValueError(f"{queue_id}: an item belongs to {item.queue_id} or has no recipients")
    if len(items) > 1 and len({item.destination for item in items}) != len(items):
        raise ValueError(f"{queue_id}: two items have the same destination")


def merged(there: Item, new: Item) -> Item:
    """Return an item that owes what *there* and *new* owe; never later than either, held if one is."""
    pending = {one.index: one for one in (*new.pending, *there.pending)}
    return replace(
        there,
        pending=tuple(pending[index] for index in sorted(pending)),
        attempts=max(there.attempts, new.attempts),
        due_us=min(there.due_us, new.due_us),
        warned=there.warned and new.warned,
        held=there.held or new.held,
    )
