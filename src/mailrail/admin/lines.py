"""Floor 5 · admin — one line at a time over a Connection, for both ends of the operator's door."""

import asyncio
from typing import Final

from mailrail.model import NetError
from mailrail.net import Connection

_NEWLINE: Final = b"\n"


class LinePeer:
    """A Receiver that reads and writes whole lines; none it reads is longer than *limit* bytes."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._is_over = False
        self._waiter: asyncio.Future[None] | None = None
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        """Take bytes; little more is read than one line may have."""
        self._buffer += data
        if len(self._buffer) > self._limit:
            self._connection.pause()
        self._wake()

    def writable(self) -> None:
        """Go on after a `send` that had to wait."""
        self._wake()

    def ended(self, error: NetError | None, /) -> None:
        """Know that no more lines come."""
        self._is_over = True
        self._wake()

    async def line(self) -> bytes | None:
        """Return the next line without its end, or None when the peer is gone.

        Raises:
            ValueError: the line is longer than the limit.
        """
        while (end := self._buffer.find(_NEWLINE, self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched > self._limit:
                raise ValueError(f"a line is longer than {self._limit} bytes")
            if self._is_over:
                return None
            await self._change()
        found = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        self._connection.resume()
        return found

    async def send(self, line: bytes) -> None:
        """Write *line* and its end; wait while the peer reads nothing."""
        if not self._connection.write(line + _NEWLINE) and not self._is_over:
            await self._change()

    async def _change(self) -> None:
        """Wait until something happens; one waiter at a time, because an answer follows its request."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
