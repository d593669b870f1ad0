"""Floor 4 · queue — a memory for steps of the wall clock (A62).

Two clocks are compared: wall time, which is stored, and the loop's time, which only ever
flows. Where they part by more than a little, the wall clock was stepped. A message that was here
then has not grown older by the step, so the step is taken off its age. Pure: both times are handed in.
"""

from collections import deque
from typing import Final

from mailrail.model import SECOND_US

STEP_S: Final = 30.0  # slower drift is NTP at work (at most 500 ppm: 1.8 s an hour) or a busy loop
_REMEMBERED: Final = 32  # steps; a clock that steps more often has no truth to offer


class ClockJumps:
    """Tells how old something is, whatever the wall clock did meanwhile.

    Attributes:
        has_any: the clock was stepped while this has watched.
    """

    def __init__(self, now_us: int, loop_s: float) -> None:
        self._offset_us = now_us - int(loop_s * SECOND_US)
        self.has_any = False
        self._steps: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def observe(self, now_us: int, loop_s: float) -> float:
        """Compare the clocks; call it at least every few minutes.

        Returns:
            Seconds by which the wall clock was stepped since the last call (negative: back), 0.0 if not.
        """
        offset_us = now_us - int(loop_s * SECOND_US)
        step_us = offset_us - self._offset_us
        self._offset_us = offset_us  # small drift is taken over, so that it never adds up to a step
        if abs(step_us) < STEP_S * SECOND_US:
            return 0.0
        self._steps.append((now_us, step_us))
        self.has_any = True
        return step_us / SECOND_US

    def age_s(self, arrived_us: int, now_us: int) -> float:
        """Return the age at *now_us* of what arrived at *arrived_us*, never negative."""
        stepped_us = self.stepped_us(arrived_us) if self.has_any else 0
        return max(now_us - arrived_us - stepped_us, 0) / SECOND_US

    def stepped_us(self, arrived_us: int) -> int:
        """Return by how much the clock was stepped since *arrived_us* came, microseconds; negative: back."""
        # It arrived before a step if its stamp is older than the clock's reading just before.
        return sum(step_us for at_us, step_us in self._steps if arrived_us <= at_us - step_us)
