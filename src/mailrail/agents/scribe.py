"""Floor 4 · agents — has deposits made: step by step in threads, with content from the spool in between."""

import asyncio
from functools import partial
from typing import Protocol

from mailrail.agents.deposit import Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.steps import Steps
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


class AnySteps(Protocol):
    """A deposit in steps: made here (`Steps`), or by a helper (`helpers.py`). Each blocks, and the one that returns an outcome was the last."""

    def all_of(self, content: bytes) -> Outcome:
        """Do all of it.

        Raises:
            LockedError: the mailbox is locked now; by any step but `abort`.
        """
        ...

    def begin(self) -> Outcome | None:
        """Begin."""
        ...

    def write(self, piece: bytes) -> Outcome | None:
        """Take content."""
        ...

    def finish(self) -> Outcome | None:
        """End it."""
        ...

    def abort(self) -> None:
        """Take back what was written, unless it has come to an end."""
        ...


async def carry_out(steps: AnySteps, threads: Threads, beginning: bytes, content: Source, at: int) -> Outcome:
    """Do *steps* in threads: write *beginning*, and *content* from offset *at* on.

    Raises:
        LockedError: the mailbox is locked now.
        StoreError: the content cannot be read.

    *Cancel-safe:* yes: it may still be written.
    """
    run = threads.run
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
        threads.leave(steps.abort)
        raise
    except Exception:
        await run(steps.abort)
        raise
    assert outcome is not None
    return outcome


class LocalScribe:
    """Writes with the rights that this process has."""

    def __init__(self, threads: Threads, disk: Disk) -> None:
        self._threads = threads
        self._grounds = Grounds(disk)

    async def deposit(self, order: Order, beginning: bytes, content: Source, at: int) -> Outcome:
        """Write *beginning*, and *content* from offset *at* on."""
        return await carry_out(Steps(order, self._grounds), self._threads, beginning, content, at)
