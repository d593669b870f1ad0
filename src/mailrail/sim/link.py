"""Floor 5 · sim — what lies between two machines: how long things take on the way, and what breaks."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Link:
    """The way between two machines, the same in both directions.

    Attributes:
        latency_s: each piece takes so long one way.
        jitter_s: and at most so much longer, drawn for each.
        bytes_per_s: how much passes; None: any amount at once.
        loss: the share of datagrams that vanish. In a stream TCP repeats what is lost: give it jitter instead.
        cut: the share of connections that are reset somewhere on the way.
        cut_within_bytes: after at most so many bytes, both directions together.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    loss: float = 0.0
    cut: float = 0.0
    cut_within_bytes: int = 8000


PERFECT: Final = Link()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one endpoint."""

    refused: bool = False
    black_hole: bool = False
    delay_s: float = 0.0
    drop_after_bytes: int | None = None


class Wire:
    """What the two directions of one connection have in common.

    Args:
        is_whole: tells whether packets pass now.
        left_bytes: how many bytes it carries before it is cut, both directions together; None: any number.
    """

    __slots__ = ("_left_bytes", "_rng", "delay_s", "is_whole", "link")

    def __init__(
        self,
        link: Link,
        delay_s: float,
        rng: random.Random,
        is_whole: Callable[[], bool],
        left_bytes: int | None,
    ) -> None:
        self.link = link
        self.delay_s = delay_s
        self.is_whole = is_whole
        self._rng = rng
        self._left_bytes = left_bytes

    def take(self, count: int) -> int:
        """Return how many of *count* bytes still pass."""
        if self._left_bytes is None:
            return count
        passed = min(self._left_bytes, count)
        self._left_bytes -= passed
        return passed

    def way_s(self) -> float:
        """Return how long the next piece is under way, its own length aside."""
        link = self.link
        jitter_s = self._rng.random() * link.jitter_s if link.jitter_s else 0.0
        return self.delay_s + link.latency_s + jitter_s
