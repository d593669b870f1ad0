"""Floor 4 · queue — lanes that keep their session open and wait for more work.

Each destination has a list of those that rest there. The lane that rested last is used first, so that surplus
lanes run out of time. One timer serves all of them.
"""

import asyncio

from mailrail.queue.destination import Destination
from mailrail.queue.lanes import Lane


class IdleLanes:
    """Ends the rest of the lanes of all destinations.

    Args:
        idle_s: after this many seconds a lane closes its session.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, idle_s: float) -> None:
        self._loop = loop
        self._idle_s = idle_s
        self._destinations: dict[str, Destination] = {}  # where lanes rest, or did since the last sweep
        self._timer: asyncio.TimerHandle | None = None

    def use(self, idle_s: float) -> None:
        """Let every idle lane close, and those to come rest for *idle_s*."""
        self.close_all()
        self._idle_s = idle_s

    def add(self, lane: Lane) -> None:
        """Let *lane* rest from now on."""
        lane.idle_since_s = self._loop.time()
        destination = lane.destination
        destination.resting.append(lane)
        self._destinations[destination.key] = destination
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_s, self._sweep)

    def close_all(self) -> None:
        """Let every idle lane close."""
        for destination in self._destinations.values():
            while destination.resting:
                destination.resting.pop().give(None)
        self._destinations.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        # A millisecond of tolerance: a timer may fire a hair early.
        until_s = self._loop.time() - self._idle_s + 1e-3
        for destination in list(self._destinations.values()):
            resting = destination.resting
            while resting and resting[0].idle_since_s <= until_s:
                resting.pop(0).give(None)
            if not resting:
                del self._destinations[destination.key]
        if self._destinations:
            self._timer = self._loop.call_later(max(self._idle_s / 4, 0.25), self._sweep)
