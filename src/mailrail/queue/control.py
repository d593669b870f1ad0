"""Floor 4 · queue — what an operator may do with the queue, and see of it.

Every verb changes the spool first, in its transactions, and then memory, so that a crash between
leaves what the operator asked for. Running tries finish; what waits in memory goes back to the spool
where the new state is read. The one exception is `bounce`: its notices are written as the items
are claimed, and until then the order stands in memory only.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from mailrail.model import QueueId, reply
from mailrail.queue.destination import Destination
from mailrail.queue.manager import Manager
from mailrail.spool import Change, DestinationStats, Filter, Listed, Spool

PAGE: Final = 500
SHOWN: Final = 100_000


@dataclass(frozen=True, slots=True)
class DestinationView:
    """One destination as the operator sees it.

    Attributes:
        destination: its key.
        items: in the spool, held ones included.
        held: of these, kept back by the operator.
        oldest_us: when the oldest was accepted, microseconds UTC.
        next_due_us: when the next one is due; 0 when none waits.
        active: in memory, waiting for a lane.
        running: tries going on.
        connections: lanes open.
        window: lanes allowed now.
        asleep_s: seconds that it will go on sleeping, 0 if it is awake.
        last: why it sleeps, "" if it does not.
    """

    destination: str
    items: int
    held: int
    oldest_us: int
    next_due_us: int
    active: int = 0
    running: int = 0
    connections: int = 0
    window: int = 0
    asleep_s: float = 0.0
    last: str = ""


class Control:
    """The operator's hand on the queue."""

    def __init__(self, spool: Spool, manager: Manager) -> None:
        self._spool = spool
        self._manager = manager

    async def page(
        self, wanted: Filter, *, after: tuple[QueueId, str] | None = None, limit: int = 100
    ) -> list[Listed]:
        """Return one page of the items that *wanted* means, beginning behind *after*."""
        return await self._spool.select(wanted, after=after, limit=limit)

    async def count(self, wanted: Filter) -> int:
        """Return how many items *wanted* means."""
        return await self._spool.count(wanted)

    async def show(self, queue_id: QueueId) -> list[Listed]:
        """Return every item of one message; empty when it is not here (any more)."""
        # A message has an item for each destination: never more than it has recipients.
        return await self._spool.select(Filter(queue_ids=(queue_id,)), limit=SHOWN)

    def holds(self) -> tuple[Filter, ...]:
        """Return which mail is held as it comes."""
        return self._spool.holds()

    async def stats(self, limit: int = 1000) -> list[DestinationView]:
        """Return the destinations with most items, at most *limit*."""
        active = {one.key: one for one in self._manager.destinations()}
        return [self._view(row, active.get(row.destination)) for row in await self._spool.stats(limit)]

    async def hold(self, wanted: Filter) -> int:
        """Keep items back until they are released, new ones too unless messages are named; return how many are here."""
        if not wanted.queue_ids:
            # First: what comes while the others are being held is not to slip through.
            await self._spool.hold_new(wanted)
        return await self._change(wanted, Change.HOLD)

    async def release(self, wanted: Filter) -> int:
        """End the hold of items, and of new ones like them; return how many are here."""
        await self._spool.release_new(wanted)
        return await self._change(wanted, Change.RELEASE)

    async def retry(self, wanted: Filter) -> int:
        """Try items now, waking their destinations; return how many."""
        changed = await self._change(wanted, Change.RETRY)
        self._manager.rouse(wanted.destination)
        return changed

    async def delete(self, wanted: Filter) -> int:
        """Remove items without a notice to anybody; return how many."""
        return await self._change(wanted, Change.DELETE)

    async def bounce(self, wanted: Filter) -> int:
        """Return items to their senders with notices; return how many.

        They end one after another as they are claimed, held ones included; one that is being tried
        now ends with what that try brings, and is returned if it is deferred. What a restart
        overtakes is due, and tried.
        """
        found, after = 0, None
        while rows := await self._spool.select(wanted, after=after, limit=PAGE):
            by_destination: dict[str, list[QueueId]] = {}
            for row in rows:
                by_destination.setdefault(row.item.destination, []).append(row.item.queue_id)
            for destination, ids in by_destination.items():
                self._manager.condemn(((one, destination) for one in ids), reply.DELETED_BY_OPERATOR)
                chosen = Filter(queue_ids=tuple(ids), destination=destination)
                await self._spool.mutate(chosen, Change.RELEASE)
                await self._spool.mutate(chosen, Change.RETRY)
            found += len(rows)
            after = (rows[-1].item.queue_id, rows[-1].item.destination)
        self._manager.give_up_waiting()
        self._manager.wake()
        return found

    async def _change(self, wanted: Filter, change: Change) -> int:
        changed = await self._spool.mutate(wanted, change)
        self._manager.give_up_waiting()
        self._manager.wake()
        return changed

    def _view(self, row: DestinationStats, active: Destination | None) -> DestinationView:
        facts = (row.destination, row.items, row.held, row.oldest_us, row.next_due_us)
        if active is None:
            return DestinationView(*facts)
        return DestinationView(
            *facts,
            active=active.waiting.size,
            running=active.running,
            connections=active.lanes,
            window=int(active.window.size),
            asleep_s=active.sleeping_s(asyncio.get_running_loop().time()),
            last="" if active.last is None else str(active.last.reply),
        )
