"""Floor 5 · sim — what happened, line by line, for a person and for comparing two runs."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from mailrail.observe import Event

_DAY_S: Final = 86_400


class Timeline:
    """Lines with the simulated time in front.

    Attributes:
        lines: all of them, oldest first.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, words: str) -> None:
        """Write a line."""
        self.lines.append(f"{stamp(asyncio.get_running_loop().time())} {words}")

    def hears(self, node: str) -> Callable[[Event], None]:
        """Return a listener that writes down what *node* tells."""
        return lambda event: self.say(f"{node}: {_told(event)}")

    def digest(self) -> str:
        """Return a fingerprint of it all: the same run has the same."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]


def stamp(seconds: float) -> str:
    """Write seconds since the beginning as `1d 03:25:45.123456`."""
    days, rest = divmod(seconds, _DAY_S)
    minutes, left = divmod(rest, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{int(days)}d {hours:02}:{minutes:02}:{left:09.6f}"


def _told(event: Event) -> str:
    """Return the event's name and those of its fields that say something."""
    fields = ((name, getattr(event, name)) for name in event.__struct_fields__)
    said = " ".join(f"{name}={value!r}" for name, value in fields if value not in ("", None, (), False))
    return f"{type(event).__name__} {said}"
