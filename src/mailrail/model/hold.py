"""Floor 0 · model — a sender's wish that a message leaves later (RFC 4865)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mailrail.model.value import value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US: Final = 1_000_000
LAST_INSTANT_US: Final = 253_402_300_799 * _SECOND_US  # the end of the year 9999: no later one can be written


@value
class Hold:
    """Until when a message is kept back, as its sender put it: one of the two.

    Attributes:
        for_s: seconds from its arrival.
        until_us: microseconds UTC; counts where *for_s* is 0.
    """

    for_s: int = 0
    until_us: int = 0

    def release_us(self, arrived_us: int) -> int:
        """Return when a message that arrived at *arrived_us* may leave; a time that has passed holds nothing."""
        return max(arrived_us + self.for_s * _SECOND_US if self.for_s else self.until_us, arrived_us)

    def __str__(self) -> str:
        return f"for;{self.for_s}" if self.for_s else f"until;{instant_text(self.until_us)}"


def instant_text(at_us: int) -> str:
    """Write a time as RFC 3339 does, to the second: `2026-11-25T12:00:00Z`."""
    return f"{(_EPOCH + timedelta(seconds=at_us // _SECOND_US)).replace(tzinfo=None).isoformat()}Z"
