"""Floor 5 · sim — something that may never exceed its limit, looked at again and again."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bound:
    """A limit and how to read what it limits.

    Attributes:
        words: what is limited, for a person.
        most: the limit.
        read: returns what it is now.
        highest: the highest that was seen.
    """

    words: str
    most: float
    read: Callable[[], float]
    highest: float = field(default=0.0)
    _is_told: bool = False

    def look(self) -> str:
        """Return what is wrong, once; "" if nothing is, or it was told before."""
        now = self.read()
        self.highest = max(self.highest, now)
        if now <= self.most or self._is_told:
            return ""
        self._is_told = True
        return f"{self.words}: {now:g}, allowed are {self.most:g}"
