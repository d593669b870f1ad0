"""Floor 3 · spool — what survives a power cut: the promises of every implementation.

In words, and every one a test of the contract suite (tests/contract/test_spool.py):

1. When `commit` or `settle` returns, what it says is on stable storage: power may fail the next
   instant. When it raises, nothing of it is stored. A failed sync is never tried again and
   then called good: the spool refuses all further writes (StoreError) until it is opened anew, or
   `cure` has found the disk sound and has written anew what was acknowledged (cure.py).
2. One call is one transaction: all of it or nothing, the new messages of a settlement included.
3. Concurrent callers share commits (group commit); they are answered in the order they came.
4. An item is leased to one holder at a time. A settlement with a lease that is no longer held
   changes nothing and returns False, so that settling twice is harmless (fenced, idempotent).
5. Leases of an embedded spool end with the process: after a restart what was leased is due.
6. Memory is bounded by what is leased and by what is asked for, never by the queue's length.
7. What is damaged is set aside, told, and never stops the rest.

Content is stored as it will travel: CRLF line ends, no dot-stuffing. Up to SMALL_BYTES it is in
the database; above, in a file of its own, synced with its directory before the commit.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

from mailrail.model import Item, Message, QueueId
from mailrail.promise import Promise

SMALL_BYTES: Final = 256 * 1024  # above this a message is never whole in memory


class Content(Protocol):
    """The bytes of one stored message, for reading any number of times.

    Attributes:
        size_bytes: its length.
        whole: the bytes, if they are in memory (never above SMALL_BYTES); else None.
    """

    size_bytes: int
    whole: bytes | None

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return up to *length* bytes from *offset*, fewer only at the end.

        Raises:
            StoreError: DAMAGED when the bytes are not there any more.
        """
        ...

    def close(self) -> None:
        """Free what reading holds; idempotent."""
        ...


class Lease(Struct, frozen=True):
    """The right to settle one item, held since `claim` (or since birth) with a fence number."""

    message: Message
    item: Item
    fence: int


class NewMessage(Struct, frozen=True):
    """A message made here, small and whole: a notice."""

    message: Message
    items: tuple[Item, ...]
    content: bytes


class Settlement(Struct, frozen=True):
    """How one leased item goes on.

    Attributes:
        lease: what was held.
        left: the item as it now waits (its pending recipients, attempts, due time), or None when every
            recipient has a final outcome; a message without items is removed with its content.
        new_messages: notices owed because of this, stored in the same transaction.
    """

    lease: Lease
    left: Item | None
    new_messages: tuple[NewMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """What a node has room for.

    Attributes:
        limit: at most this many items.
        per_destination: at most this many of one destination.
        busy: destinations that take no more now; their items are passed over.
    """

    limit: int
    per_destination: int
    busy: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items an operator means; the parts are joined by "and"; all empty means every item.

    Attributes:
        queue_ids: these messages.
        sender: whole address, or domain when it has no @; "<>" is the null reverse-path.
        recipient: whole address, or domain when it has no @, of a pending recipient.
        destination: the destination key.
        held: only those held (True) or not held (False).
        untried_until_us: of those that were never tried only what is due by then; 0: all.
    """

    queue_ids: tuple[QueueId, ...] = ()
    sender: str = ""
    recipient: str = ""
    destination: str = ""
    held: bool | None = None
    untried_until_us: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of `select`."""

    message: Message
    item: Item
    is_leased: bool


class Change(Enum):
    """What an operator can do to items."""

    HOLD = "hold"
    RELEASE = "release"  # undo hold
    RETRY = "retry"  # due now
    DELETE = "delete"  # gone without a notice


@dataclass(frozen=True, slots=True)
class DestinationStats:
    """One row of `stats`.

    Attributes:
        oldest_us: when the oldest message's queue id was made.
        next_due_us: when the next item becomes due; 0 when none waits (all leased or held).
    """

    destination: str
    items: int
    held: int
    oldest_us: int
    next_due_us: int


class Draft(Protocol):
    """A message being received."""

    queue_id: QueueId
    size_bytes: int

    def write(self, chunk: bytes, /) -> Awaitable[None] | None:
        """Add bytes.

        Returns:
            None, or an awaitable when the caller should wait before writing more (a large
            message is going to its file). An error is kept and raised by `commit`.
        """
        ...

    def commit(self, message: Message, items: Sequence[Item], *, lease: bool) -> "Promise[Committed]":
        """Store the message and its items in one transaction.

        Args:
            message: its `size_bytes` must be the draft's.
            items: at least one.
            lease: hand the items to the caller at once; otherwise they wait for a `claim`.

        Returns:
            A promise of the content and, if *lease*, the leases in the order of *items*; what a standing
            hold keeps back has none.

        Raises:
            StoreError: FULL or FAILED; nothing is stored and the draft is discarded.
        """
        ...

    def discard(self) -> None:
        """Forget the draft and its file; idempotent; no effect after `commit`."""
        ...


class Committed(Struct, frozen=True):
    """What `commit` gives back."""

    content: Content
    leases: tuple[Lease, ...]


class Spool(Protocol):
    """The store of one node's messages."""

    def begin(self, queue_id: QueueId) -> Draft:
        """Begin to store a message under *queue_id*.

        Raises:
            StoreError: the spool takes no more mail (full, failed).
        """
        ...

    def has_space(self, size_bytes: int) -> bool:
        """Tell whether a message of this size may be let in (A69): False below the free-space floor. Cached, cheap."""
        ...

    def has_place(self) -> bool:
        """Tell whether another message may be let in: False while as many items are stored as was set. Cheap."""
        ...

    def newest(self) -> QueueId | None:
        """Return the highest queue id that the spool held when it was opened: a clock set back must not repeat it."""
        ...

    async def resolve(self, queue_id: QueueId) -> bool:
        """Tell whether *queue_id* is stored: for a commit whose answer was lost."""
        ...

    async def claim(self, want: Want) -> list[Lease]:
        """Lease items that are due by the spool's clock, oldest due first, fair between destinations."""
        ...

    async def next_due_us(self, busy: frozenset[str] = frozenset()) -> int | None:
        """Return when the next waiting item outside the destinations *busy* becomes due, or None when none waits.

        May be early (a claim then finds nothing and the next answer is later), never late.
        """
        ...

    def settle(self, settlement: Settlement, *, lease_new: bool = False) -> "Promise[Settled]":
        """Record how a leased item ended, in one transaction with the notices it owes.

        Args:
            lease_new: lease the items of new_messages to the caller at once.

        Raises:
            StoreError: nothing was changed.
        """
        ...

    def give_back(self, leases: Sequence[Lease]) -> Awaitable[None]:
        """End leases without a try: the items are as they were before they were claimed."""
        ...

    async def open(self, queue_id: QueueId) -> Content:
        """Open a stored message's content.

        Raises:
            StoreError: DAMAGED when it is not there or not whole.
        """
        ...

    async def select(
        self, wanted: Filter, *, after: tuple[QueueId, str] | None = None, limit: int = 100
    ) -> list[Listed]:
        """List items by (queue_id, destination), beginning behind *after*."""
        ...

    async def count(self, wanted: Filter) -> int:
        """Count items."""
        ...

    async def stats(self, limit: int = 1000) -> list[DestinationStats]:
        """Sum up by destination, most items first."""
        ...

    async def mutate(self, wanted: Filter, change: Change) -> int:
        """Change items and return how many; repeating it is harmless.

        One transaction per page of items, not one for all: a million items must not keep new mail
        waiting. Items leased now are changed too. DELETE ends their lease: the running try's settlement
        is fenced off. For the others the settlement takes effect, and what it leaves is held if it was
        put on hold meanwhile; RETRY of an item that is being tried changes nothing.
        """
        ...

    def holds(self) -> tuple[Filter, ...]:
        """Return the standing holds."""
        ...

    async def hold_new(self, wanted: Filter) -> None:
        """Keep back, from now on and across restarts, every new item that *wanted* means; idempotent.

        What is stored already is `mutate`'s to hold; called before it, it lets nothing slip between.

        Raises:
            ValueError: *wanted* names messages.
            StoreError: nothing was changed.
        """
        ...

    async def release_new(self, wanted: Filter) -> None:
        """End the standing holds whose mail *wanted* means, all of it; idempotent.

        Raises:
            StoreError: nothing was changed.
        """
        ...

    async def reroute(self, queue_id: QueueId, old: str, new: Sequence[Item]) -> bool:
        """Replace the item at destination *old* by *new* (after the settings changed), which then wait.

        A lease on *old* ends. Where the message has an item at a new destination already, the two become one.

        Returns:
            False, with nothing changed, if *old* is gone or an item at a new destination is leased.
        """
        ...

    async def maintain(self) -> None:
        """Do the housekeeping: checkpoint, stray files. Bounded; call it every few minutes.

        Raises:
            StoreError: the disk cannot be read or changed now; call it again later.
        """
        ...

    async def cure(self) -> None:
        """After a failed sync, find out whether the disk is sound again, and if so take mail again.

        Call it every minute: it does nothing where nothing is broken, and tries more rarely in the course of time.

        Raises:
            StoreError: it is not; nothing is written until it is.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then close; idempotent."""
        ...


class Settled(Struct, frozen=True):
    """What `settle` gives back.

    Attributes:
        done: False when the lease was no longer held and nothing was changed.
        leases: those of the new messages' items, if asked for.
    """

    done: bool
    leases: tuple[Lease, ...] = ()
