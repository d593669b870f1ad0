"""Floor 3 · spool — the kinds of writes, as group commit handles them: enter a batch, then answer.

Hot path: two of these for every message (its commit and its settlement), so they are Structs and
do their work in straight lines.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from mailrail.model import Item, Message, StoreError
from mailrail.promise import Promise
from mailrail.spool.api import SMALL_BYTES, Committed, Content, Lease, Settled, Settlement
from mailrail.spool.batch import Batch, Work, item_row
from mailrail.spool.codec import encode_message
from mailrail.spool.leases import Leases
from mailrail.spool.rows import Key
from mailrail.spool.schema import LEASED, WAITING

T = TypeVar("T")
_SETTLED: Final = Settled(True)  # nearly every answer


class CommitOperation(Promise[Committed]):
    """A new message, and the promise that it is stored."""

    is_last = False

    _number: int  # its queue id
    _message: Message
    _items: Sequence[Item]
    _content: Content  # whole unless it is in a file
    _crc: int  # of the content
    _lease: bool  # hand the items to the caller
    _leases: Leases

    def enter(self, batch: Batch) -> None:
        """Add the rows."""
        number, message = self._number, self._message
        batch.messages += (number, encode_message(message, self._crc), self._content.whole)
        for item in self._items:
            if self._lease and not item.held:
                batch.items += item_row(number, message, item, LEASED)
            else:
                batch.items += item_row(number, message, item, WAITING)
                if not item.held:
                    batch.wait_for(item.destination, item.due_us)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether it stores one of *numbers*."""
        return self._number in numbers

    def finish(self, results: deque[object]) -> None:
        """Answer with the leases."""
        leases = self._leases.begin(self._message, self._items, self._number) if self._lease else ()
        if not self._is_over:
            self.set_result(Committed(self._content, leases))
        elif leases:
            self._leases.give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing is stored."""
        _fail(self, error)


class SettleOperation(Promise[Settled]):
    """The end of a try with the notices it owes, and the promise that it is stored."""

    is_last = False

    _settlement: Settlement
    _leases: Leases
    _notices: Sequence[CommitOperation] = ()
    _key: Key | None = None  # of the item, once its lease has ended

    def enter(self, batch: Batch) -> None:
        """End the lease, if it is held, and add the rows."""
        settlement, key = self._settlement, self._key
        lease, left = settlement.lease, settlement.left
        if key is None:
            key = self._key = self._leases.end(lease)
            if key is None:
                return
        if left is None:
            batch.done += key
            if lease.message.size_bytes > SMALL_BYTES:
                batch.done_files.append(key[0])
        else:
            batch.left += item_row(key[0], lease.message, left, WAITING)
            if not left.held:
                batch.wait_for(left.destination, left.due_us)
        for notice in self._notices:
            notice.enter(batch)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether a notice has one of *numbers*."""
        return self._key is not None and any(notice.clashes(numbers) for notice in self._notices)

    def finish(self, results: deque[object]) -> None:
        """Answer whether the lease was held, with the leases of the notices."""
        is_done = self._key is not None
        leases: tuple[Lease, ...] = ()
        if is_done and self._notices:
            for notice in self._notices:
                notice.finish(results)
                leases += notice.result().leases
        if not self._is_over:
            self.set_result(_SETTLED if is_done and not leases else Settled(is_done, leases))
        elif leases:
            self._leases.give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing was changed: the lease is still held."""
        if self._key is not None:
            self._leases.resume(self._settlement.lease, self._key)
            self._key = None
        _fail(self, error)


class GiveBackOperation:
    """The end of leases without a try."""

    __slots__ = ("_ended", "_leases", "_theirs", "future")

    is_last = False

    def __init__(self, theirs: Sequence[Lease], leases: Leases) -> None:
        self._theirs = theirs
        self._leases = leases
        self._ended: list[tuple[Lease, Key]] = []
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def enter(self, batch: Batch) -> None:
        """End what is held of them."""
        for lease in self._theirs:
            key = self._leases.end(lease)
            if key is not None:
                self._ended.append((lease, key))
        for lease, key in self._ended:
            batch.back += key
            batch.wait_for(lease.item.destination, lease.item.due_us)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell that it stores nothing."""
        return False

    def finish(self, results: deque[object]) -> None:
        """Answer."""
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: StoreError) -> None:
        """Answer that the leases are still held."""
        for lease, key in self._ended:
            self._leases.resume(lease, key)
        self._ended = []
        _fail(self.future, error)


class WorkOperation(Generic[T]):
    """A work of its own: a claim, a change.

    Args:
        work: what to do in the writer thread.
        is_last: it may end leases that others hold.
    """

    __slots__ = ("_work", "future", "is_last", "take")

    def __init__(self, work: Work[T], *, is_last: bool, take: Callable[[T], None] | None = None) -> None:
        self._work = work
        self.is_last = is_last
        self.take = take
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def enter(self, batch: Batch) -> None:
        """Add the work."""
        batch.works.append(self._work)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell that it stores nothing."""
        return False

    def finish(self, results: deque[object]) -> None:
        """Let the spool take notice before the next batch is formed, then answer."""
        result = results.popleft()
        if isinstance(result, StoreError):
            _fail(self.future, result)
            return
        if self.take is not None:
            self.take(result)  # type: ignore[arg-type]  # results stand in the order of the works
        if not self.future.done():
            self.future.set_result(result)  # type: ignore[arg-type]  # as above

    def fail(self, error: StoreError) -> None:
        """Answer that nothing was done."""
        _fail(self.future, error)


def _fail(future: asyncio.Future[T] | Promise[T], error: StoreError) -> None:
    if not future.done():
        # A new one for each: an exception that many raise would collect the traces of all.
        future.set_exception(StoreError(error.trouble, str(error)))
