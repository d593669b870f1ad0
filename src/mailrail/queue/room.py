"""Floor 4 · queue — how much is in memory, and who may bring more. Pure.

Fresh mail may fill memory to the last place; mail from the spool only to three quarters, so that
what was just accepted can still be delivered from memory. One destination may hold half of what
is left (a queue's share shrinks as memory fills), so slow ones can never take everything (A72).
"""

from typing import Final

from mailrail.queue.settings import QueueSettings

LEAST_SHARE: Final = 20  # items that any destination may hold, however full memory is


class Room:
    """Counts items and bytes against their limits.

    Attributes:
        items: in memory, running and being settled included.
    """

    __slots__ = ("_bytes", "_is_starved", "_most_bytes", "_most_items", "items")

    def __init__(self, settings: QueueSettings) -> None:
        self.items = 0
        self._bytes = 0
        self._is_starved = False
        self.use(settings)

    def use(self, settings: QueueSettings) -> None:
        """Go by other limits from now on; what is in memory stays there."""
        self._most_items = settings.active_items
        self._most_bytes = settings.active_bytes

    def has_any(self) -> bool:
        """Tell whether fresh mail may come in; a no is remembered until there is room again."""
        if self.items < self._most_items and self._bytes < self._most_bytes:
            return True
        self._is_starved = True
        return False

    def for_claims(self) -> int:
        """Return how many items may be claimed from the spool; a no is remembered."""
        room = self._most_items * 3 // 4 - self.items
        if room <= 0:
            self._is_starved = True
        return max(room, 0)

    def share(self) -> int:
        """Return how many items one destination may hold now."""
        return max((self._most_items - self.items) // 2, LEAST_SHARE)

    def take(self, held_bytes: int) -> None:
        """Count one item in."""
        self.items += 1
        self._bytes += held_bytes

    def free(self, held_bytes: int) -> bool:
        """Count one item out.

        Returns:
            True, once, when somebody was turned away before and half of the room is free again.
        """
        self.items -= 1
        self._bytes -= held_bytes
        if not self._is_starved or self.items * 2 > self._most_items or self._bytes * 2 > self._most_bytes:
            return False
        self._is_starved = False
        return True
