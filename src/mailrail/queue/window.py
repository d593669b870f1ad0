"""Floor 4 · queue — how many connections a destination may have now. Pure: time is handed in.

After Postfix's scheduler: each success widens the window by 1/size (so one window full of
successes widens it by one), each failure narrows it by one. A cohort is one window full of failures
without a success between; after that the destination is dead and sleeps, longer each time. It
wakes with a single connection as a probe; one success and it is alive again.
"""

from mailrail.queue.settings import WindowSettings


class Window:
    """The concurrency window of one destination.

    Attributes:
        size: connections allowed now, at least 1.
        sleeps: how often in a row it was put to sleep.
    """

    __slots__ = ("_failed_cohorts", "_most", "_settings", "size", "sleeps")

    def __init__(self, settings: WindowSettings, most: int) -> None:
        self._settings = settings
        self._most = most
        self._failed_cohorts = 0.0
        self.size = float(min(settings.start, most))
        self.sleeps = 0

    def use(self, settings: WindowSettings, most: int) -> None:
        """Go by other settings from now on; what was learnt stays."""
        self._settings, self._most = settings, most
        self.size = min(self.size, float(most))

    def succeeded(self) -> None:
        """Count a try in which the destination did its part."""
        self._failed_cohorts = 0.0
        if self.sleeps:
            self.sleeps = 0
            self.size = float(min(self._settings.start, self._most))
        elif self.size < self._most:
            self.size = min(self.size + 1 / self.size, float(self._most))

    def failed(self) -> bool:
        """Count a try that failed by the host's or the destination's fault.

        Returns:
            True when the destination is dead now and must sleep.
        """
        self._failed_cohorts += 1 / self.size
        self.size = max(1.0, self.size - 1)
        # sums of 1/size are not exact: five fifths may be a hair below one
        return self.sleeps > 0 or self._failed_cohorts >= self._settings.cohorts - 1e-9

    def sleep_s(self, *, growing: bool = True) -> float:
        """Put it to sleep and return for how many seconds.

        Args:
            growing: double the rest each time; False for trouble of our own, which may end any moment.
        """
        settings = self._settings
        rest_s = settings.sleep_first_s * 2.0 ** min(self.sleeps, 32) if growing else settings.sleep_first_s
        self.sleeps += 1
        self.size = 1.0
        self._failed_cohorts = 0.0
        return float(min(rest_s, settings.sleep_longest_s))
