"""Floor 0 · model — a sender's wish that a message arrives within a time, or else (RFC 2852)."""

from typing import Final

from mailrail.model.value import value

MOST_BY_S: Final = 999_999_999  # RFC 2852 §4: nine digits


@value
class DeliverBy:
    """Within how long a message is to be delivered, and what is to be done if it is not.

    Attributes:
        by_s: seconds from its arrival, or from when it is passed on; -999,999,999 to 999,999,999. Not above 0: the time
            is over, which only a message that does not return lives to see.
        returns: it is returned then (mode R); else its sender is told of the delay, and it goes on (mode N).
        traces: every hop that passes it on tells its sender (T).
    """

    by_s: int
    returns: bool
    traces: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return self.by_s <= 0

    def after(self, passed_us: int) -> "DeliverBy":
        """Return what is left of it *passed_us* microseconds later; a second that has begun still counts."""
        left_s = max(self.by_s - max(passed_us, 0) // 1_000_000, -MOST_BY_S)
        return DeliverBy(left_s, self.returns, self.traces)

    def __str__(self) -> str:
        return f"{self.by_s};{'R' if self.returns else 'N'}{'T' if self.traces else ''}"
