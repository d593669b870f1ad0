"""Floor 0 · model — wall time and chance, as values handed in by a constructor.

One of the two files that may call the raw functions (ruff bans them elsewhere).
Two times exist: `Clock.now_us()` is stored and shown; waiting is done by the
running loop's own `time()`. Same seed and same clock give the same run.
"""

import random
from collections.abc import MutableSequence
from datetime import UTC, datetime
from time import time_ns
from typing import Any, Protocol

SECOND_US = 1_000_000


class Clock(Protocol):
    """Wall time in UTC, for what is stored and shown."""

    def now_us(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        ...


class Rng(Protocol):
    """The few draws mailrail needs; `random.Random` fits."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between *a* and *b*."""
        ...

    def shuffle(self, x: MutableSequence[Any], /) -> None:
        """Put *x* into random order, in place."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """Return a number of *k* random bits."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return time_ns() // 1000


def system_rng() -> Rng:
    """Return a source of chance that nobody can predict."""
    return random.SystemRandom()


def utc(now_us: int) -> datetime:
    """Return *now_us* as an aware datetime in UTC."""
    return datetime.fromtimestamp(now_us / SECOND_US, UTC)
