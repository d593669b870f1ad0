"""What tests of connections share: a recording receiver, and connected pairs on every implementation."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.memory_net import MemoryNetwork

from mailrail.model import NetError, SystemClock
from mailrail.net import (
    CertificateFiles,
    Connection,
    Endpoint,
    Network,
    ServerContexts,
    TlsConnection,
    TlsInfo,
    TlsSettings,
    client_context,
    secure,
    self_signed,
    server_context,
)

LOOPBACK = Endpoint("127.0.0.1", 0)
HOST = "mx.example.org"
MEGABYTE = 1024 * 1024


@dataclass
class Recorder:
    """A receiver that writes down what it is told."""

    chunks: list[bytes] = field(default_factory=list)
    ends: list[NetError | None] = field(default_factory=list)
    writables: int = 0
    is_forbidden: bool = False  # set while a test is inside a call to the connection

    def received(self, data: bytes, /) -> None:
        assert not self.is_forbidden, "called inside a call"
        assert data
        assert not self.ends, "received after ended"
        self.chunks.append(data)

    def writable(self) -> None:
        assert not self.is_forbidden, "called inside a call"
        assert not self.ends, "writable after ended"
        self.writables += 1

    def ended(self, error: NetError | None, /) -> None:
        assert not self.is_forbidden, "called inside a call"
        self.ends.append(error)

    @property
    def got(self) -> bytes:
        return b"".join(self.chunks)


@dataclass(frozen=True)
class Tls:
    """Both sides' contexts."""

    server: ServerContexts
    client: ssl.SSLContext


@dataclass
class World:
    """One implementation under test, and how to get a connected pair from it."""

    network: Network
    endpoint: Endpoint
    tls: Tls | None

    async def pair(self) -> tuple[Connection, Connection]:
        """Return the client's and the server's end, with nothing attached."""
        accepted: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

        def accept(connection: Connection) -> None:
            if self.tls is None:
                accepted.set_result(connection)
                return
            wrapped = TlsConnection.server(connection, self.tls.server)

            def secured(_: TlsInfo) -> None:
                accepted.set_result(wrapped)

            wrapped.start(secured, accepted.set_exception, timeout_s=5)

        listener = self.network.listen(self.endpoint, accept)
        client: Connection = await self.network.connect(listener.endpoint, timeout_s=5)
        if self.tls is not None:
            client, _ = await secure(client, self.tls.client, HOST, timeout_s=5)
        server = await accepted
        listener.close()
        return client, server


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def run(scenario: Awaitable[None]) -> None:
    """Run *scenario* in a loop of its own; what would end as a traceback in the log fails the test."""
    complaints: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await scenario

    asyncio.run(main())
    assert complaints == []


def pattern(length: int) -> bytes:
    """Bytes in which a lost or moved piece shows."""
    return b"".join(b"%09d\n" % number for number in range(length // 10 + 1))[:length]


def start_sending(connection: Connection, data: bytes, piece: int) -> Recorder:
    """Write *data* in pieces, waiting whenever told to, then close."""

    class Sender(Recorder):
        at = 0

        def go_on(self) -> None:
            while self.at < len(data):
                self.at += piece
                if not connection.write(data[self.at - piece : self.at]):
                    return
            connection.close()

        def writable(self) -> None:
            super().writable()
            self.go_on()

    sender = Sender()
    connection.attach(sender)
    sender.go_on()
    return sender


def make_files(folder: Path, name: str) -> CertificateFiles:
    """Write a self-signed certificate for *name* and its key into *folder*."""
    chain_pem, key_pem = self_signed(name, SystemClock())
    files = CertificateFiles(chain=folder / f"{name}.chain.pem", key=folder / f"{name}.key.pem")
    files.chain.write_bytes(chain_pem)
    files.key.touch(0o600)
    files.key.write_bytes(key_pem)
    return files


def make_tls(folder: Path) -> Tls:
    """Contexts of a server called HOST and of a client that trusts it."""
    files = make_files(folder, HOST)
    server = server_context(TlsSettings(certificate=(files,)))
    return Tls(server, client_context(verify=True, ca_file=files.chain))


@contextlib.contextmanager
def silent_endpoint(network: Network) -> Iterator[Endpoint]:
    """Somewhere that never answers: memory's black hole, or a socket whose backlog is full (A75)."""
    if isinstance(network, MemoryNetwork):
        network.black_hole(Endpoint("192.0.2.1", 25))
        yield Endpoint("192.0.2.1", 25)
        return
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        yield Endpoint(*sock.getsockname())
