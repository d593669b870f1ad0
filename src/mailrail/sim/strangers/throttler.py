"""Floor 5 · sim — a large provider that lets nobody take up too much: 421 beyond so many connections or messages an hour."""

from collections import deque

from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place

HOUR_S = 3600.0


class Throttler(Stranger):
    """Refuses a client's surplus with 421 and hangs up.

    Args:
        connections: of one client at once; 0: any number.
        per_hour: messages of one client in any 60 minutes; 0: any number.
    """

    def __init__(self, place: Place, *, connections: int = 0, per_hour: int = 0) -> None:
        super().__init__(place)
        self._connections = connections
        self._per_hour = per_hour
        self._taken: dict[str, deque[float]] = {}

    def greet(self, visit: Visit) -> Answer:
        """Refuse a connection too many."""
        if self._connections and self.tally.by_client[visit.client] > self._connections:
            return Answer("421 4.7.0 Too many connections from you", Then.CLOSE)
        return super().greet(visit)

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse a message too many."""
        taken = self._taken.setdefault(visit.client, deque())
        while taken and visit.now_s - taken[0] >= HOUR_S:
            taken.popleft()
        if self._per_hour and len(taken) >= self._per_hour:
            return Answer("421 4.7.28 Too many messages from you, slow down", Then.CLOSE)
        return super().mail(visit, letter)

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Count what is kept."""
        self._taken.setdefault(visit.client, deque()).append(visit.now_s)
        return super().end(visit, letter)
