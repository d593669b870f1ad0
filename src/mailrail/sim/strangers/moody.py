"""Floor 5 · sim — a host that refuses by chance, for now or for good, at any step."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place


class Step(Enum):
    """Where a refusal happens."""

    GREETING = "greeting"
    HELLO = "hello"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END = "end"


class Moody(Stranger):
    """Refuses at each step by share.

    Args:
        temporary: share of 4yz for each step.
        permanent: share of 5yz for each step, drawn where the first did not hit.
    """

    def __init__(
        self,
        place: Place,
        *,
        temporary: Mapping[Step, float] = MappingProxyType({Step.RCPT: 0.2}),
        permanent: Mapping[Step, float] = MappingProxyType({}),
    ) -> None:
        super().__init__(place)
        self._temporary = temporary
        self._permanent = permanent

    def greet(self, visit: Visit) -> Answer:
        """Refuse with 421 or 554, or greet."""
        return self._refusal(Step.GREETING, "421 4.3.2 Not now", "554 5.7.1 Go away") or super().greet(visit)

    def hello(self, visit: Visit, *, is_extended: bool) -> Answer:
        """Refuse, or answer."""
        refusal = self._refusal(Step.HELLO, "421 4.3.2 Not now", "554 5.7.1 Not with that name")
        return refusal or super().hello(visit, is_extended=is_extended)

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse, or answer."""
        refusal = self._refusal(Step.MAIL, "451 4.3.0 Not now", "550 5.7.1 Not from you")
        return refusal or super().mail(visit, letter)

    def rcpt(self, visit: Visit, letter: Letter, path: str, wishes: str) -> Answer:
        """Refuse, or answer."""
        refusal = self._refusal(Step.RCPT, "450 4.2.0 Mailbox busy", "550 5.1.1 No such user")
        return refusal or super().rcpt(visit, letter, path, wishes)

    def data(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse, or answer."""
        refusal = self._refusal(Step.DATA, "451 4.3.0 Not now", "554 5.6.0 No")
        return refusal or super().data(visit, letter)

    def end(self, visit: Visit, letter: Letter) -> Answer:
        """Refuse, or keep."""
        refusal = self._refusal(Step.END, "451 4.3.0 Disk trouble", "554 5.7.1 Looks like spam")
        return refusal or super().end(visit, letter)

    def _refusal(self, step: Step, temporary: str, permanent: str) -> Answer | None:
        if self.happens(self._temporary.get(step, 0.0)):
            return _refuse(temporary)
        return _refuse(permanent) if self.happens(self._permanent.get(step, 0.0)) else None


def _refuse(text: str) -> Answer:
    return Answer(text, Then.CLOSE if text.startswith("421") else Then.GO_ON)
