"""Floor 5 · sim — the client's side of a connection as a stranger reads it: lines out, whole replies in."""

import asyncio
from collections import deque
from typing import Final

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint, Network

PATIENCE_S: Final = 600.0  # RFC 5321 §4.5.3.2.6, the longest of them
CONNECT_S: Final = 30.0


class Dialogue:
    """One connection of a client that is not mailrail.

    A reply is its lines, joined by newlines. Use one coroutine only.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heard = b""
        self._replies: deque[str] = deque()
        self._lines: list[str] = []
        self._lost: NetError | None = None
        self._news = asyncio.Event()
        connection.attach(self)

    @classmethod
    async def open(cls, network: Network, endpoint: Endpoint, source: str | None = None) -> "Dialogue":
        """Connect.

        Raises:
            NetError: it cannot be reached.
        """
        return cls(await network.connect(endpoint, timeout_s=CONNECT_S, source=source))

    # --- the receiver

    def received(self, data: bytes, /) -> None:
        """Take bytes."""
        *lines, self._heard = (self._heard + data).split(b"\r\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            self._lines.append(text)
            if text[3:4] != "-":
                self._replies.append("\n".join(self._lines))
                self._lines.clear()
        self._news.set()

    def writable(self) -> None:
        """Go on writing."""
        self._news.set()

    def ended(self, error: NetError | None, /) -> None:
        """The server is gone."""
        self._lost = error or NetError(NetTrouble.RESET, "the server closed the connection")
        self._connection.close()
        self._news.set()

    # --- what the client does

    async def reply(self, patience_s: float = PATIENCE_S) -> str:
        """Return the next reply.

        Raises:
            NetError: the connection is lost, or the reply takes too long.
        """
        while not self._replies:
            if self._lost is not None:
                raise self._lost
            await self._wait(patience_s)
        return self._replies.popleft()

    async def say(self, line: str) -> str:
        """Send one command and return its reply.

        Raises:
            NetError: as `reply`.
        """
        await self.send(line.encode() + b"\r\n")
        return await self.reply()

    async def send(self, octets: bytes) -> None:
        """Send, no faster than the server reads.

        Raises:
            NetError: it reads nothing for too long.
        """
        if not self._connection.write(octets) and self._lost is None:
            await self._wait(PATIENCE_S)

    async def hello(self, name: str) -> frozenset[str]:
        """Hear the greeting, say EHLO, and return the keywords that the server offers; none if it says no.

        Raises:
            NetError: as `reply`.
        """
        if not (await self.reply()).startswith("220"):
            return frozenset()
        reply = await self.say(f"EHLO {name}")
        if not reply.startswith("250"):
            return frozenset()
        return frozenset(("EHLO", *(line[4:].partition(" ")[0].upper() for line in reply.split("\n")[1:])))

    async def quit(self) -> None:
        """Say goodbye and hang up, whatever the server says."""
        try:
            await self.say("QUIT")
        except NetError:
            pass
        finally:
            self._connection.close()

    def close(self) -> None:
        """Hang up in good order."""
        self._connection.close()

    def abort(self) -> None:
        """Vanish."""
        self._connection.abort()

    async def _wait(self, patience_s: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(patience_s):
                await self._news.wait()
        except TimeoutError:
            self._connection.abort()
            raise NetError(NetTrouble.TIMEOUT, f"no reply for {patience_s:g} s") from None
