"""Floor 3 · spool — large content, the loop side: writing, reading, checking and tidying of files."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from mailrail.model import QueueId, format_id, parse_id
from mailrail.observe import Event
from mailrail.spool.blobs import DIRECTORIES, Blobs
from mailrail.spool.events import StrangeFile, StrayReaped
from mailrail.spool.filewriter import FileWriter
from mailrail.spool.trouble import store_error

P = ParamSpec("P")
T = TypeVar("T")
# Enough that one slow sync does not keep the other large messages waiting.
_THREADS: Final = 4


class FileContent:
    """The content of one large message; nothing stays open between two reads."""

    __slots__ = ("_blobs", "_pool", "_queue_id", "size_bytes", "whole")

    def __init__(self, blobs: Blobs, pool: Executor, queue_id: QueueId, size_bytes: int) -> None:
        self._blobs = blobs
        self._pool = pool
        self._queue_id = queue_id
        self.size_bytes = size_bytes
        self.whole: bytes | None = None

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return up to *length* bytes from *offset*, fewer only at the end.

        Raises:
            StoreError: DAMAGED, or FAILED when it cannot be read now.
        """
        return await _in_pool(self._pool, self._blobs.read, self._queue_id, offset, length)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class Filing:
    """The files of one spool, and the background work on them, which it owns."""

    def __init__(self, blobs: Blobs) -> None:
        self._loop = asyncio.get_running_loop()
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="spool-file")
        self._open: set[QueueId] = set()  # being received: no strays, though no row names them yet
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, queue_id: QueueId) -> FileWriter:
        """Begin a file."""
        self._open.add(queue_id)
        return FileWriter(self._blobs, queue_id, self._pool)

    def done(self, file: FileWriter) -> None:
        """Note that *file* is named by a row, or gone."""
        self._open.discard(file.queue_id)

    def abandon(self, file: FileWriter) -> None:
        """Stop writing and remove *file*."""

        async def work() -> None:
            await file.abandon()
            self.done(file)

        self.own(work())

    def content(self, queue_id: QueueId, size_bytes: int) -> FileContent:
        """Return the content that is in the file of *queue_id*."""
        return FileContent(self._blobs, self._pool, queue_id, size_bytes)

    async def verify(self, queue_id: QueueId, size_bytes: int, crc: int) -> None:
        """Compare the file with what was acknowledged.

        Raises:
            StoreError: DAMAGED, or FAILED when it cannot be read now.
        """
        await _in_pool(self._pool, self._blobs.verify, queue_id, size_bytes, crc)

    def remove(self, queue_ids: Sequence[QueueId]) -> None:
        """Remove the files of messages that are gone."""
        self._later(self._blobs.remove, queue_ids)

    def set_aside(self, queue_id: QueueId) -> None:
        """Move a damaged file to `corrupt/`."""
        self._later(self._blobs.set_aside, queue_id)

    async def reap(self, named: Callable[[list[int]], Awaitable[tuple[set[int], set[int]]]]) -> list[Event]:
        """Remove files that no row names, move aside what is damaged or none of ours; return what to tell.

        Args:
            named: tells which messages with a file have a row, and which were set aside.

        Raises:
            StoreError: a directory cannot be read or changed now.
        """
        events: list[Event] = []
        reaped = 0
        directory = -1
        while True:
            directory, names = await _in_pool(self._pool, self._next_names, directory + 1)
            if not names:
                break
            banished = await _in_pool(self._pool, self._blobs.banish, directory, names)
            events += [StrangeFile(path=path, why=why) for path, why in banished]
            # The order is what makes this safe: listed first, then those being received taken out, then
            # the rows asked. A file that was finished meanwhile has its row.
            ids = [QueueId(name) for name in names if name not in self._open]
            numbers = [number for number in map(_number, ids) if number is not None]
            there, spoiled = await named(numbers)
            for number in spoiled:  # before its file was moved, too, the power failed
                await _in_pool(self._pool, self._blobs.set_aside, format_id(number))
            strays = [format_id(number) for number in numbers if number not in there | spoiled]
            await _in_pool(self._pool, self._blobs.remove, strays)
            reaped += len(strays)
        return [*events, StrayReaped(files=reaped)] if reaped else events

    def _next_names(self, first: int) -> tuple[int, list[str]]:
        """Return the first directory from *first* on that has files, and their names; none: there is no other.

        In one job, because most directories of most spools are empty, and a job costs two threads a hand-over.
        """
        for directory in range(first, DIRECTORIES):
            if names := self._blobs.names(directory):
                return directory, names
        return DIRECTORIES, []

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* in the background, as a task that `drain` waits for."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for the background work that is begun now."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def drain(self) -> None:
        """Wait for the background work."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Wait for the background work and end the threads."""
        await self.drain()
        self._pool.shutdown(wait=False)

    def _later(self, job: Callable[[Any], None], argument: object) -> None:
        async def work() -> None:
            # What cannot be removed now is a stray from here on, and found by `reap`.
            with suppress(OSError):
                await self._loop.run_in_executor(self._pool, job, argument)

        self.own(work())


async def _in_pool(pool: Executor, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *job* on the files; what the disk says comes back as StoreError."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(pool, partial(job, *args, **kwargs))
    except OSError as error:
        raise store_error(error, "the files of the spool") from error


def _number(queue_id: QueueId) -> int | None:
    try:
        return parse_id(queue_id)
    except ValueError:
        return None
