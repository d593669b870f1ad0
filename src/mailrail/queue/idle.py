"""Floor 4 · queue — lanes that keep their session open and wait for more work.

The lane that rested last is used first, so that surplus lanes run out of time. One timer serves
all of them.
"""

import asyncio

from mailrail.queue.destination import Work
from mailrail.queue.lanes import Lane


class IdleLanes:
    """The idle lanes of all destinations.

    Args:
        idle_s: after this many seconds a lane closes its session.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, idle_s: float) -> None:
        self._loop = loop
        self._idle_s = idle_s
        self._lanes: dict[str, list[Lane]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def use(self, idle_s: float) -> None:
        """Let every idle lane close, and those to come rest for *idle_s*."""
        self.close_all()
        self._idle_s = idle_s

    def add(self, lane: Lane) -> None:
        """Let *lane* rest from now on."""
        lane.idle_since_s = self._loop.time()
        lanes = self._lanes.get(lane.destination.key)
        if lanes is None:
            self._lanes[lane.destination.key] = [lane]
        else:
            lanes.append(lane)
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_s, self._sweep)

    def has(self, key: str) -> bool:
        """Tell whether a lane to destination *key* rests."""
        return bool(self._lanes.get(key))

    def give(self, key: str, work: Work) -> None:
        """Hand *work* to the lane to *key* that rested last; there is one."""
        self._lanes[key].pop().give(work)

    def close_all(self) -> None:
        """Let every idle lane close."""
        for lanes in self._lanes.values():
            for lane in lanes:
                lane.give(None)
        self._lanes.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        # A millisecond of tolerance: a timer may fire a hair early.
        until_s = self._loop.time() - self._idle_s + 1e-3
        for key in list(self._lanes):
            lanes = self._lanes[key]
            while lanes and lanes[0].idle_since_s <= until_s:
                lanes.pop(0).give(None)
            if not lanes:
                del self._lanes[key]
        if self._lanes:
            self._timer = self._loop.call_later(max(self._idle_s / 4, 0.25), self._sweep)
