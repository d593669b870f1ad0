"""Floor 3 · spool — the kinds of writes, as group commit handles them: enter a batch, then answer.

Hot path: two of these for every message (its commit and its settlement), so they are slotted and
do their work in straight lines.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from mailrail.model import Item, Message, StoreError, parse_id
from mailrail.promise import Promise
from mailrail.spool.api import SMALL_BYTES, Committed, Content, Lease, Settled, Settlement
from mailrail.spool.batch import Batch, Work, item_row
from mailrail.spool.codec import encode_message
from mailrail.spool.leases import Leases
from mailrail.spool.schema import LEASED, WAITING

T = TypeVar("T")
_SETTLED: Final = Settled(True)  # nearly every answer
GiveBackLater = Callable[[Sequence[Lease]], object]


def _enter_message(
    batch: Batch,
    number: int,
    message: Message,
    items: Sequence[Item],
    crc: int,
    body: bytes | None,
    state: int,
) -> None:
    batch.messages += (number, encode_message(message, crc), body)
    for item in items:
        batch.items += item_row(number, message, item, WAITING if item.held else state)
        if state == WAITING and not item.held:
            batch.wait_for(item.destination, item.due_us)


class CommitOperation:
    """A new message.

    Args:
        body: its content, or None when that is in a file.
        crc: CRC-32 of the content.
        lease: hand the items to the caller.
        give_back: takes the leases of a caller that does not wait for them any more.
    """

    __slots__ = (
        "_body",
        "_content",
        "_crc",
        "_give_back",
        "_items",
        "_lease",
        "_leases",
        "_message",
        "_number",
        "promise",
    )

    is_last = False

    def __init__(
        self,
        message: Message,
        items: Sequence[Item],
        content: Content,
        body: bytes | None,
        crc: int,
        lease: bool,
        leases: Leases,
        give_back: GiveBackLater,
    ) -> None:
        self._number = parse_id(message.queue_id)
        self._message = message
        self._items = items
        self._content = content
        self._body = body
        self._crc = crc
        self._lease = lease
        self._leases = leases
        self._give_back = give_back
        self.promise: Promise[Committed] = Promise()

    def enter(self, batch: Batch) -> None:
        """Add the rows."""
        state = LEASED if self._lease else WAITING
        _enter_message(batch, self._number, self._message, self._items, self._crc, self._body, state)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether it stores one of *numbers*."""
        return self._number in numbers

    def finish(self, results: deque[object]) -> None:
        """Answer with the leases."""
        leases: tuple[Lease, ...] = ()
        if self._lease:
            begin, message, number = self._leases.begin, self._message, self._number
            leases = tuple([begin(message, item, number) for item in self._items if not item.held])
        if not self.promise.done():
            self.promise.set_result(Committed(self._content, leases))
        elif leases:
            self._give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing is stored."""
        _fail(self.promise, error)


class SettleOperation:
    """The end of a try, and the notices it owes."""

    __slots__ = ("_give_back", "_lease_new", "_leases", "_number", "_settlement", "promise")

    is_last = False

    def __init__(
        self,
        settlement: Settlement,
        lease_new: bool,
        leases: Leases,
        give_back: GiveBackLater,
    ) -> None:
        self._settlement = settlement
        self._lease_new = lease_new
        self._leases = leases
        self._give_back = give_back
        self._number: int | None = None
        self.promise: Promise[Settled] = Promise()

    def enter(self, batch: Batch) -> None:
        """End the lease, if it is held, and add the rows."""
        settlement = self._settlement
        if self._number is None:
            self._number = self._leases.end(settlement.lease)
        number = self._number
        if number is None:
            return
        message, left = settlement.lease.message, settlement.left
        if left is None:
            batch.done += (number, settlement.lease.item.destination)
            batch.done_messages.append(number)
            if message.size_bytes > SMALL_BYTES:
                batch.done_files.append(number)
        else:
            batch.left += item_row(number, message, left, WAITING)
            if not left.held:
                batch.wait_for(left.destination, left.due_us)
        state = LEASED if self._lease_new else WAITING
        for new in settlement.new_messages:
            new_number = parse_id(new.message.queue_id)
            _enter_message(
                batch, new_number, new.message, new.items, zlib.crc32(new.content), new.content, state
            )

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether a notice has one of *numbers*."""
        return self._number is not None and any(
            parse_id(new.message.queue_id) in numbers for new in self._settlement.new_messages
        )

    def finish(self, results: deque[object]) -> None:
        """Answer whether the lease was held, with the leases of the notices."""
        leases: tuple[Lease, ...] = ()
        is_done = self._number is not None
        if is_done and self._lease_new:
            leases = tuple(
                self._leases.begin(new.message, item, parse_id(item.queue_id))
                for new in self._settlement.new_messages
                for item in new.items
                if not item.held
            )
        if not self.promise.done():
            self.promise.set_result(_SETTLED if is_done and not leases else Settled(is_done, leases))
        elif leases:
            self._give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing was changed: the lease is still held."""
        if self._number is not None:
            self._leases.resume(self._settlement.lease, self._number)
            self._number = None
        _fail(self.promise, error)


class GiveBackOperation:
    """The end of leases without a try."""

    __slots__ = ("_ended", "_leases", "_theirs", "future")

    is_last = False

    def __init__(self, theirs: Sequence[Lease], leases: Leases) -> None:
        self._theirs = theirs
        self._leases = leases
        self._ended: list[tuple[Lease, int]] = []
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def enter(self, batch: Batch) -> None:
        """End what is held of them."""
        for lease in self._theirs:
            number = self._leases.end(lease)
            if number is not None:
                self._ended.append((lease, number))
        for lease, number in self._ended:
            batch.back += (number, lease.item.destination)
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
        for lease, number in self._ended:
            self._leases.resume(lease, number)
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
