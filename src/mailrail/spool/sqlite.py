"""Floor 3 · spool — the embedded spool: SQLite for everything but large content.

The asyncio side. Three executors, entered by `run_in_executor` only: one thread that writes
(group.py, writer.py), one that reads (reader.py), a few for files (blobs.py, draft.py). Leases
live in memory (leases.py). Nothing here touches a row.
"""

import asyncio
import functools
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

import apsw

from mailrail.model import Clock, Item, Message, QueueId, StoreError, StoreTrouble, format_id, parse_id
from mailrail.observe import Bus
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
from mailrail.spool.batch import Batch, Work
from mailrail.spool.census import Census
from mailrail.spool.changing import Changed, KeepHolds, MutatePage, Reroute, Resolve
from mailrail.spool.claiming import Claim, Claimed
from mailrail.spool.content import checked, in_memory
from mailrail.spool.cure import Patience
from mailrail.spool.damage import Damage, SetAside
from mailrail.spool.disk import Disk
from mailrail.spool.draft import SqliteDraft
from mailrail.spool.events import (
    ContentDamaged,
    SpoolBroken,
    SpoolCured,
    SpoolFailed,
    SpoolFull,
    SpoolOpened,
)
from mailrail.spool.filewriter import FileWriter
from mailrail.spool.filing import Filing
from mailrail.spool.group import GroupCommit
from mailrail.spool.holds import Holds, hold_back, hold_back_notices, with_hold, without_holds
from mailrail.spool.leases import Leases
from mailrail.spool.opening import Ground
from mailrail.spool.operations import CommitOperation, GiveBackOperation, SettleOperation, WorkOperation
from mailrail.spool.rows import Key
from mailrail.spool.rules import check_reroute, check_settlement
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.system_disk import SystemDisk
from mailrail.spool.trouble import store_error

P = ParamSpec("P")
T = TypeVar("T")
# Items changed in one transaction: each may dirty a page or two, and new mail waits meanwhile (20 ms measured).
_PAGE: Final = 250
_BEFORE_ALL: Final[Key] = (-1, "")


async def open_spool(
    settings: SpoolSettings, clock: Clock, bus: Bus, *, disk: Disk | None = None
) -> "SqliteSpool":
    """Open the spool in `settings.path`, making it if it is not there.

    Args:
        disk: where it lives; default: the machine's.

    Raises:
        StoreError: LOCKED when another process has it; UNSUITABLE when it is of a newer mailrail, of
            somebody else, or SQLite is too old; DAMAGED when the database does not read; FULL, FAILED.
    """
    loop = asyncio.get_running_loop()
    writing = ThreadPoolExecutor(1, thread_name_prefix="spool-write")
    try:
        ground = await loop.run_in_executor(writing, Ground, settings, clock.now_us, disk or SystemDisk())
    except StoreError:
        writing.shutdown(wait=False)
        raise
    spool = SqliteSpool(ground, writing, clock, bus)
    try:
        await spool.reap()
    except BaseException:
        await spool.close()
        raise
    bus.emit(SpoolOpened(path=str(ground.directory), recovered=ground.recovered))
    return spool


class SqliteSpool:
    """The store of one node's messages; made by `open_spool`."""

    def __init__(self, ground: Ground, writing: ThreadPoolExecutor, clock: Clock, bus: Bus) -> None:
        self._loop = asyncio.get_running_loop()
        self._ground = ground
        self._writing = writing
        self._reading = (
            ThreadPoolExecutor(1, thread_name_prefix="spool-read") if ground.reads_apart else writing
        )
        self._filing = Filing(ground.blobs)
        self._clock = clock
        self._bus = bus
        self._leases = Leases(ground.opening, self.give_back)
        self._holds = ground.holds
        self._census = Census(ground.items, ground.most_items, bus)
        self._holding = asyncio.Lock()  # a change that fails must not undo another's
        self._group = GroupCommit(ground.writer.write, writing, self)
        self._broken_s = 0.0
        self._patience = Patience()
        self._is_closed = False

    # -- receiving ---------------------------------------------------------------------------------

    def begin(self, queue_id: QueueId) -> SqliteDraft:
        """Begin to store a message under *queue_id*."""
        if self._group.broken is not None:
            raise self._group.broken
        return SqliteDraft(queue_id, self, [])

    def newest(self) -> QueueId | None:
        """Return the highest queue id that the spool held when it was opened."""
        number = self._ground.newest
        return None if number is None else format_id(number)

    def has_space(self, size_bytes: int) -> bool:
        """Tell whether a message of this size may be let in (A69)."""
        return self._ground.space.allows(size_bytes, self._loop.time())

    def has_place(self) -> bool:
        """Tell whether another message may be let in."""
        return self._census.has_place

    def store(
        self, message: Message, items: Sequence[Item], content: Content, crc: int, *, lease: bool
    ) -> CommitOperation:
        """Store a message whose content is at hand (for SqliteDraft only)."""
        if self._holds:
            items = hold_back(self._holds, message, items)
        number = parse_id(message.queue_id)
        operation = CommitOperation(number, message, items, content, crc, lease, self._leases)
        self._group.submit(operation)
        return operation

    def commit_large(
        self, message: Message, items: Sequence[Item], file: FileWriter, *, lease: bool
    ) -> Promise[Committed]:
        """Store a message whose content is in a file (for SqliteDraft only)."""
        # The caller gets a promise of its own: cancelling it must not leave half a commit.
        answer: Promise[Committed] = Promise()
        self._filing.own(self._commit_file(message, items, file, answer, lease=lease))
        return answer

    def begin_file(self, queue_id: QueueId) -> FileWriter:
        """Begin a file (for SqliteDraft only)."""
        return self._filing.begin(queue_id)

    def abandon_file(self, file: FileWriter) -> None:
        """Forget a file (for SqliteDraft only)."""
        self._filing.abandon(file)

    async def resolve(self, queue_id: QueueId) -> bool:
        """Tell whether *queue_id* is stored."""
        await self._filing.settled()  # a large message may be on its way to its row
        try:
            return await self._work(Resolve(parse_id(queue_id)))
        except ValueError:
            return False

    # -- delivering --------------------------------------------------------------------------------

    async def claim(self, want: Want) -> list[Lease]:
        """Lease items that are due by the spool's clock, oldest due first, fair between destinations."""
        leases: list[Lease] = []

        def take(claimed: Claimed) -> None:
            self._tell_damage(claimed.damages)
            for message, item in claimed.pairs:
                leases.extend(self._leases.begin(message, (item,), parse_id(item.queue_id)))

        operation = WorkOperation(Claim(want, self._clock.now_us()), is_last=False, take=take)
        self._group.submit(operation)
        try:
            await asyncio.shield(operation.future)
        except asyncio.CancelledError:
            # What comes of it nobody holds: give it back as soon as it is known.
            operation.future.add_done_callback(lambda _: self.give_back(leases) if leases else None)
            raise
        return leases

    async def next_due_us(self, busy: frozenset[str] = frozenset()) -> int | None:
        """Return when the next waiting item outside *busy* becomes due, or None."""
        return await self._read(self._ground.reader.next_due_us, busy)

    def settle(self, settlement: Settlement, *, lease_new: bool = False) -> Promise[Settled]:
        """Record how a leased item ended, see `Spool.settle`."""
        notices: list[CommitOperation] = []
        if settlement.left is not None or settlement.new_messages:  # of nearly none
            check_settlement(settlement)
            if self._holds:
                settlement = hold_back_notices(self._holds, settlement)
            notices = [self._notice_of(new, lease_new) for new in settlement.new_messages]
        operation = SettleOperation(settlement, self._leases, notices)
        self._group.submit(operation)
        return operation

    def give_back(self, leases: Sequence[Lease]) -> asyncio.Future[None]:
        """End leases without a try: the items are as they were before they were claimed."""
        operation = GiveBackOperation(leases, self._leases)
        self._group.submit(operation)
        return operation.future

    async def open(self, queue_id: QueueId) -> Content:
        """Open a stored message's content, compared with its checksum."""
        try:
            body, size_bytes, crc = await self._read(self._ground.reader.fetch, queue_id)
            if body is not None:
                return checked(queue_id, body, size_bytes, crc)
            await self._filing.verify(queue_id, size_bytes, crc)
            return self._filing.content(queue_id, size_bytes)
        except StoreError as error:
            if error.trouble is StoreTrouble.DAMAGED:
                await self._set_aside(queue_id, str(error))
            raise

    # -- operating ---------------------------------------------------------------------------------

    async def select(
        self, wanted: Filter, *, after: tuple[QueueId, str] | None = None, limit: int = 100
    ) -> list[Listed]:
        """List items by (queue_id, destination), beginning behind *after*."""
        key = _BEFORE_ALL if after is None else (parse_id(after[0]), after[1])
        listed, damaged = await self._read(self._ground.reader.select, wanted, key, limit)
        for queue_id, why in damaged:
            await self._set_aside(queue_id, why)
        # A page of nothing but damage is not the end.
        return listed if listed or not damaged else await self.select(wanted, after=after, limit=limit)

    async def count(self, wanted: Filter) -> int:
        """Count items."""
        return await self._read(self._ground.reader.count, wanted)

    async def stats(self, limit: int = 1000) -> list[DestinationStats]:
        """Sum up by destination, most items first."""
        return await self._read(self._ground.reader.stats, limit)

    async def mutate(self, wanted: Filter, change: Change) -> int:
        """Change items, page by page, and return how many."""
        count, key = 0, _BEFORE_ALL
        await self._work(Resolve(0))  # what was begun before is to be found
        while keys := await self._read(self._ground.reader.keys, wanted, key, _PAGE):
            key = keys[-1]
            page = MutatePage(keys, wanted, change, self._clock.now_us())
            count += (await self._work(page, is_last=True, take=self._notice)).count
        return count

    def holds(self) -> Holds:
        """Return the standing holds."""
        return self._holds

    async def hold_new(self, wanted: Filter) -> None:
        """Keep back, from now on and across restarts, every new item that *wanted* means."""
        async with self._holding:
            await self._keep_holds(with_hold(self._holds, wanted))

    async def release_new(self, wanted: Filter) -> None:
        """End the standing holds whose mail *wanted* means, all of it."""
        async with self._holding:
            await self._keep_holds(without_holds(self._holds, wanted))

    async def reroute(self, queue_id: QueueId, old: str, new: Sequence[Item]) -> bool:
        """Replace the item at destination *old* by *new*, which then wait."""
        check_reroute(queue_id, new)
        changed = await self._work(Reroute(queue_id, old, new), is_last=True, take=self._notice)
        return changed is not None

    # -- housekeeping ------------------------------------------------------------------------------

    async def maintain(self) -> None:
        """Checkpoint the log, and remove strays.

        Raises:
            StoreError: the disk cannot be read or changed now.
        """
        try:
            await self._loop.run_in_executor(self._writing, self._ground.writer.checkpoint)
        except apsw.Error as error:
            # Never breaking, not even a failed sync: the log keeps what was acknowledged, and the next
            # checkpoint writes the same pages again before it syncs.
            self.failed(store_error(error, "the checkpoint failed"), is_broken=False)
        await self.reap()

    async def cure(self) -> None:
        """After a sync that failed, see whether the disk is cured; if so, take mail again.

        Raises:
            StoreError: it is not.
        """
        trouble = self._group.broken
        if trouble is None or self._is_closed or not self._patience.may_try(self._loop.time()):
            return
        await self._loop.run_in_executor(self._writing, self._ground.cure)
        if self._group.mend(trouble):
            self._bus.emit(SpoolCured(broken_s=self._loop.time() - self._broken_s))

    async def reap(self) -> None:
        """Remove files that no row names, and move aside what is none of ours (A66, A70)."""
        if self._group.broken is not None:
            return  # a row whose sync failed may be there if the power fails now: it wants its file

        async def named(numbers: list[int]) -> tuple[set[int], set[int]]:
            return await self._read(self._ground.reader.files, numbers)

        for event in await self._filing.reap(named):
            self._bus.emit(event)

    async def close(self) -> None:
        """Finish what was begun, then close; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        await self._filing.drain()
        await self._group.close()
        await self._filing.close()
        await self._loop.run_in_executor(self._writing, self._ground.close)
        self._writing.shutdown(wait=False)
        self._reading.shutdown(wait=False)

    # -- what group commit tells -------------------------------------------------------------------

    def failed(self, error: StoreError, *, is_broken: bool) -> None:
        """Tell that a batch was not written."""
        if is_broken:
            self._broken_s = self._loop.time()
            self._bus.emit(SpoolBroken(text=str(error)))
        elif error.trouble is StoreTrouble.FULL:
            self._bus.emit(SpoolFull(text=str(error)))
        else:
            self._bus.emit(SpoolFailed(text=str(error)))

    def written(self, batch: Batch) -> None:
        """Count what came and went."""
        self._census.add(batch.growth)

    def remove_files(self, numbers: Sequence[int]) -> None:
        """Remove the files of messages that are gone."""
        self._filing.remove([format_id(number) for number in numbers])

    # -- inside ------------------------------------------------------------------------------------

    def _notice_of(self, new: NewMessage, lease: bool) -> CommitOperation:
        number, content, crc = parse_id(new.message.queue_id), in_memory(new.content), zlib.crc32(new.content)
        return CommitOperation(number, new.message, new.items, content, crc, lease, self._leases)

    async def _commit_file(
        self,
        message: Message,
        items: Sequence[Item],
        file: FileWriter,
        answer: Promise[Committed],
        *,
        lease: bool,
    ) -> None:
        content = self._filing.content(message.queue_id, message.size_bytes)
        try:
            await file.finish()
            committed = await self.store(message, items, content, file.crc, lease=lease)
        except StoreError as error:
            # After a failed sync the row may be there if the power fails now: its file is kept until the cure.
            if self._group.broken is None:
                await file.abandon()
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(committed)
            elif committed.leases:
                await self.give_back(committed.leases)
        finally:
            self._filing.done(file)

    async def _work(
        self, work: Work[T], *, is_last: bool = False, take: Callable[[T], None] | None = None
    ) -> T:
        operation = WorkOperation(work, is_last=is_last, take=take)
        self._group.submit(operation)
        return await operation.future

    async def _read(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask in the reader thread."""
        if self._is_closed:
            raise StoreError(StoreTrouble.FAILED, "the spool is closed")
        ask = functools.partial(question, *args, **kwargs)
        try:
            return await self._loop.run_in_executor(self._reading, ask)
        except apsw.Error as error:
            raise store_error(error, "the spool could not be read") from error

    async def _keep_holds(self, holds: Holds) -> None:
        if holds == self._holds:
            return
        before, self._holds = self._holds, holds  # at once: what is stored from here on is asked
        try:
            await self._work(KeepHolds(holds))
        except StoreError:
            self._holds = before
            raise

    def _notice(self, changed: Changed | None) -> None:
        """End the leases, and remove the files, that a change made void."""
        if changed is None:
            return
        self._census.add(changed.growth)
        if changed.ended:
            self._leases.drop(frozenset(changed.ended))
        if changed.gone_files:
            self.remove_files(changed.gone_files)

    async def _set_aside(self, queue_id: QueueId, why: str) -> None:
        def take(damage: Damage | None) -> None:
            if damage is not None:
                self._tell_damage([damage])

        await self._work(SetAside(queue_id, why, self._clock.now_us()), is_last=True, take=take)

    def _tell_damage(self, damages: Sequence[Damage]) -> None:
        for damage in damages:
            self._census.add(-damage.items)
            self._leases.drop_message(parse_id(damage.queue_id))
            if damage.has_file:
                self._filing.set_aside(damage.queue_id)
            self._bus.emit(ContentDamaged(queue_id=damage.queue_id, why=damage.why))
