"""Floor 4 · agents — helpers, and the scribe that writes through them: for mailboxes of other accounts than ours.

Forking a process that has threads is a way to hang; so a helper is a program of its own (helper.py). It is kept for the next message of its
account, a few at one time for each, and ended when it has had nothing to do for a minute.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from mailrail.agents import classify
from mailrail.agents.accounts import Account
from mailrail.agents.deposit import LockedError, Order
from mailrail.agents.frames import END, LOCKED, Answer, FrameError, frame, read_frame, to_outcome
from mailrail.agents.scribe import carry_out
from mailrail.agents.threads import Threads
from mailrail.client import Source
from mailrail.model import Outcome

MOST_PER_ACCOUNT: Final = 4  # ours; each is a Python of some 30 MiB
MOST_IDLE: Final = 16
IDLE_S: Final = 60.0
_PIECE_OCTETS: Final = 512 * 1024
_LAST_WORDS_OCTETS: Final = 2000


def start_helper(account: Account) -> "subprocess.Popen[bytes]":
    """Start a helper that becomes *account*.

    Raises:
        OSError: it cannot be started.
    """
    groups = ",".join(map(str, account.groups))
    ours = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-P", "-m", "mailrail.agents.helper", str(account.uid), str(account.gid), groups],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **ours},
        start_new_session=True,
    )


Start = Callable[[Account], "subprocess.Popen[bytes]"]


class Helper:
    """One process; used by one thread at a time, but for `end`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.idle_since_s = 0.0

    def send(self, data: bytes) -> None:
        """Send *data*.

        Raises:
            OSError: it is dead.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def answer(self) -> Answer:
        """Wait for its answer.

        Raises:
            OSError, FrameError: it is dead.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.flush()
        return msgspec.json.decode(read_frame(self._process.stdout.read), type=Answer)

    def kill(self) -> None:
        """Have it end; from any thread."""
        self._process.kill()

    def last_words(self) -> str:
        """Return what it died of, as far as it said."""
        self._process.kill()
        assert self._process.stderr is not None
        said = self._process.stderr.read(_LAST_WORDS_OCTETS).decode("utf-8", "replace").strip()
        return said.rpartition("\n")[2] or f"it ended with {self._process.wait()}"

    def end(self) -> None:
        """End it, and what it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Helpers:
    """The helpers of one daemon; any thread may ask."""

    def __init__(self, start: Start = start_helper) -> None:
        self._start = start
        self._turn = threading.Lock()
        self._idle: list[tuple[Account, Helper]] = []
        self._is_closed = False

    def take(self, account: Account, now_s: float) -> Helper:
        """Return one for *account*.

        Raises:
            OSError: none can be started.
        """
        with self._turn:
            stale = [one for one in self._idle if one[1].idle_since_s < now_s - IDLE_S]
            self._idle = [one for one in self._idle if one not in stale]
            found = next((one for one in reversed(self._idle) if one[0] == account), None)
            if found is not None:
                self._idle.remove(found)
        for _, helper in stale:
            helper.end()
        return found[1] if found is not None else Helper(self._start(account))

    def give_back(self, account: Account, helper: Helper, now_s: float) -> None:
        """Keep *helper*, which has answered, for the next."""
        helper.idle_since_s = now_s
        with self._turn:
            self._idle.append((account, helper))
            surplus = self._idle[:] if self._is_closed else self._idle[:-MOST_IDLE]
            del self._idle[: len(surplus)]
        for _, one in surplus:
            one.end()

    def close(self) -> None:
        """End all that are idle, and others when they come back."""
        with self._turn:
            self._is_closed = True
            ended, self._idle = self._idle, []
        for _, helper in ended:
            helper.end()


class RemoteSteps:
    """Implements AnySteps by a helper."""

    def __init__(self, order: Order, account: Account, helpers: Helpers, now_s: float) -> None:
        self._order = order
        self._account = account
        self._helpers = helpers
        self._now_s = now_s
        self._turn = threading.Lock()
        self._helper: Helper | None = None

    def all_of(self, content: bytes) -> Outcome:
        """Do all of it."""
        outcome = self.begin() or self.write(content) or self.finish()
        assert outcome is not None
        return outcome

    def begin(self) -> Outcome | None:
        """Give the order."""
        with self._turn:
            try:
                self._helper = self._helpers.take(self._account, self._now_s)
                self._helper.send(frame(msgspec.json.encode(self._order)))
            except OSError as error:
                return self._died(error)
            return None

    def write(self, piece: bytes) -> Outcome | None:
        """Send content."""
        with self._turn:
            if self._helper is None:
                return self._given_up()
            try:
                for at in range(0, len(piece), _PIECE_OCTETS):
                    self._helper.send(frame(piece[at : at + _PIECE_OCTETS]))
            except OSError as error:
                return self._died(error)
            return None

    def finish(self) -> Outcome | None:
        """Hear what came of it."""
        with self._turn:
            if self._helper is None:
                return self._given_up()
            try:
                self._helper.send(END)
                answer = self._helper.answer()
                outcome = None if answer == LOCKED else to_outcome(answer)
            except (OSError, FrameError, ValueError) as error:
                return self._died(error)
            self._helpers.give_back(self._account, self._helper, self._now_s)
            self._helper = None
            if outcome is None:
                raise LockedError
            return outcome

    def abort(self) -> None:
        """End the helper, in the middle of what it does; whoever waits for it hears that it has died."""
        helper = self._helper
        if helper is not None:
            helper.kill()
        with self._turn:
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.end()

    def _died(self, error: Exception) -> Outcome:
        helper, self._helper = self._helper, None
        if helper is None:
            return classify.unusable(f"no helper for {self._account.name} can be started: {error}")
        words = helper.last_words()
        helper.end()
        return classify.unusable(f"the helper for {self._account.name} has died: {words}")

    def _given_up(self) -> Outcome:
        return classify.unavailable(f"{self._order.path}: given up")


class RemoteScribe:
    """Writes with the rights of another account."""

    def __init__(self, threads: Threads, account: Account, helpers: Helpers) -> None:
        self._threads = threads
        self._account = account
        self._helpers = helpers
        self._room = asyncio.Semaphore(MOST_PER_ACCOUNT)

    async def deposit(self, order: Order, beginning: bytes, content: Source, at: int) -> Outcome:
        """Write *beginning*, and *content* from offset *at* on."""
        now_s = asyncio.get_running_loop().time()
        async with self._room:
            steps = RemoteSteps(order, self._account, self._helpers, now_s)
            return await carry_out(steps, self._threads, beginning, content, at)
