"""Floor 3 · spool — who holds what: the leases of an embedded spool live in memory.

They end with the process (promise 5), so there is nothing to store. What is stored is only
that an item is not waiting, to keep it out of the index of those that are.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from mailrail.model import Item, Message
from mailrail.spool.api import Lease
from mailrail.spool.rows import Key

_FENCE_BITS: Final = 40  # a million leases a second for twelve days, then the next opening's begin


class Leases:
    """The leases of one process; as many as items are being tried.

    Args:
        opening: a number that no earlier process had: its leases must not fit ours.
        give_back: takes those of a caller that does not wait for them any more.
    """

    def __init__(self, opening: int, give_back: Callable[[Sequence[Lease]], object]) -> None:
        self.give_back = give_back
        self._held: dict[int, Key] = {}  # by fence
        self._last_fence = opening << _FENCE_BITS

    def begin(self, message: Message, items: Iterable[Item], number: int) -> tuple[Lease, ...]:
        """Lease those of *items* that nobody keeps back.

        Args:
            number: the message's queue id as a number.
        """
        leases = []
        for item in items:
            if not item.held:
                self._last_fence = fence = self._last_fence + 1
                self._held[fence] = (number, item.destination)
                leases.append(Lease(message, item, fence))
        return tuple(leases)

    def end(self, lease: Lease) -> Key | None:
        """End *lease*; return its item's key, or None if it was not held any more."""
        return self._held.pop(lease.fence, None)

    def resume(self, lease: Lease, key: Key) -> None:
        """Undo `end`: what was to be written was not."""
        self._held[lease.fence] = key

    def drop(self, keys: Collection[Key]) -> None:
        """End whatever leases there are on the items *keys*: they were deleted or moved."""
        for fence in [fence for fence, key in self._held.items() if key in keys]:
            del self._held[fence]

    def drop_message(self, number: int) -> None:
        """End every lease on the items of a message."""
        for fence in [fence for fence, key in self._held.items() if key[0] == number]:
            del self._held[fence]
