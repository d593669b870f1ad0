"""Floor 5 · daemon — workers as processes: forked from the supervisor, which has no thread and no loop that could be torn.

Each worker has one end of a socket pair, its lifeline. It writes one octet when it is ready. When the supervisor closes
the other end, or ends in whatever way, the worker reads the end of it and stops in good order: no worker outlives its
supervisor unseen.
"""

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Sequence
from typing import Final, Protocol

from mailrail.daemon.supervisor import Ended, News, Ready, Told
from mailrail.daemon.worker import Worker

_HEEDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Make(Protocol):
    """Says who a new process is."""

    def __call__(self, number: int, lifeline: socket.socket, *, is_again: bool) -> Worker:
        """Return the worker with this *number*."""
        ...


class Born(BaseException):
    """Raised in a new process, which from then on is *worker*."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker.number)
        self.worker = worker


class SystemProcesses:
    """Processes of the system; signals are taken from its making on.

    Args:
        made: called in each new process, to say who it is.
    """

    def __init__(self, made: Make) -> None:
        self._made = made
        self._lifelines: dict[int, socket.socket] = {}  # by process id
        self._alive: set[int] = set()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _HEEDED:
            signal.signal(number, _ignore)

    def now(self) -> float:
        """Return seconds that only ever rise."""
        return time.monotonic()  # noqa: TID251 - there is no loop here

    def start(self, number: int, *, is_again: bool) -> int:
        """Fork; return the new process's id in the old one.

        Raises:
            Born: in the new process.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._forget()
            raise Born(self._made(number, theirs, is_again=is_again))
        theirs.close()
        self._lifelines[pid] = ours
        self._alive.add(pid)
        return pid

    def _forget(self) -> None:
        """Let go, in a new process, of what is the supervisor's."""
        signal.set_wakeup_fd(-1)
        for number in _HEEDED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for sock in (self._wake, self._waker, *self._lifelines.values()):
            sock.close()

    def send(self, pid: int, signal_number: int) -> None:
        """Send a signal to a worker, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)

    def wait(self, timeout_s: float | None) -> Sequence[News]:
        """Wait for signals, workers that are ready, and workers that have ended."""
        watched = {sock.fileno(): pid for pid, sock in self._lifelines.items()}
        poll = select.poll()
        for descriptor in (self._wake.fileno(), *watched):
            poll.register(descriptor, select.POLLIN)
        found = poll.poll(None if timeout_s is None else timeout_s * 1000 + 1)
        news: list[News] = []
        for descriptor, _ in found:
            if descriptor in watched:
                news += self._hear(watched[descriptor])
        return news + self._signals()

    def _hear(self, pid: int) -> list[News]:
        """Read what a worker says; at its end only forget the lifeline, for the system tells of the rest."""
        try:
            said = self._lifelines[pid].recv(16)
        except BlockingIOError:
            return []
        except OSError:
            said = b""
        if said:
            return [Ready(pid)]
        self._lifelines.pop(pid).close()
        return []

    def _signals(self) -> list[News]:
        try:
            numbers = self._wake.recv(4096)
        except BlockingIOError:
            return []
        news: list[News] = [Told(number) for number in numbers if number != signal.SIGCHLD]
        if signal.SIGCHLD in numbers:
            news += self._bury()
        return news

    def _bury(self) -> list[News]:
        news: list[News] = []
        for pid in tuple(self._alive):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._alive.discard(pid)
                if (lifeline := self._lifelines.pop(pid, None)) is not None:
                    lifeline.close()
                news.append(Ended(pid, os.waitstatus_to_exitcode(status)))
        return news


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the number comes through the wake-up descriptor."""
