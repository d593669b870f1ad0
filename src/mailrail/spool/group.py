"""Floor 3 · spool — group commit: everybody who comes while a commit runs shares the next one.

No timer and no artificial delay: an idle spool commits at once, a busy one in large batches,
and the load itself decides. The loop side of the writer thread, which is entered only
by `run_in_executor`, so that a simulated loop runs it inline.

Fences are checked here, when a batch is formed: leases live in memory, and whatever ends
them (a settlement, a deletion) is known before the next batch is. That is why an operation that
may end leases of its own accord is the last of its batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from operator import attrgetter
from typing import Final, Protocol

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool.batch import Batch, Written
from mailrail.spool.trouble import is_breaking, store_error
from mailrail.spool.writer import DuplicateIds

# Bounds how long the first of a batch waits for the last; load fills it only beyond 100,000/s.
_BATCH_OPERATIONS: Final = 1000
_is_last: Final = attrgetter("is_last")


class Operation(Protocol):
    """What somebody waits for.

    Attributes:
        is_last: it may end leases that others hold.
    """

    is_last: bool

    def enter(self, batch: Batch) -> None:
        """Add what is to be written; called again if the batch must be formed anew."""
        ...

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether it stores one of the queue ids *numbers*."""
        ...

    def finish(self, results: "deque[object]") -> None:
        """It is written: answer; take as many *results* as works were entered."""
        ...

    def fail(self, error: StoreError) -> None:
        """Nothing was written: answer."""
        ...


class Troubles(Protocol):
    """Who is told of what fails or goes."""

    def failed(self, error: StoreError, *, is_broken: bool) -> None:
        """A batch failed."""
        ...

    def written(self, batch: Batch) -> None:
        """A batch is on stable storage."""
        ...

    def remove_files(self, numbers: list[int]) -> None:
        """These messages are gone, and their files may go."""
        ...


class GroupCommit:
    """Collects operations and writes them batch after batch.

    Args:
        write: `Writer.write`.
        thread: the one thread that it runs in.
        troubles: who is told.
    """

    def __init__(self, write: Callable[[Batch], Written], thread: Executor, troubles: Troubles) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._thread = thread
        self._troubles = troubles
        self._pending: list[Operation] = []
        self._running: list[Operation] = []
        self._is_scheduled = False
        self._idle: asyncio.Future[None] | None = None
        self.broken: StoreError | None = None

    def submit(self, operation: Operation) -> None:
        """Write *operation* with the next batch."""
        if self.broken is not None:
            operation.fail(self.broken)
            return
        self._pending.append(operation)
        if not self._running:
            self._start_soon()

    def mend(self, trouble: StoreError) -> bool:
        """Take operations again if *trouble* is why none are taken; tell whether it was."""
        if self.broken is not trouble:
            return False
        self.broken = None
        return True

    async def drain(self) -> None:
        """Wait until nothing is left to write."""
        if self._pending or self._running:
            if self._idle is None:
                self._idle = self._loop.create_future()
            await asyncio.shield(self._idle)

    async def close(self) -> None:
        """Write what is left, and refuse what comes after."""
        await self.drain()
        self.broken = StoreError(StoreTrouble.FAILED, "the spool is closed")

    def _start_soon(self) -> None:
        """Begin a batch at the end of the loop's turn: whoever else is served in it comes along.

        After a batch, too: those just answered and those read meanwhile have their turn first. That makes
        fewer batches under load, each of which costs two threads a hand-over.
        """
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._is_scheduled = False
        if self._running or not self._pending:
            return  # an answer of the last batch has submitted more, and that is on its way
        taken = self._pending[:_BATCH_OPERATIONS]
        are_last = list(map(_is_last, taken))
        if True in are_last:
            del taken[are_last.index(True) + 1 :]
        del self._pending[: len(taken)]
        self._run(taken)

    def _run(self, operations: list[Operation]) -> None:
        batch = Batch()
        for operation in operations:
            operation.enter(batch)
        self._running = operations
        done = self._loop.run_in_executor(self._thread, self._write, batch)
        done.add_done_callback(partial(self._written, batch))

    def _written(self, batch: Batch, done: "asyncio.Future[Written]") -> None:
        operations, self._running = self._running, []
        error = done.exception()
        if error is None:
            written = done.result()
            self._troubles.written(batch)
            results = deque(written.results)
            for operation in operations:
                operation.finish(results)
            if written.gone_files:
                self._troubles.remove_files(written.gone_files)
        elif isinstance(error, DuplicateIds):
            self._without(operations, error.numbers)
        elif isinstance(error, Exception):
            self._fail(operations, error)
        else:
            raise error
        self._next()

    def _next(self) -> None:
        if self._running:
            return
        if self._pending:
            self._start_soon()
        elif self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    def _without(self, operations: list[Operation], numbers: frozenset[int]) -> None:
        """Write the batch again without those who store what is stored already."""
        error = StoreError(StoreTrouble.FAILED, "the queue id is stored already")
        rest = []
        for operation in operations:
            if operation.clashes(numbers):
                operation.fail(error)
            else:
                rest.append(operation)
        if rest:
            self._run(rest)

    def _fail(self, operations: list[Operation], cause: Exception) -> None:
        error = store_error(cause, "the spool could not write")
        is_broken = is_breaking(cause)
        if is_broken:
            self.broken = StoreError(
                error.trouble, f"the spool takes no mail until its disk is cured: {error}"
            )
            operations = [*operations, *self._pending]
            self._pending.clear()
        self._troubles.failed(error, is_broken=is_broken)
        for operation in operations:
            operation.fail(error)
