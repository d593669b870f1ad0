"""Floor 5 · sim — wall time that follows the simulated loop, and chance that repeats itself."""

import asyncio
import random
from typing import Final

from mailrail.model import SECOND_US

START_US: Final = 1_750_000_000 * SECOND_US  # 2025-06-15, a Sunday


class SimClock:
    """Wall time that flows with the running loop and can be stepped.

    Attributes:
        offset_us: what it showed when the loop's time was 0.
    """

    def __init__(self, start_us: int = START_US) -> None:
        self.offset_us = start_us

    def now_us(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""
        return self.offset_us + int(asyncio.get_running_loop().time() * SECOND_US)

    def step(self, seconds: float) -> None:
        """Jump, as a clock that is set: forward, or back where *seconds* is negative."""
        self.offset_us += int(seconds * SECOND_US)


def seeded(seed: int | str = 1) -> random.Random:
    """Return a source of chance that repeats itself; one for each concern, so that they do not disturb one another."""
    return random.Random(seed)
