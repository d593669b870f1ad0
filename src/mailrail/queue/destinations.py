"""Floor 4 · queue — the destinations in memory: made when mail comes for them, forgotten when they have nothing to remember."""

import asyncio
from typing import Final

from mailrail.queue.destination import Destination
from mailrail.queue.settings import QueueSettings

TIDY_S: Final = 60.0


class Destinations:
    """Every destination by its key.

    Attributes:
        by_key: all of them.
        full: keys of those that hold their share of memory.
    """

    __slots__ = ("_loop", "_settings", "_tidied_s", "by_key", "full")

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: QueueSettings) -> None:
        self.by_key: dict[str, Destination] = {}
        self.full: set[str] = set()
        self._loop = loop
        self._settings = settings
        self._tidied_s = loop.time()

    def use(self, settings: QueueSettings) -> None:
        """Go by other limits from now on."""
        self._settings = settings
        for destination in self.by_key.values():
            destination.use(settings.window, *settings.limits(destination.key), self._loop.time())

    def make(self, key: str) -> Destination:
        """Begin to know destination *key*."""
        most, rate = self._settings.limits(key)
        destination = Destination(key, self._settings.window, most, rate, self._loop.time())
        self.by_key[key] = destination
        return destination

    def fill(self, destination: Destination) -> None:
        """Take note that *destination* holds its share: the spool keeps the rest."""
        destination.is_full = True
        self.full.add(destination.key)

    def unfill(self, destination: Destination) -> None:
        """Take note that *destination* may hold more."""
        destination.is_full = False
        self.full.discard(destination.key)

    def forget(self, destination: Destination) -> None:
        """Know *destination* no more."""
        self.by_key.pop(destination.key, None)
        self.unfill(destination)

    def tidy(self) -> None:
        """Forget those that have nothing to remember, about once a minute."""
        now_s = self._loop.time()
        too_many = len(self.by_key) > 2 * self._settings.active_items
        if now_s - self._tidied_s < TIDY_S and not too_many:
            return
        self._tidied_s = now_s
        for destination in list(self.by_key.values()):
            if destination.is_forgettable(now_s) or (too_many and destination.is_unused()):
                self.forget(destination)
