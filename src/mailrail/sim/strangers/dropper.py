"""Floor 5 · sim — a host that vanishes after the final dot: the one moment when nobody can know (RFC 1047)."""

from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place


class Dropper(Stranger):
    """Drops the connection instead of the reply to the end of the content.

    Args:
        share: of all messages.
        kept: of those, the share that it took before it vanished.
    """

    def __init__(self, place: Place, *, share: float = 0.1, kept: float = 0.5) -> None:
        super().__init__(place)
        self._share = share
        self._kept = kept

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Keep it, or not, and perhaps vanish."""
        if not self.happens(self._share):
            return super().end(visit, letter)
        if self.happens(self._kept):
            self.keep(visit, letter)
        return Answer("", Then.DROP)
