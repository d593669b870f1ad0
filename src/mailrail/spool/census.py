"""Floor 3 · spool — how many items are stored, for who wants a bound beside that of the disk.

Counted once, when the spool is opened; from there each batch and each change says by how much it went up or down.
"""

from mailrail.observe import Bus
from mailrail.spool.events import SpoolCrowded


class Census:
    """Knows whether another message may be let in.

    Args:
        items: how many are stored now.
        most: how many there may be; 0 sets no bound.
        bus: is told when the bound is reached.

    Attributes:
        has_place: there are fewer than there may be.
    """

    def __init__(self, items: int, most: int, bus: Bus) -> None:
        self.items = items
        self._most = most
        self._bus = bus
        self._is_told = False
        self.has_place = not most or items < most

    def add(self, items: int) -> None:
        """Note that there are so many more, or fewer if *items* is negative."""
        self.items += items
        if not self._most:
            return
        self.has_place = self.items < self._most
        if not self.has_place and not self._is_told:
            self._is_told = True
            self._bus.emit(SpoolCrowded(items=self.items, most=self._most))
        elif self.items < self._most * 9 // 10:  # not at every message that comes and goes at the bound
            self._is_told = False
