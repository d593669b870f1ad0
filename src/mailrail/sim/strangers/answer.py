"""Floor 5 · sim — what a stranger says to one step, and what it does then."""

from dataclasses import dataclass
from enum import Enum, auto


class Then(Enum):
    """What a stranger does once it has spoken."""

    GO_ON = auto()
    CLOSE = auto()  # hang up in good order
    DROP = auto()  # vanish: the connection is reset
    TLS = auto()  # shake hands
    NOISE = auto()  # read whatever comes and answer it with `Stranger.noise`


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply.

    Attributes:
        text: whole lines as they are sent, parted by newlines and without a last one; "" says nothing.
        wait_s: how long the client waits for it.
    """

    text: str
    then: Then = Then.GO_ON
    wait_s: float = 0.0

    @property
    def is_positive(self) -> bool:
        """Tell whether the step it answers was granted."""
        return self.text[:1] in ("2", "3")


def several_lines(code: int, *lines: str) -> str:
    """Return *lines* as one reply of several lines (RFC 5321 §4.2.1)."""
    last = len(lines) - 1
    return "\n".join(f"{code}{' ' if place == last else '-'}{line}" for place, line in enumerate(lines))
