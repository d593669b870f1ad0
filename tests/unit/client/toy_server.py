"""A small server for tests of the client: says what it is told to say, writes down what it hears."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.support.memory_net import MemoryNetwork

from mailrail.model import Envelope, NetError, Recipient, parse_address
from mailrail.net import Connection, Endpoint, ServerContexts, TlsConnection
from mailrail.sim import simulate

HERE = Endpoint("127.0.0.1", 2525)
T = TypeVar("T")

SILENCE = ""  # say nothing any more
CUT = "CUT"  # close the connection instead of answering


@dataclass
class ToyServer:
    """Answers by its script, else as a friendly server would.

    Attributes:
        keywords: lines of the EHLO reply.
        script: for each verb what to say, one entry after the other; "" is silence from then on, CUT closes,
            "raw " goes out as it stands.
            Verbs are GREETING, EHLO, MAIL, RCPT, DATA, END, BDAT ..., or a whole command line.
        heard: every command line.
        pieces: what came in one read each.
        contents: every message received, dots removed.
    """

    keywords: Iterable[str] = ("PIPELINING", "8BITMIME", "SIZE")
    script: dict[str, list[str]] = field(default_factory=dict)
    contexts: ServerContexts | None = None
    is_lmtp: bool = False
    heard: list[str] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    sessions: list["ToySession"] = field(default_factory=list)

    def accept(self, connection: Connection) -> None:
        self.sessions.append(ToySession(self, connection))


class ToySession:
    """One connection to the ToyServer."""

    def __init__(self, server: ToyServer, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.buffer = b""
        self.content: bytes | None = None
        self.chunks = b""
        self.chunk_left = 0
        self.is_last_chunk = False
        self.accepted = 0
        self.ends: list[NetError | None] = []
        self.is_open = True
        self.is_tls_next = False
        connection.attach(self)
        self.say("GREETING", "220 toy ESMTP")

    # --- the receiver

    def received(self, data: bytes) -> None:
        self.server.pieces.append(data)
        self.buffer += data
        while self.is_open and self.step():
            pass

    def writable(self) -> None:
        pass

    def ended(self, error: NetError | None) -> None:
        self.ends.append(error)
        self.connection.close()

    # --- the protocol

    def step(self) -> bool:
        if self.is_tls_next:
            return False
        if self.chunk_left:
            return self.take_chunk()
        if self.content is not None:
            return self.take_content()
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        self.command(line.decode())
        return True

    def take_content(self) -> bool:
        text = b"\r\n" + self.buffer
        before, end, rest = text.partition(b"\r\n.\r\n")
        if not end:
            return False
        self.content = None
        self.buffer = rest
        self.finish((before + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.").removeprefix(b"."))
        return True

    def take_chunk(self) -> bool:
        piece, self.buffer = self.buffer[: self.chunk_left], self.buffer[self.chunk_left :]
        self.chunk_left -= len(piece)
        self.chunks += piece
        if self.chunk_left:
            return False
        if self.is_last_chunk:
            chunks, self.chunks = self.chunks, b""
            self.finish(chunks)
        else:
            self.say("BDAT", "250 chunk taken")
        return True

    def finish(self, content: bytes) -> None:
        if not self.accepted:
            self.say("END", "554 5.5.1 no recipients")
            return
        self.server.contents.append(content)
        for _ in range(self.accepted if self.server.is_lmtp else 1):
            self.say("END", "250 2.0.0 taken")

    def command(self, line: str) -> None:
        server = self.server
        server.heard.append(line)
        verb = line.split(" ", maxsplit=1)[0].upper()
        if verb in ("EHLO", "LHLO"):
            self.say(verb, "\n".join(["250 toy", *server.keywords]), line)
        elif verb == "MAIL":
            self.accepted = 0
            self.say(verb, "250 2.1.0 ok", line)
        elif verb == "RCPT":
            self.accepted += self.say(verb, "250 2.1.5 ok", line)
        elif verb == "DATA":
            if self.say(verb, "354 go" if self.accepted else "554 5.5.1 no recipients", line):
                self.content = b""
        elif verb == "BDAT":
            words = line.split(" ")
            self.chunk_left, self.is_last_chunk = int(words[1]), len(words) > 2
            if not self.chunk_left and self.is_last_chunk:
                chunks, self.chunks = self.chunks, b""
                self.finish(chunks)
        elif verb == "STARTTLS":
            if self.say(verb, "220 go", line):
                self.start_tls()
        elif verb == "QUIT":
            self.say(verb, "221 bye", line)
            self.hang_up()
        else:
            self.say(verb, "250 ok", line)

    def say(self, verb: str, default: str, line: str = "") -> bool:
        """Say what the script or the default wants; tell whether it was positive."""
        for key in (line, verb):
            if self.server.script.get(key):
                default = self.server.script[key].pop(0)
                self.is_open = default != SILENCE
                break
        if default == CUT:
            self.hang_up()
            return False
        if not default or not self.is_open:
            return False
        if default.startswith("raw "):
            self.connection.write(default[4:].encode())
            return False
        code, _, text = default.partition(" ")
        lines = text.split("\n")
        wire = "".join(f"{code}-{words}\r\n" for words in lines[:-1]) + f"{code} {lines[-1]}\r\n"
        self.connection.write(wire.encode())
        return code < "400"

    def hang_up(self) -> None:
        self.is_open = False
        self.connection.close()

    def start_tls(self) -> None:
        assert self.server.contexts is not None
        self.is_tls_next = True
        tls = TlsConnection.server(self.connection, self.server.contexts)

        def secured(_: object) -> None:
            self.is_tls_next = False
            self.connection = tls
            tls.attach(self)

        tls.start(secured, self.ends.append, timeout_s=10)


def envelope(*recipients: str, sender: str = "ann@example.org") -> Envelope:
    """Make an envelope of addresses as text."""
    return Envelope(
        parse_address(sender) if sender else None,
        tuple(Recipient(parse_address(recipient)) for recipient in recipients),
    )


def with_server(server: ToyServer, scenario: Callable[[MemoryNetwork], Coroutine[object, object, T]]) -> T:
    """Run *scenario* in virtual time with *server* listening at HERE."""

    async def main() -> T:
        network = MemoryNetwork()
        network.listen(HERE, server.accept)
        result = await scenario(network)
        await asyncio.sleep(0.1)
        return result

    return simulate(main())


class BlockSource:
    """A message that is read in blocks, and remembers how it was read."""

    def __init__(self, content: bytes) -> None:
        self.size_bytes = len(content)
        self.whole: bytes | None = None
        self.reads: deque[tuple[int, int]] = deque()
        self._content = content

    async def read(self, offset: int, length: int, /) -> bytes:
        self.reads.append((offset, length))
        await asyncio.sleep(0)
        return self._content[offset : offset + length]
