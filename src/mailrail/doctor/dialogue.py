"""Floor 5 · doctor — a bare dialogue with a server: lines there, replies back, also lines that no client may send."""

import asyncio
from typing import Final

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection

_MOST_BYTES: Final = 65_536  # of one reply; a server that says more is none of ours
_WAIT_S: Final = 20.0


class Dialogue:
    """One connection, asked line by line; make it inside the running loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = b""
        self._news = asyncio.Event()
        self._is_over = False
        connection.attach(self)

    def received(self, data: bytes, /) -> None:
        """Keep what came."""
        self._buffer += data
        self._is_over = self._is_over or len(self._buffer) > _MOST_BYTES
        self._news.set()

    def writable(self) -> None:
        """Nothing waits to be written."""

    def ended(self, error: NetError | None, /) -> None:
        """Know that nothing more comes."""
        self._is_over = True
        self._news.set()

    async def ask(self, line: str) -> tuple[int, str]:
        """Send *line* and return the reply, see `reply`."""
        self._connection.write(line.encode("ascii") + b"\r\n")
        return await self.reply()

    async def reply(self) -> tuple[int, str]:
        """Return code and text of the next reply, its last line if there are several.

        Raises:
            NetError: it does not come in time, or is none.
        """
        try:
            async with asyncio.timeout(_WAIT_S):
                while True:
                    line = await self._line()
                    code = int(line[:3])
                    if line[3:4] != b"-":
                        return code, line[4:].decode("ascii", "replace")
        except TimeoutError:
            raise NetError(NetTrouble.TIMEOUT, f"no reply in {_WAIT_S:g} s") from None
        except ValueError:
            raise NetError(NetTrouble.OTHER, "what came is no reply of SMTP") from None

    async def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if self._is_over:
                raise NetError(NetTrouble.RESET, "the server ended the session")
            self._news.clear()
            await self._news.wait()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
