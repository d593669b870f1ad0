"""Floor 4 · agents — has deposits made: step by step in threads, with content from the spool in between."""

import asyncio
import threading
from functools import partial
from typing import Protocol

from mailrail.agents import classify
from mailrail.agents.deposit import Deposit, LockedError, NotTakenError, Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.maildir import MaildirDeposit
from mailrail.agents.mbox import MboxDeposit
from mailrail.agents.threads import Threads
from mailrail.client import Source
from mailrail.model import Outcome
from mailrail.spool import Disk

PIECE_OCTETS = 256 * 1024


class Scribe(Protocol):
    """Writes messages into mailboxes with the rights of one account."""

    async def deposit(self, order: Order, beginning: bytes, content: Source, at: int) -> Outcome:
        """Write *beginning*, and *content* from offset *at* on.

        Raises:
            LockedError: the mailbox is locked now.
            StoreError: the content cannot be read.

        *Cancel-safe:* yes: it may still be written.
        """
        ...

    def close(self) -> None:
        """Write nothing more."""
        ...


def deposit_for(order: Order, grounds: Grounds) -> Deposit:
    """Return the deposit that *order* asks for."""
    return MaildirDeposit(order, grounds) if order.kind == "maildir" else MboxDeposit(order, grounds)


class Steps:
    """A deposit whose troubles are outcomes: the step that returns one was the last. One step at a time, from any thread."""

    def __init__(self, order: Order, grounds: Grounds) -> None:
        self._path = order.path
        self._deposit = deposit_for(order, grounds)
        self._turn = threading.Lock()
        self._is_over = False

    def all_of(self, content: bytes) -> Outcome:
        """Do all of it."""
        outcome = self.begin() or self.write(content) or self.finish()
        assert outcome is not None
        return outcome

    def begin(self) -> Outcome | None:
        """Begin.

        Raises:
            LockedError: the mailbox is locked now.
        """
        with self._turn:
            try:
                outcome = self._deposit.begin()
            except LockedError:
                self._abort()
                raise
            except (OSError, NotTakenError) as error:
                return self._failed(error)
            self._is_over = outcome is not None
            return outcome

    def write(self, piece: bytes) -> Outcome | None:
        """Take content."""
        with self._turn:
            try:
                self._deposit.write(piece)
            except OSError as error:
                return self._failed(error)
            return None

    def finish(self) -> Outcome | None:
        """End it."""
        with self._turn:
            try:
                outcome = self._deposit.finish()
            except OSError as error:
                return self._failed(error)
            self._is_over = True
            return outcome

    def abort(self) -> None:
        """Take back what was written, unless it has come to an end."""
        with self._turn:
            self._abort()

    def _failed(self, error: OSError | NotTakenError) -> Outcome:
        self._abort()
        return (
            error.outcome if isinstance(error, NotTakenError) else classify.from_os_error(error, self._path)
        )

    def _abort(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._deposit.abort()


class LocalScribe:
    """Writes with the rights that this process has."""

    def __init__(self, threads: Threads, disk: Disk) -> None:
        self._threads = threads
        self._grounds = Grounds(disk)

    async def deposit(self, order: Order, beginning: bytes, content: Source, at: int) -> Outcome:
        """Write *beginning*, and *content* from offset *at* on."""
        steps, run = Steps(order, self._grounds), self._threads.run
        if at >= content.size_bytes:
            return await run(partial(steps.all_of, beginning))
        try:
            outcome = await run(steps.begin) or await run(partial(steps.write, beginning))
            while outcome is None and at < content.size_bytes:
                piece = await content.read(at, PIECE_OCTETS)
                at += len(piece)
                outcome = await run(partial(steps.write, piece))
            outcome = outcome or await run(steps.finish)
        except asyncio.CancelledError:
            self._threads.leave(steps.abort)
            raise
        except Exception:
            await run(steps.abort)
            raise
        assert outcome is not None
        return outcome

    def close(self) -> None:
        """Hold nothing."""
