"""Floor 5 · cli — the queues of several workers as one. Pure but for what it asks them."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, Protocol

from mailrail.admin import (
    MAX_STATS,
    ChangeRequest,
    DestinationRow,
    HandedInRow,
    Row,
    Status,
    Wanted,
    WorkerRow,
)

_PLACE: Final = attrgetter("queue_id", "destination")


class Queue(Protocol):
    """What the commands need of a queue."""

    async def page(self, wanted: Wanted, after: tuple[str, str] | None = None, limit: int = 100) -> list[Row]:
        """Return one page of items."""
        ...

    async def show(self, queue_id: str) -> list[Row]:
        """Return every item of one message."""
        ...

    async def count(self, wanted: Wanted) -> int:
        """Return how many items *wanted* means."""
        ...

    async def stats(self, limit: int = 1000) -> list[DestinationRow]:
        """Return the destinations with most items."""
        ...

    async def handed_in(self, after: str = "", limit: int = 100) -> list[HandedInRow]:
        """Return some of what waits in the maildrop; none: there is no more."""
        ...

    async def holds(self) -> list[Wanted]:
        """Return which mail is held as it comes."""
        ...

    async def change(self, request: ChangeRequest) -> int:
        """Do something to items."""
        ...


class Together:
    """Several queues as one."""

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._queues = queues

    async def page(self, wanted: Wanted, after: tuple[str, str] | None = None, limit: int = 100) -> list[Row]:
        """Return one page of items: ids are ordered by time, whoever made them."""
        rows = [row for queue in self._queues for row in await queue.page(wanted, after, limit)]
        return sorted(rows, key=_PLACE)[:limit]

    async def show(self, queue_id: str) -> list[Row]:
        """Return every item of one message; it is with one of them."""
        return [row for queue in self._queues for row in await queue.show(queue_id)]

    async def count(self, wanted: Wanted) -> int:
        """Return how many items *wanted* means."""
        return sum([await queue.count(wanted) for queue in self._queues])

    async def stats(self, limit: int = 1000) -> list[DestinationRow]:
        """Return the destinations with most items; each is asked for as many as it tells, so that the sums are right."""
        rows = [row for queue in self._queues for row in await queue.stats(MAX_STATS)]
        return _summed(rows)[:limit]

    async def handed_in(self, after: str = "", limit: int = 100) -> list[HandedInRow]:
        """Return some of what waits in the maildrop, which is one for all, and one of them tells of."""
        return [row for queue in self._queues for row in await queue.handed_in(after, limit)]

    async def holds(self) -> list[Wanted]:
        """Return which mail is held as it comes."""
        return list(dict.fromkeys([rule for queue in self._queues for rule in await queue.holds()]))

    async def change(self, request: ChangeRequest) -> int:
        """Do something to items, wherever they are."""
        return sum([await queue.change(request) for queue in self._queues])


def _summed(rows: Iterable[DestinationRow]) -> list[DestinationRow]:
    found: dict[str, list[DestinationRow]] = {}
    for row in rows:
        found.setdefault(row.destination, []).append(row)
    return sorted(map(_sum, found.values()), key=lambda row: (-row.items, row.destination))


def _sum(rows: Sequence[DestinationRow]) -> DestinationRow:
    sleepiest = max(rows, key=attrgetter("asleep_s"))
    return DestinationRow(
        destination=rows[0].destination,
        items=sum(row.items for row in rows),
        held=sum(row.held for row in rows),
        oldest_us=min(row.oldest_us for row in rows),
        next_due_us=min((row.next_due_us for row in rows if row.next_due_us), default=0),
        active=sum(row.active for row in rows),
        running=sum(row.running for row in rows),
        connections=sum(row.connections for row in rows),
        window=sum(row.window for row in rows),
        asleep_s=sleepiest.asleep_s,
        last=sleepiest.last,
    )


def status_of_all(found: Sequence[Status]) -> Status:
    """Return what several workers say of themselves as one: sums, and each of them."""
    first = found[0]
    if len(found) == 1 and first.pid == first.main_pid:
        return first
    troubles = dict.fromkeys(one.trouble for one in found if one.trouble and not one.is_leftover)
    return first.model_copy(
        update={
            "pid": first.main_pid,
            "started_us": min(one.started_us for one in found),
            "sessions": sum(one.sessions for one in found),
            "items": sum(one.items for one in found),
            "trouble": "; ".join(troubles),
            "workers": tuple(map(_row, found)),
        }
    )


def _row(one: Status) -> WorkerRow:
    return WorkerRow(
        worker=one.worker,
        pid=one.pid,
        started_us=one.started_us,
        sessions=one.sessions,
        items=one.items,
        trouble=one.trouble,
        is_leftover=one.is_leftover,
        certificates=one.certificates,
    )
