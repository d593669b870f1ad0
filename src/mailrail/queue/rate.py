"""Floor 4 · queue — at most so many messages a second. Pure: time is handed in.

A token bucket that tells how long to wait instead of being asked again and again: work parks and
one timer wakes it (DESIGN §5).
"""


class Bucket:
    """Holds tokens that come in at a steady rate; each message takes one.

    Args:
        per_s: tokens a second, > 0.
        burst: most tokens held, >= 1; the bucket begins full.
        now_s: the loop's time.
    """

    __slots__ = ("_burst", "_per_s", "_then_s", "_tokens")

    def __init__(self, per_s: float, now_s: float, burst: float = 1.0) -> None:
        if per_s <= 0 or burst < 1:
            raise ValueError("need per_s > 0 and burst >= 1")
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._then_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Return how long until a token is there; 0.0: there is one."""
        self._fill(now_s)
        # a hair of tolerance: a timer that fires exactly then must not find 0.9999999 tokens
        return 0.0 if self._tokens >= 1 - 1e-6 else (1 - self._tokens) / self._per_s

    def take(self) -> None:
        """Take the token that `wait_s` promised."""
        self._tokens = max(self._tokens - 1, 0.0)

    def _fill(self, now_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(now_s - self._then_s, 0.0) * self._per_s)
        self._then_s = now_s
