"""Floor 3 · spool — a large message on its way to its file, with backpressure; the loop side."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from mailrail.model import QueueId, StoreError
from mailrail.spool.blobs import Blobs
from mailrail.spool.trouble import store_error

# More than this waiting for the disk, and the sender is asked to wait too.
_HIGH_WATER_BYTES: Final = 1024 * 1024


class FileWriter:
    """Writes one file in the background, a job at a time, in the order of `write`.

    Args:
        pool: where the jobs run.
    """

    def __init__(self, blobs: Blobs, queue_id: QueueId, pool: Executor) -> None:
        self.queue_id = queue_id
        self.crc = 0
        self._blobs = blobs
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._fd = -1
        self._is_made = False
        self._job: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._error: StoreError | None = None

    def write(self, chunks: Sequence[bytes]) -> Awaitable[None] | None:
        """Take *chunks*; return an awaitable when too much waits for the disk."""
        if self._error is not None:
            return None  # told by `finish`
        self._waiting += chunks
        self._waiting_bytes += sum(map(len, chunks))
        if self._job is None:
            self._start(self._append)
        if self._waiting_bytes <= _HIGH_WATER_BYTES:
            return None
        if self._room is None:
            self._room = self._loop.create_future()
        return asyncio.shield(self._room)

    async def finish(self) -> None:
        """Write the rest and put the file on stable storage.

        Raises:
            StoreError: FULL or FAILED.
        """
        await self._settled()
        if self._error is None:
            self._start(lambda _: self._sync())
            await self._settled()
        if self._error is not None:
            raise self._error

    async def abandon(self) -> None:
        """Stop, and remove the file."""
        self._waiting.clear()
        await self._settled()
        self._error = None
        self._start(lambda _: self._remove())
        await self._settled()

    async def _settled(self) -> None:
        while self._job is not None:
            await asyncio.wait([self._job])
            # the job's own callback, which may start the next, was registered first and has run

    def _start(self, job: Callable[[list[bytes]], None]) -> None:
        chunks, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._job = self._loop.run_in_executor(self._pool, job, chunks)
        self._job.add_done_callback(self._done)

    def _done(self, job: "asyncio.Future[None]") -> None:
        self._job = None
        error = job.exception()
        if error is not None:
            self._error = store_error(error, f"the content of {self.queue_id}")  # type: ignore[arg-type]
            self._waiting.clear()
        elif self._waiting:
            self._start(self._append)
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    def _append(self, chunks: list[bytes]) -> None:
        """In the pool: write *chunks* behind what is there."""
        if self._fd < 0:
            self._fd = self._blobs.create(self.queue_id)
            self._is_made = True
        for chunk in chunks:
            self.crc = zlib.crc32(chunk, self.crc)
            self._blobs.append(self._fd, chunk)

    def _sync(self) -> None:
        fd, self._fd = self._fd, -1
        self._blobs.finish(self.queue_id, fd)

    def _remove(self) -> None:
        if self._fd >= 0:
            self._blobs.drop(self._fd)
            self._fd = -1
        if self._is_made:  # else the file that has this name is another message's
            self._blobs.remove([self.queue_id])
