"""A client that sends numbered letters over several sessions and writes down which were answered 250.

The server may vanish at any moment: a session that breaks connects again and goes on with the next number. A
number whose answer did not come is neither taken nor refused; nobody may say what became of it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

REPLY_TIMEOUT_S = 20.0
REST_S = 0.02  # between two tries to connect while the server is away


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to send: its number, envelope and content (dots need no stuffing)."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(slots=True)
class Load:
    """What was sent.

    Attributes:
        sent: numbers of which at least MAIL went out.
        taken: numbers whose end of data was answered 250.
        refused: number and reply of those answered otherwise.
    """

    sent: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)


class LoadClient:
    """Sends *letters*, each number once, until they end or `stop` is called."""

    def __init__(
        self, host: str, port: int, letters: Iterator[Letter], *, sessions: int, most_taken: int
    ) -> None:
        self._host, self._port = host, port
        self._letters = letters
        self._sessions = sessions
        self._most_taken = most_taken
        self._is_over = False
        self.load = Load()

    def stop(self) -> None:
        """Let every session end after its letter."""
        self._is_over = True

    def allow(self, most_taken: int) -> None:
        """Send on until this many are taken."""
        self._most_taken = most_taken

    async def run(self) -> None:
        """Send until the end."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._sessions):
                tasks.create_task(self._keep_sending())

    async def _keep_sending(self) -> None:
        while not self._is_over:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._session()
            await asyncio.sleep(REST_S)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            await _reply(reader)
            await self._ask(reader, writer, b"EHLO load.example\r\n")
            while not self._is_over:
                if len(self.load.taken) >= self._most_taken:
                    await asyncio.sleep(REST_S)
                    continue
                await self._send(next(self._letters), reader, writer)
            await self._ask(reader, writer, b"QUIT\r\n")
        finally:
            writer.close()

    async def _send(self, letter: Letter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.load.sent.add(letter.number)
        recipients = "".join(f"RCPT TO:<{recipient}>\r\n" for recipient in letter.recipients)
        writer.write(f"MAIL FROM:<{letter.sender}>\r\n{recipients}DATA\r\n".encode())
        replies = [await _reply(reader) for _ in range(2 + len(letter.recipients))]
        if not replies[-1].startswith(b"354"):
            self.load.refused[letter.number] = repr(replies)
            await self._ask(reader, writer, b"RSET\r\n")
            return
        end = await self._ask(reader, writer, letter.content + b".\r\n")
        if end.startswith(b"250"):
            self.load.taken.add(letter.number)
        else:
            self.load.refused[letter.number] = end.decode("ascii", "replace")

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes) -> bytes:
        writer.write(octets)
        await writer.drain()
        return await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(REPLY_TIMEOUT_S):
        while True:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the server is gone")
            if line[3:4] != b"-":
                return line


async def under_load(client: LoadClient, deed: Callable[[], Awaitable[None]]) -> None:
    """Run *deed* while *client* sends, then end it."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        try:
            await deed()
        finally:
            client.stop()
