"""Floor 3 · spool — who holds what: the leases of an embedded spool live in memory.

They end with the process (promise 5), so there is nothing to store. What is stored is only
that an item is not waiting, to keep it out of the index of those that are.
"""

from typing import Final

from mailrail.model import Item, Message, QueueId
from mailrail.spool.api import Lease

_FENCE_BITS: Final = 40  # a million leases a second for twelve days, then the next opening's begin


class Leases:
    """The leases of one process; as many as items are being tried.

    Args:
        opening: a number that no earlier process had: its leases must not fit ours.
    """

    def __init__(self, opening: int) -> None:
        # (fence, the queue id as a number: reading it again costs a microsecond)
        self._held: dict[tuple[QueueId, str], tuple[int, int]] = {}
        self._last_fence = opening << _FENCE_BITS

    def begin(self, message: Message, item: Item, number: int) -> Lease:
        """Lease *item*."""
        self._last_fence = fence = self._last_fence + 1
        self._held[item.queue_id, item.destination] = (fence, number)
        return Lease(message, item, fence)

    def end(self, lease: Lease) -> int | None:
        """End *lease*; return its queue id as a number, or None if it was not held any more."""
        key = (lease.item.queue_id, lease.item.destination)
        held = self._held.get(key)
        if held is None or held[0] != lease.fence:
            return None
        del self._held[key]
        return held[1]

    def resume(self, lease: Lease, number: int) -> None:
        """Undo `end`: what was to be written was not."""
        self._held[lease.item.queue_id, lease.item.destination] = (lease.fence, number)

    def drop(self, queue_id: QueueId, destination: str) -> None:
        """End whatever lease there is on the item: it was deleted or moved."""
        self._held.pop((queue_id, destination), None)

    def drop_message(self, queue_id: QueueId) -> None:
        """End every lease on the items of a message."""
        for key in [key for key in self._held if key[0] == queue_id]:
            del self._held[key]
