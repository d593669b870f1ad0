"""Floor 5 · daemon — the supervisor: starts the workers, starts again those that die, passes signals on, ends last.

It is synchronous and small, holds no mail, opens no spool and answers nobody, so that there is next to nothing that could end it. The
world comes as `Processes`. Worker 0 starts alone and the others when it is ready: what is to be made once (a
self-signed certificate) is there then, and what is wrong with the settings is told once. Until all have been ready
for the first time a worker that ends ends everything, as a daemon that cannot start does; later it is started again.
"""

import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from mailrail.daemon.events import WorkerEnded
from mailrail.observe import Bus

FIRST_WAIT_S: Final = 0.1  # ours; before a worker that died is started again
LONGEST_WAIT_S: Final = 60.0  # ours; each further wait is twice as long
STEADY_S: Final = 60.0  # ours; who lived so long has earned the first wait again


@dataclass(frozen=True, slots=True)
class Told:
    """We got a signal."""

    signal: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker does its work."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker is no more.

    Attributes:
        code: its exit code; below zero: the signal that killed it.
    """

    pid: int
    code: int


News = Told | Ready | Ended


class Processes(Protocol):
    """What the supervisor needs of the system."""

    def now(self) -> float:
        """Return seconds that only ever rise."""
        ...

    def start(self, number: int, *, is_again: bool) -> int:
        """Start worker *number* and return its process id."""
        ...

    def send(self, pid: int, signal_number: int) -> None:
        """Send a signal to a worker, if it is still there."""
        ...

    def wait(self, timeout_s: float | None) -> Sequence[News]:
        """Wait until there is news, at most so long; None: as long as it takes."""
        ...


@dataclass(slots=True)
class _Post:
    """The place of one worker, whichever process has it."""

    number: int
    is_leftover: bool
    pid: int = 0
    is_ready: bool = False
    is_done: bool = False
    began_s: float = 0.0
    due_s: float = 0.0
    wait_s: float = FIRST_WAIT_S
    starts: int = 0


class Supervisor:
    """Keeps workers.

    Args:
        workers: their numbers, beginning with 0.
        leftovers: numbers of spools that a worker is to empty.
        processes: the system.
        bus: told of the dead.
        gone: called with the number of each process that is no more, before another takes its place.
        stopping: called once when all are to end.
    """

    def __init__(
        self,
        workers: Iterable[int],
        leftovers: Iterable[int],
        processes: Processes,
        bus: Bus,
        gone: Callable[[int], None],
        stopping: Callable[[], object],
    ) -> None:
        self._posts = [_Post(number, is_leftover=False) for number in workers]
        self._posts += [_Post(number, is_leftover=True) for number in leftovers]
        self._processes = processes
        self._bus = bus
        self._gone = gone
        self._stopping = stopping
        self._was_complete = False
        self._is_stopping = False
        self._code = 0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code."""
        while not self._is_stopping or any(post.pid for post in self._posts):
            self._start_due()
            for news in self._processes.wait(self._timeout_s()):
                self._heed(news)
        return self._code

    def _start_due(self) -> None:
        if self._is_stopping:
            return
        first, now = self._posts[0], self._processes.now()
        for post in self._posts:
            may_start = post is first or first.starts > 1 or first.is_ready
            if may_start and not post.pid and not post.is_done and post.due_s <= now:
                post.pid = self._processes.start(post.number, is_again=post.starts > 0)
                post.starts += 1
                post.began_s = now

    def _timeout_s(self) -> float | None:
        if self._is_stopping:
            return None
        waiting = [post.due_s for post in self._posts if not post.pid and not post.is_done and post.starts]
        return max(0.0, min(waiting) - self._processes.now()) if waiting else None

    def _heed(self, news: News) -> None:
        match news:
            case Ready():
                self._ready(news.pid)
            case Ended():
                self._ended(news)
            case Told(signal=signal.SIGHUP):
                self._tell_all(signal.SIGHUP)
            case Told():
                self._stop(news.signal)
            case _:
                assert_never(news)

    def _ready(self, pid: int) -> None:
        for post in self._posts:
            if post.pid == pid:
                post.is_ready = True
        workers = [post for post in self._posts if not post.is_leftover]
        self._was_complete = self._was_complete or all(post.is_ready for post in workers)

    def _ended(self, news: Ended) -> None:
        for post in self._posts:
            if post.pid == news.pid:
                post.pid, post.is_ready = 0, False
                self._gone(post.number)
                if not self._is_stopping:
                    self._replace(post, news)

    def _replace(self, post: _Post, news: Ended) -> None:
        if post.is_leftover and news.code == 0:
            post.is_done = True
            return
        if not self._was_complete and not post.is_leftover:
            self._code = news.code if news.code > 0 else 128 - news.code  # as a shell says it
            self._stop(signal.SIGTERM)
            return
        now = self._processes.now()
        if now - post.began_s >= STEADY_S:
            post.wait_s = FIRST_WAIT_S
        self._bus.emit(
            WorkerEnded(number=post.number, process=news.pid, how=_how(news.code), wait_s=post.wait_s)
        )
        post.due_s = now + post.wait_s
        post.wait_s = min(2 * post.wait_s, LONGEST_WAIT_S)

    def _stop(self, signal_number: int) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._stopping()
        for post in self._posts:
            if post.pid:
                self._processes.send(post.pid, signal_number)

    def _tell_all(self, signal_number: int) -> None:
        for post in self._posts:
            if post.is_ready:  # before, the signal would end it; and it has just read the settings
                self._processes.send(post.pid, signal_number)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
