"""Floor 5 · sim — a message store that speaks LMTP: after the content it answers for each recipient (RFC 2033 §4.2)."""

from typing import ClassVar

from mailrail.sim.strangers.answer import Answer
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place


class Store(Stranger):
    """Keeps mail for some recipients, and puts others off.

    Args:
        busy: the share of recipients whose mailbox is locked just now.
    """

    greetings: ClassVar[frozenset[str]] = frozenset({"LHLO"})

    def __init__(self, place: Place, *, busy: float = 0.2) -> None:
        super().__init__(place)
        self._busy = busy

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Answer for each recipient, in their order."""
        verdicts = [(one, self.happens(self._busy)) for one in letter.recipients]
        letter.recipients = [one for one, is_busy in verdicts if not is_busy]
        if letter.recipients:
            self.keep(visit, letter)
        return Answer(
            "\n".join("452 4.2.0 Mailbox busy" if is_busy else "250 2.0.0 Kept" for _, is_busy in verdicts)
        )
