"""Floor 5 · sim — a greylister: whoever is new must come again (RFC 6647).

Known are triples of client address, sender and recipient. A triple that comes again too soon waits on; one that comes
too late begins anew; one that passed stays welcome.
"""

from mailrail.sim.strangers.answer import Answer
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place


class Greylister(Stranger):
    """Opens to a triple *opens_after_s* after it first came, and forgets it after *forgets_after_s*."""

    def __init__(
        self, place: Place, *, opens_after_s: float = 300.0, forgets_after_s: float = 14_400.0
    ) -> None:
        super().__init__(place)
        self._opens_after_s = opens_after_s
        self._forgets_after_s = forgets_after_s
        self._first_s: dict[tuple[str, str, str], float] = {}
        self._known: set[tuple[str, str, str]] = set()

    def rcpt(self, visit: Visit, letter: Letter, path: str, wishes: str) -> Answer:
        """Grant what is known, or was first seen long enough ago."""
        triple = (visit.client, letter.reverse_path, path)
        if triple not in self._known:
            first_s = self._first_s.get(triple)
            if first_s is None or visit.now_s - first_s > self._forgets_after_s:
                first_s = self._first_s[triple] = visit.now_s
            if visit.now_s - first_s < self._opens_after_s:
                return Answer("450 4.7.1 Greylisted, come again later")
            self._known.add(triple)
        return super().rcpt(visit, letter, path, wishes)
