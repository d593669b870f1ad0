"""Floor 4 · queue — one destination: what waits for it, what is busy, and when it sleeps.

Everything here is synchronous and knows no loop: the manager hands the time in and does what is
returned. Within a destination what has the higher priority goes first, but for one turn in so many; and within
a priority senders take turns, so that one sender's thousand messages do not stand before another's one.
"""

from collections import deque
from typing import Final, Protocol

from msgspec import Struct

from mailrail.model import Deferred
from mailrail.queue.api import Job
from mailrail.queue.rate import Bucket
from mailrail.queue.settings import WindowSettings
from mailrail.queue.window import Window
from mailrail.spool import Lease

GIVES_WAY: Final = 8  # of so many turns the last is not for the highest priority; ours
REMEMBERED_S: Final = 3600.0  # longer than any rest between two tries of young mail


class Unread(Struct, frozen=True):
    """An item whose content is read from disk when its turn comes."""

    lease: Lease
    content: None = None


Work = Job | Unread  # one due item in memory


class Resting(Protocol):
    """A lane that keeps its session open and waits for work.

    Attributes:
        idle_since_s: loop time since when it has nothing to do.
    """

    idle_since_s: float

    def give(self, work: Work | None) -> None:
        """End its idleness with *work*, or with None: close."""
        ...


class Lines:
    """Waiting work, one line for each sender, served in turns."""

    __slots__ = ("_lines", "_order")

    def __init__(self) -> None:
        self._lines: dict[str, deque[Work]] = {}
        self._order: deque[str] = deque()

    def __bool__(self) -> bool:
        return bool(self._order)

    def push(self, work: Work) -> None:
        """Put *work* at the end of its sender's line."""
        path = work.lease.message.envelope.reverse_path
        sender = "" if path is None else path.text
        line = self._lines.get(sender)
        if line is None:
            self._lines[sender] = line = deque()
            self._order.append(sender)
        line.append(work)

    def pop(self) -> Work:
        """Take the first of the line whose turn it is.

        Raises:
            IndexError: nothing waits.
        """
        sender = self._order.popleft()
        line = self._lines[sender]
        work = line.popleft()
        if line:
            self._order.append(sender)
        else:
            del self._lines[sender]
        return work

    def pop_last(self) -> Work:
        """Take the last of the line whose turn comes last.

        Raises:
            IndexError: nothing waits.
        """
        sender = self._order[-1]
        line = self._lines[sender]
        work = line.pop()
        if not line:
            self._order.pop()
            del self._lines[sender]
        return work

    def first(self) -> Work:
        """Return what `pop` would take.

        Raises:
            IndexError: nothing waits.
        """
        return self._lines[self._order[0]][0]

    def clear(self) -> list[Work]:
        """Take everything out."""
        taken = [work for line in self._lines.values() for work in line]
        self._lines.clear()
        self._order.clear()
        return taken


class Turns:
    """The waiting work: of the highest priority first, but for one turn in GIVES_WAY.

    That one is for what has waited longest of all the others, so that nothing waits for ever, whatever comes in
    above it: the oldest of a line that nobody serves grows older than all that is before it in time.

    *Source:* RFC 6710 §5.1, which leaves the rule to us.

    Attributes:
        size: how much waits.
    """

    __slots__ = ("_others", "_served", "_usual", "size")

    def __init__(self) -> None:
        self._usual = Lines()  # of priority 0: nearly always everything
        self._others: dict[int, Lines] = {}
        self._served = 0  # turns of the highest since the last one of another
        self.size = 0

    def push(self, work: Work) -> None:
        """Put *work* at the end of its sender's line, among what has its priority."""
        self.size += 1
        priority = work.lease.message.envelope.priority
        if not priority:
            self._usual.push(work)
            return
        lines = self._others.get(priority)
        if lines is None:
            lines = self._others[priority] = Lines()
        lines.push(work)

    def pop(self) -> Work:
        """Take the work whose turn it is.

        Raises:
            IndexError: nothing waits.
        """
        work = self._usual.pop() if not self._others else self._pop_by_priority()
        self.size -= 1
        return work

    def first(self) -> Work:
        """Return what `pop` would take.

        Raises:
            IndexError: nothing waits.
        """
        return (self._usual if not self._others else self._next()[1]).first()

    def make_way(self, priority: int) -> Work | None:
        """Take out the last of the lowest priority, if that is below *priority*; else nothing."""
        lowest = min(self._others, default=0)
        if self._usual and lowest > 0:
            lowest = 0
        lines = self._others.get(lowest, self._usual)
        if not self.size or lowest >= priority or not lines:
            return None
        work = lines.pop_last()
        if lowest and not lines:
            del self._others[lowest]
        self.size -= 1
        return work

    def clear(self) -> list[Work]:
        """Take everything out."""
        taken = self._usual.clear()
        for lines in self._others.values():
            taken += lines.clear()
        self._others.clear()
        self.size = 0
        return taken

    def _next(self) -> tuple[int, Lines, bool]:
        """Return the priority whose turn it is, its lines, and whether it is the highest."""
        levels = dict(self._others)
        if self._usual:
            levels[0] = self._usual
        highest = max(levels)
        if self._served + 1 < GIVES_WAY or len(levels) == 1:
            return highest, levels[highest], True
        others = (priority for priority in levels if priority != highest)
        oldest = min(others, key=lambda priority: levels[priority].first().lease.message.release_us)
        return oldest, levels[oldest], False

    def _pop_by_priority(self) -> Work:
        priority, lines, is_highest = self._next()
        # Where nobody else waits there is nobody to give way to.
        has_others = len(self._others) + bool(self._usual) > 1
        self._served = self._served + 1 if is_highest and has_others else 0
        work = lines.pop()
        if priority and not lines:
            del self._others[priority]
        return work


class Destination:
    """The state of one destination.

    Attributes:
        key: its name, as `routing` made it.
        waiting: due work that no lane has taken yet.
        running: tries going on now, and those begun ahead of their turn.
        lanes: lanes open, opening or closing.
        resting: of these, what waits for work; what began to rest last stands last.
        window: how many lanes it may have.
        last: the trouble that put it to sleep; None while it is trusted.
        has_rate: so many messages a second, and no more, are sent there.
        is_full: it holds its share of memory; the spool keeps the rest.
        is_parked: a timer will wake it when its rate allows the next message.
    """

    __slots__ = (
        "_asleep_until_s", "_bucket", "_rate", "has_rate", "is_full", "is_parked", "key", "lanes", "last",
        "resting", "running", "waiting", "window",
    )  # fmt: skip

    def __init__(self, key: str, settings: WindowSettings, most: int, rate: float, now_s: float) -> None:
        self.key = key
        self.waiting = Turns()
        self.running = 0
        self.lanes = 0
        self.resting: list[Resting] = []
        self.window = Window(settings, most)
        self.last: Deferred | None = None
        self.is_full = False
        self.is_parked = False
        self._asleep_until_s = 0.0
        self._set_rate(rate, now_s)

    def _set_rate(self, rate: float, now_s: float) -> None:
        self._rate = rate
        self.has_rate = rate > 0
        self._bucket = Bucket(rate, now_s) if rate else None

    def use(self, settings: WindowSettings, most: int, rate: float, now_s: float) -> None:
        """Go by other limits from now on; what was learnt stays, and who waits for the old rate waits no more."""
        self.window.use(settings, most)
        if rate != self._rate:
            self._set_rate(rate, now_s)
            self.is_parked = False

    def sleeping_s(self, now_s: float) -> float:
        """Return for how much longer it sleeps; 0.0: it is awake, or may be probed."""
        return max(self._asleep_until_s - now_s, 0.0) if self.last is not None else 0.0

    def may_add_lane(self) -> bool:
        """Tell whether its window allows another lane."""
        return self.lanes + 1 <= self.window.size

    def has_lane_too_many(self) -> bool:
        """Tell whether the window has shrunk below the lanes there are."""
        return self.lanes > self.window.size

    def wait_s(self, now_s: float) -> float:
        """Return how long the rate limit makes the next message wait."""
        return self._bucket.wait_s(now_s) if self._bucket is not None else 0.0

    def take(self) -> Work:
        """Take the next work for a try; something waits and `wait_s` said 0."""
        if self._bucket is not None:
            self._bucket.take()
        self.running += 1
        return self.waiting.pop()

    def record(self, trouble: Deferred | None, now_s: float, *, growing: bool = True) -> float:
        """Learn from a finished try.

        Args:
            trouble: what the destination is blamed for, None when it did its part.
            growing: whether its sleep doubles each time.

        Returns:
            Seconds for which it falls asleep now; 0.0 if it does not.
        """
        if trouble is None:
            self.last = None
            self.window.succeeded()
            return 0.0
        if self.sleeping_s(now_s) or not self.window.failed():
            return 0.0
        sleep_s = self.window.sleep_s(growing=growing)
        self.last = trouble
        self._asleep_until_s = now_s + sleep_s
        return sleep_s

    def wake(self) -> None:
        """End its sleep before time, because the operator says so."""
        self._asleep_until_s = 0.0

    def is_unused(self) -> bool:
        """Tell whether nothing waits for it and no lane leads to it."""
        return not (self.lanes or self.running or self.waiting.size)

    def is_forgettable(self, now_s: float) -> bool:
        """Tell whether nothing would be lost by forgetting it.

        A destination is remembered for an hour past its sleep, because its next rest must be longer
        than the last though its mail may come back only later; and until its rate allows a
        message, because a new bucket would be full.
        """
        if not self.is_unused() or (self._bucket is not None and self._bucket.wait_s(now_s) > 0):
            return False
        return self.last is None or now_s > self._asleep_until_s + REMEMBERED_S
