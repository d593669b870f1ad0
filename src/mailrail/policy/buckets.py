"""Floor 3 · policy — leaky buckets by name: how much of late, bounded in memory, and fit to survive a restart.

A bucket holds what was poured in and leaks at the rate of its limit, so "20 an hour" lets twenty through at once and then one every
three minutes, and nobody waits for a full hour to turn. A limit comes with each question: another setting counts at once. Time is
wall time, for a level must mean the same after a restart; a clock that goes back only makes a bucket leak later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from mailrail.model import SECOND_US, Clock

MOST_BUCKETS: Final = 100_000  # some 20 MB; whoever has been quiet longest is forgotten first
LONGEST_KEY: Final = 400
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0

_Stored = dict[str, tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so long.

    Attributes:
        most: > 0.
        span_s: > 0.
    """

    most: float
    span_s: float


@dataclass(frozen=True, slots=True)
class Poured:
    """A change: so much was put into one bucket, or all whose names begin so were emptied.

    Attributes:
        key: of the bucket, or how the names begin.
        limit: how it leaks; None: emptied.
        amount: how much.
    """

    key: str
    limit: Limit | None = None
    amount: float = 1.0


class Buckets:
    """All buckets of one process; of one loop.

    Args:
        clock: wall time.
        most: whoever has been quiet longest is forgotten beyond them.
        told: called with each change that is made here, so that other processes can make it too.
    """

    def __init__(
        self, clock: Clock, most: int = MOST_BUCKETS, told: Callable[["Poured"], None] | None = None
    ) -> None:
        self._told = told
        self._clock = clock
        self._most = most
        self._levels: _Stored = {}
        self._is_changed = False

    def __len__(self) -> int:
        return len(self._levels)

    def level(self, key: str, limit: Limit) -> float:
        """Return how much is in a bucket now."""
        level, at_us = self._levels.get(key[:LONGEST_KEY], (0.0, 0))
        if not level:
            return 0.0
        passed_s = max(self._clock.now_us() - at_us, 0) / SECOND_US
        return max(level - passed_s * limit.most / limit.span_s, 0.0)

    def wait_s(self, key: str, limit: Limit, amount: float = 1.0) -> float:
        """Return how long until *amount* fits in, 0 if it does now; what never could waits for an empty bucket."""
        over = self.level(key, limit) + min(amount, limit.most) - limit.most
        return max(over, 0.0) * limit.span_s / limit.most

    def pour(self, key: str, limit: Limit, amount: float = 1.0) -> None:
        """Put *amount* in, over the brim if need be."""
        self._pour(key, limit, amount)
        if self._told is not None:
            self._told(Poured(key, limit, amount))

    def repeat(self, change: "Poured") -> None:
        """Make a change that another process has made."""
        if change.limit is None:
            self._empty(change.key)
        else:
            self._pour(change.key, change.limit, change.amount)

    def _pour(self, key: str, limit: Limit, amount: float) -> None:
        level = self.level(key, limit) + amount
        key = key[:LONGEST_KEY]
        self._levels.pop(key, None)  # to the end of the order: forgotten last
        self._levels[key] = (level, self._clock.now_us())
        if len(self._levels) > self._most:
            del self._levels[next(iter(self._levels))]
        self._is_changed = True

    def empty(self, prefix: str) -> int:
        """Forget every bucket whose name begins so; return how many had something in them."""
        if self._told is not None:
            self._told(Poured(prefix))
        return self._empty(prefix)

    def _empty(self, prefix: str) -> int:
        keys = [key for key in self._levels if key.startswith(prefix)]
        for key in keys:
            del self._levels[key]
        self._is_changed = self._is_changed or bool(keys)
        return len(keys)

    def take_changes(self) -> bytes | None:
        """Return all there is to be stored, None if nothing has changed since the last time."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return msgspec.json.encode(self._levels)

    def restore(self, stored: bytes) -> None:
        """Take what `take_changes` returned once.

        Raises:
            ValueError: it is no such thing.
        """
        levels = msgspec.json.decode(stored, type=_Stored)
        self._levels = dict(list(levels.items())[-self._most :])
