"""Floor 5 · sim — a tarpit: every reply takes its time."""

from mailrail.sim.strangers.answer import Answer
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place


class Tarpit(Stranger):
    """Takes up to *reply_s* for each reply and *end_s* for the last one of a message."""

    def __init__(self, place: Place, *, reply_s: float = 20.0, end_s: float = 60.0) -> None:
        super().__init__(place)
        self._reply_s = reply_s
        self._end_s = end_s

    def greet(self, visit: Visit) -> Answer:
        """Greet late."""
        return self._late(super().greet(visit), self._reply_s)

    def hello(self, visit: Visit, *, is_extended: bool) -> Answer:
        """Answer late."""
        return self._late(super().hello(visit, is_extended=is_extended), self._reply_s)

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        """Answer late."""
        return self._late(super().mail(visit, letter), self._reply_s)

    def rcpt(self, visit: Visit, letter: Letter, path: str, wishes: str) -> Answer:
        """Answer late."""
        return self._late(super().rcpt(visit, letter, path, wishes), self._reply_s)

    def data(self, visit: Visit, letter: Letter) -> Answer:
        """Answer late."""
        return self._late(super().data(visit, letter), self._reply_s)

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Answer later still; it is kept at once."""
        return self._late(super().end(visit, letter), self._end_s)

    def _late(self, answer: Answer, most_s: float) -> Answer:
        return Answer(answer.text, answer.then, self.place.rng.uniform(0.0, most_s))
