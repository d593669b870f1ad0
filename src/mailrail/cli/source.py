"""Floor 5 · cli — the queue, through a running daemon, or straight from its spools while none runs.

A spool's lock decides: whoever holds it speaks for what is in it, so the two ways never meet.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from pwd import getpwuid

from mailrail.admin import (
    AdminClient,
    AdminError,
    ChangeRequest,
    DestinationRow,
    HandedInRow,
    Row,
    Trouble,
    Wanted,
    handed_in_row,
    row_of,
    wanted_of,
)
from mailrail.cli.everywhere import workers
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.together import Queue, Together
from mailrail.config import MailrailSettings, is_used, socket_of, spool_of
from mailrail.model import QueueId, StoreError, StoreTrouble, SystemClock
from mailrail.net import SocketNetwork
from mailrail.observe import Bus
from mailrail.pickup import HandedIn, Waiting, nothing_waits, person_of
from mailrail.spool import Change, Filter, Spool, SystemDisk, open_spool


class StoppedQueue:
    """The queue of a daemon that does not run.

    Args:
        in_maildrop: returns what waits there, behind a place and so many.
    """

    def __init__(self, spool: Spool, in_maildrop: Callable[[str, int], Awaitable[list[HandedIn]]]) -> None:
        self._spool = spool
        self._in_maildrop = in_maildrop

    async def page(self, wanted: Wanted, after: tuple[str, str] | None = None, limit: int = 100) -> list[Row]:
        """Return one page of items."""
        place = (QueueId(after[0]), after[1]) if after else None
        return [row_of(row) for row in await self._spool.select(wanted.filter(), after=place, limit=limit)]

    async def show(self, queue_id: str) -> list[Row]:
        """Return every item of one message."""
        wanted = Filter(queue_ids=(QueueId(queue_id),))
        return [row_of(row) for row in await self._spool.select(wanted, limit=100_000)]

    async def count(self, wanted: Wanted) -> int:
        """Return how many items *wanted* means."""
        return await self._spool.count(wanted.filter())

    async def stats(self, limit: int = 1000) -> list[DestinationRow]:
        """Return the destinations with most items."""
        return [
            DestinationRow(
                destination=row.destination,
                items=row.items,
                held=row.held,
                oldest_us=row.oldest_us,
                next_due_us=row.next_due_us,
            )
            for row in await self._spool.stats(limit)
        ]

    async def handed_in(self, after: str = "", limit: int = 100) -> list[HandedInRow]:
        """Return some of what waits in the maildrop; none: there is no more."""
        return [handed_in_row(one) for one in await self._in_maildrop(after, limit)]

    async def holds(self) -> list[Wanted]:
        """Return which mail is held as it comes."""
        return [wanted_of(rule) for rule in self._spool.holds()]

    async def change(self, request: ChangeRequest) -> int:
        """Do something to items; notices can only be written by a running daemon."""
        if request.verb == "bounce":
            text = "only a running server can return mail to its senders: start it with mailrail serve"
            raise CommandFailed(Exit.UNAVAILABLE, text)
        wanted = request.wanted.filter()
        if request.verb == "hold" and not wanted.queue_ids:
            await self._spool.hold_new(wanted)
        elif request.verb == "release":
            await self._spool.release_new(wanted)
        return await self._spool.mutate(wanted, Change(request.verb))


@asynccontextmanager
async def open_queue(settings: MailrailSettings) -> AsyncIterator[Queue]:
    """Reach the queue that *settings* speak of, of all workers.

    Raises:
        CommandFailed: a worker and its spool cannot be reached; the text says what to do.
    """
    async with AsyncExitStack() as stack:
        queues = []
        for number in workers(settings):
            queue = await _open_one(settings, number, stack)
            if queue is not None:
                queues.append(queue)
        yield queues[0] if len(queues) == 1 else Together(queues)


async def _open_one(settings: MailrailSettings, number: int, stack: AsyncExitStack) -> Queue | None:
    """Return the queue of one worker, None where there is nothing but a socket that it left."""
    path, directory = socket_of(settings, number), spool_of(settings, number)
    try:
        return await stack.enter_async_context(await AdminClient.open(SocketNetwork(settings.net), path))
    except AdminError as error:
        if error.trouble is not Trouble.DOWN:
            raise
        if number and not is_used(settings, number):
            return None
        _check_ownership(path, directory)
    own = settings.spool.model_copy(update={"path": directory})
    try:
        spool = await open_spool(own, SystemClock(), Bus())
    except StoreError as refusal:
        if refusal.trouble is StoreTrouble.LOCKED:
            text = f"{refusal}\nit does not answer at {path}: is admin.socket another one in its settings?"
            raise CommandFailed(Exit.UNAVAILABLE, text) from refusal
        raise
    stack.push_async_callback(spool.close)
    if number:
        return StoppedQueue(spool, nothing_waits)
    waiting = Waiting.by_settings(
        settings.maildrop, settings.hostname, settings.spool.path, SystemDisk(), person_of, spool.resolve
    )
    return StoppedQueue(spool, waiting.page)


def _check_ownership(socket: Path, spool: Path) -> None:
    """Refuse what would end in files that the daemon cannot open, or in an empty spool nobody asked for."""
    database = spool / "spool.db"
    try:
        owner = (socket if socket.exists() else database).stat().st_uid
    except FileNotFoundError:
        text = (
            f"no server answers at {socket}, and there is no queue in {spool}: start one with mailrail serve"
        )
        raise CommandFailed(Exit.UNAVAILABLE, text) from None
    except PermissionError:
        raise CommandFailed(Exit.NO_PERMISSION, f"you may not look into {spool}: try it with sudo") from None
    if owner != os.geteuid():
        text = f"{spool} belongs to {_name(owner)}: run this as that user, like sudo -u {_name(owner)} mailrail ..."
        raise CommandFailed(Exit.NO_PERMISSION, text)


def _name(user: int) -> str:
    try:
        return getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"
