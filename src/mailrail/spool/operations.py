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
from mailrail.spool.api import SMALL_BYTES, Committed, Content, Lease, NewMessage, Settled, Settlement
from mailrail.spool.batch import Batch, Work, item_row
from mailrail.spool.codec import encode_message
from mailrail.spool.content import BytesContent
from mailrail.spool.leases import Leases
from mailrail.spool.schema import LEASED, WAITING

T = TypeVar("T")
_SETTLED: Final = Settled(True)  # nearly every answer
GiveBackLater = Callable[[Sequence[Lease]], object]


class CommitOperation(Promise[Committed]):
    """A new message, and the promise that it is stored.

    Args:
        content: its content, whole unless it is in a file.
        crc: CRC-32 of the content.
        lease: hand the items to the caller.
        give_back: takes the leases of a caller that does not wait for them any more.
    """

    __slots__ = (
        "_content", "_crc", "_give_back", "_items", "_lease", "_leases", "_message", "_number",
    )  # fmt: skip

    is_last = False

    def __init__(
        self,
        message: Message,
        items: Sequence[Item],
        content: Content,
        crc: int,
        lease: bool,
        leases: Leases,
        give_back: GiveBackLater,
    ) -> None:
        Promise.__init__(self)  # at a third of what super() costs
        self._number = parse_id(message.queue_id)
        self._message = message
        self._items = items
        self._content = content
        self._crc = crc
        self._lease = lease
        self._leases = leases
        self._give_back = give_back

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

    def begin_leases(self) -> tuple[Lease, ...]:
        """Lease the items, which are stored now, if they are to be handed over."""
        return self._leases.begin(self._message, self._items, self._number) if self._lease else ()

    def finish(self, results: deque[object]) -> None:
        """Answer with the leases."""
        leases = self.begin_leases()
        if not self._is_over:
            self.set_result(Committed(self._content, leases))
        elif leases:
            self._give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing is stored."""
        _fail(self, error)


class SettleOperation(Promise[Settled]):
    """The end of a try with the notices it owes, and the promise that it is stored."""

    __slots__ = ("_give_back", "_lease_new", "_leases", "_notices", "_number", "_settlement")

    is_last = False

    def __init__(
        self, settlement: Settlement, lease_new: bool, leases: Leases, give_back: GiveBackLater
    ) -> None:
        Promise.__init__(self)
        self._settlement = settlement
        self._lease_new = lease_new
        self._leases = leases
        self._give_back = give_back
        self._number: int | None = None
        new = settlement.new_messages
        self._notices = [self._notice(one) for one in new] if new else ()

    def _notice(self, new: NewMessage) -> CommitOperation:
        content, crc = BytesContent(new.content), zlib.crc32(new.content)
        return CommitOperation(
            new.message, new.items, content, crc, self._lease_new, self._leases, self._give_back
        )

    def enter(self, batch: Batch) -> None:
        """End the lease, if it is held, and add the rows."""
        settlement = self._settlement
        lease, left = settlement.lease, settlement.left
        number = self._number
        if number is None:
            number = self._number = self._leases.end(lease)
            if number is None:
                return
        if left is None:
            batch.done += (number, lease.item.destination)
            if lease.message.size_bytes > SMALL_BYTES:
                batch.done_files.append(number)
        else:
            batch.left += item_row(number, lease.message, left, WAITING)
            if not left.held:
                batch.wait_for(left.destination, left.due_us)
        for notice in self._notices:
            notice.enter(batch)

    def clashes(self, numbers: frozenset[int]) -> bool:
        """Tell whether a notice has one of *numbers*."""
        return self._number is not None and any(notice.clashes(numbers) for notice in self._notices)

    def finish(self, results: deque[object]) -> None:
        """Answer whether the lease was held, with the leases of the notices."""
        is_done = self._number is not None
        leases: tuple[Lease, ...] = ()
        if is_done and self._notices:
            leases = tuple([lease for notice in self._notices for lease in notice.begin_leases()])
        if not self._is_over:
            self.set_result(_SETTLED if is_done and not leases else Settled(is_done, leases))
        elif leases:
            self._give_back(leases)

    def fail(self, error: StoreError) -> None:
        """Answer that nothing was changed: the lease is still held."""
        if self._number is not None:
            self._leases.resume(self._settlement.lease, self._number)
            self._number = None
        _fail(self, error)


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
