"""Floor 3 · spool — the spool in memory: for tests, simulations and mail that may be lost.

It keeps every promise but the first, and passes the same contract suite as SQLite. What plays
the disk is a `MemoryStore`, which outlives the spool object as a disk outlives a process.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mailrail.model import Clock, Item, Message, QueueId, StoreError, StoreTrouble, id_time_us
from mailrail.promise import Promise
from mailrail.spool.api import (
    Change,
    Committed,
    Content,
    DestinationStats,
    Filter,
    Lease,
    Listed,
    NewMessage,
    Settled,
    Settlement,
    Want,
)
from mailrail.spool.content import in_memory
from mailrail.spool.filters import matches
from mailrail.spool.holds import Holds, hold_back, with_hold, without_holds
from mailrail.spool.rules import check_commit, check_reroute, check_settlement, merged

T = TypeVar("T")


@dataclass(slots=True)
class _State:
    """One item as stored; *fence* is 0 while nobody holds it."""

    message: Message
    item: Item
    fence: int = 0

    @property
    def is_waiting(self) -> bool:
        return not self.fence and not self.item.held


@dataclass(slots=True)
class _Stored:
    content: bytes
    items: dict[str, _State]


@dataclass(slots=True)
class MemoryStore:
    """What plays the disk.

    Attributes:
        holds: the standing holds.
        refuses: the trouble that every write meets, for tests of what a full disk does; None: none.
    """

    messages: dict[QueueId, _Stored] = field(default_factory=dict)
    last_fence: int = 0
    holds: Holds = ()
    refuses: StoreTrouble | None = None

    def check(self) -> None:
        """Raise the StoreError that is ordered, if any."""
        if self.refuses is not None:
            raise StoreError(self.refuses, f"the spool takes no mail: {self.refuses.name.lower()}")


class MemoryDraft:
    """A message being received."""

    def __init__(self, spool: "MemorySpool", queue_id: QueueId) -> None:
        self.queue_id = queue_id
        self.size_bytes = 0
        self._spool = spool
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes, /) -> None:
        """Add bytes; there is never anything to wait for."""
        self._chunks.append(chunk)
        self.size_bytes += len(chunk)

    def commit(self, message: Message, items: Sequence[Item], *, lease: bool) -> Promise[Committed]:
        """Store the message and its items, see `Draft.commit`."""
        check_commit(message, items, self.size_bytes)
        content = b"".join(self._chunks)
        return _answer(lambda: self._spool.store_draft(content, message, items, lease=lease))

    def discard(self) -> None:
        """Forget the bytes."""
        self._chunks.clear()


class MemorySpool:
    """The store of one node's messages, gone with its MemoryStore.

    Args:
        clock: the spool's clock.
        store: what an earlier spool left; its leases end now (promise 5).
        most_items: see `SpoolSettings`.
    """

    def __init__(self, clock: Clock, store: MemoryStore | None = None, *, most_items: int = 0) -> None:
        self.store = MemoryStore() if store is None else store
        self._clock = clock
        self._most_items = most_items
        self._newest = max(self.store.messages, default=None)
        now_us = clock.now_us()
        for state in self._states():
            if state.fence:
                state.fence = 0
                state.item = replace(state.item, due_us=min(state.item.due_us, now_us))

    def newest(self) -> QueueId | None:
        """Return the highest queue id that the store held at the opening."""
        return self._newest

    def begin(self, queue_id: QueueId) -> MemoryDraft:
        """Begin to store a message under *queue_id*."""
        self.store.check()
        return MemoryDraft(self, queue_id)

    def has_space(self, size_bytes: int) -> bool:
        """Tell whether a message of this size may be let in."""
        return self.store.refuses is None

    def has_place(self) -> bool:
        """Tell whether another message may be let in."""
        return not self._most_items or sum(1 for _ in self._states()) < self._most_items

    async def resolve(self, queue_id: QueueId) -> bool:
        """Tell whether *queue_id* is stored."""
        return queue_id in self.store.messages

    async def claim(self, want: Want) -> list[Lease]:
        """Lease items that are due, oldest due first, fair between destinations."""
        self.store.check()
        now_us = self._clock.now_us()
        lanes: dict[str, list[_State]] = {}
        for state in self._states():
            if state.is_waiting and state.item.due_us <= now_us and state.item.destination not in want.busy:
                lanes.setdefault(state.item.destination, []).append(state)
        for lane in lanes.values():
            lane.sort(key=_age)
        # A place in line within the lane first: every lane gives one before any gives its second.
        turns = [
            (place, _age(state), state)
            for lane in lanes.values()
            for place, state in enumerate(lane[: want.per_destination])
        ]
        turns.sort(key=lambda turn: turn[:2])
        return [self._lease(state) for _, _, state in turns[: want.limit]]

    async def next_due_us(self, busy: frozenset[str] = frozenset()) -> int | None:
        """Return when the next waiting item outside *busy* becomes due, or None."""
        return min(
            (
                state.item.due_us
                for state in self._states()
                if state.is_waiting and state.item.destination not in busy
            ),
            default=None,
        )

    def settle(self, settlement: Settlement, *, lease_new: bool = False) -> Promise[Settled]:
        """Record how a leased item ended, see `Spool.settle`."""
        check_settlement(settlement)
        return _answer(lambda: self._settle(settlement, lease_new))

    def give_back(self, leases: Sequence[Lease]) -> Promise[None]:
        """End leases without a try."""
        return _answer(lambda: self._give_back(leases))

    async def open(self, queue_id: QueueId) -> Content:
        """Open a stored message's content."""
        stored = self.store.messages.get(queue_id)
        if stored is None:
            raise StoreError(StoreTrouble.DAMAGED, f"{queue_id} is not in the spool")
        return in_memory(stored.content)

    async def select(
        self, wanted: Filter, *, after: tuple[QueueId, str] | None = None, limit: int = 100
    ) -> list[Listed]:
        """List items by (queue_id, destination), beginning behind *after*."""
        found = [
            (state.item.queue_id, state.item.destination, state)
            for state in self._wanted(wanted)
            if after is None or (state.item.queue_id, state.item.destination) > after
        ]
        found.sort(key=lambda row: row[:2])
        return [Listed(state.message, state.item, state.fence != 0) for _, _, state in found[:limit]]

    async def count(self, wanted: Filter) -> int:
        """Count items."""
        return sum(1 for _ in self._wanted(wanted))

    async def stats(self, limit: int = 1000) -> list[DestinationStats]:
        """Sum up by destination, most items first."""
        lanes: dict[str, list[_State]] = {}
        for state in self._states():
            lanes.setdefault(state.item.destination, []).append(state)
        rows = [
            DestinationStats(
                destination,
                items=len(states),
                held=sum(state.item.held for state in states),
                oldest_us=id_time_us(min(state.item.queue_id for state in states)),
                next_due_us=min((state.item.due_us for state in states if state.is_waiting), default=0),
            )
            for destination, states in lanes.items()
        ]
        rows.sort(key=lambda row: (-row.items, row.destination))
        return rows[:limit]

    async def mutate(self, wanted: Filter, change: Change) -> int:
        """Change items and return how many."""
        self.store.check()
        found = list(self._wanted(wanted))
        for state in found:
            if change is Change.DELETE:
                self._remove(state)
            elif change is Change.RETRY:
                if not state.fence:
                    state.item = replace(state.item, due_us=min(state.item.due_us, self._clock.now_us()))
            else:
                state.item = replace(state.item, held=change is Change.HOLD)
        return len(found)

    def holds(self) -> Holds:
        """Return the standing holds."""
        return self.store.holds

    async def hold_new(self, wanted: Filter) -> None:
        """Keep back, from now on and across restarts, every new item that *wanted* means."""
        self.store.check()
        self.store.holds = with_hold(self.store.holds, wanted)

    async def release_new(self, wanted: Filter) -> None:
        """End the standing holds whose mail *wanted* means, all of it."""
        self.store.check()
        self.store.holds = without_holds(self.store.holds, wanted)

    async def reroute(self, queue_id: QueueId, old: str, new: Sequence[Item]) -> bool:
        """Replace the item at destination *old* by *new*."""
        check_reroute(queue_id, new)
        self.store.check()
        stored = self.store.messages.get(queue_id)
        if stored is None or old not in stored.items:
            return False
        others = {key: state for key, state in stored.items.items() if key != old}
        for item in new:
            there = others.get(item.destination)
            if there is not None and there.fence:
                return False
            item = item if there is None else merged(there.item, item)
            others[item.destination] = _State(stored.items[old].message, item)
        stored.items = others
        return True

    async def maintain(self) -> None:
        """Do nothing: memory needs no housekeeping."""

    async def cure(self) -> None:
        """Do nothing: memory does not break."""

    async def close(self) -> None:
        """Do nothing: what is begun is done."""

    def store_draft(
        self, content: bytes, message: Message, items: Sequence[Item], *, lease: bool
    ) -> Committed:
        """Take a finished draft (for MemoryDraft only)."""
        self.store.check()
        self._check_new([message])
        leases = self._store(NewMessage(message, tuple(items), content), lease)
        return Committed(in_memory(content), leases)

    def _states(self) -> Iterable[_State]:
        return (state for stored in self.store.messages.values() for state in stored.items.values())

    def _wanted(self, wanted: Filter) -> Iterable[_State]:
        return (state for state in self._states() if matches(wanted, state.message, state.item))

    def _lease(self, state: _State) -> Lease:
        self.store.last_fence += 1
        state.fence = self.store.last_fence
        return Lease(state.message, state.item, state.fence)

    def _held(self, lease: Lease) -> _State | None:
        """Return the item that *lease* holds, or None when it holds nothing any more."""
        stored = self.store.messages.get(lease.item.queue_id)
        state = None if stored is None else stored.items.get(lease.item.destination)
        return state if state is not None and state.fence == lease.fence else None

    def _check_new(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.queue_id in self.store.messages:
                raise StoreError(StoreTrouble.FAILED, f"{message.queue_id} is stored already")

    def _store(self, new: NewMessage, lease: bool) -> tuple[Lease, ...]:
        queue_id = new.message.queue_id
        items = hold_back(self.store.holds, new.message, new.items)
        states = {item.destination: _State(new.message, item) for item in items}
        self.store.messages[queue_id] = _Stored(new.content, states)
        return tuple(self._lease(state) for state in states.values() if not state.item.held) if lease else ()

    def _remove(self, state: _State) -> None:
        items = self.store.messages[state.item.queue_id].items
        del items[state.item.destination]
        if not items:
            del self.store.messages[state.item.queue_id]

    def _settle(self, settlement: Settlement, lease_new: bool) -> Settled:
        self.store.check()
        state = self._held(settlement.lease)
        if state is None:
            return Settled(done=False)
        self._check_new(new.message for new in settlement.new_messages)
        leases = [lease for new in settlement.new_messages for lease in self._store(new, lease_new)]
        if settlement.left is None:
            self._remove(state)
        else:
            # An operator may have put it on hold during the try.
            held = settlement.left.held or state.item.held
            state.item, state.fence = replace(settlement.left, held=held), 0
        return Settled(done=True, leases=tuple(leases))

    def _give_back(self, leases: Sequence[Lease]) -> None:
        self.store.check()
        for lease in leases:
            state = self._held(lease)
            if state is not None:
                state.fence = 0


def _age(state: _State) -> tuple[int, QueueId]:
    return state.item.due_us, state.item.queue_id


def _answer(work: Callable[[], T]) -> Promise[T]:
    """Do *work* now; return a promise of its result or StoreError, as a real spool would."""
    promise: Promise[T] = Promise()
    try:
        promise.set_result(work())
    except StoreError as error:
        promise.set_exception(error)
    return promise
