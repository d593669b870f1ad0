"""Ends of TLS connections for tests: a server that takes notes, one that says nothing, a client that cheats."""

import ssl
from collections.abc import Callable

import pytest
from tests.support.net_world import HOST, LOOPBACK, Recorder, until

from mailrail.model import NetError
from mailrail.net import Connection, Network, ServerContexts, TlsConnection, TlsInfo


class Server:
    """One TLS server's end, started on the first connection; writes down how the handshake went."""

    def __init__(self, contexts: ServerContexts, timeout_s: float = 5.0) -> None:
        self.contexts = contexts
        self.timeout_s = timeout_s
        self.infos: list[TlsInfo] = []
        self.errors: list[NetError] = []
        self.taken = Recorder()
        self.tls: TlsConnection

    def accept(self, plain: Connection) -> None:
        self.tls = TlsConnection.server(plain, self.contexts)
        self.tls.start(self.secured, self.errors.append, timeout_s=self.timeout_s)

    def secured(self, info: TlsInfo) -> None:
        self.infos.append(info)
        self.tls.attach(self.taken)


class Silent(Recorder):
    """A server's end that takes everything, answers nothing, and closes when the peer does."""

    connection: Connection

    def stay(self, connection: Connection) -> None:
        self.connection = connection
        connection.attach(self)

    def ended(self, error: NetError | None, /) -> None:
        super().ended(error)
        self.connection.close()


class Puppet:
    """A TLS client moved by hand, which can send what no client should."""

    def __init__(self, plain: Connection, context: ssl.SSLContext) -> None:
        self.plain = plain
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=HOST)
        self.ends: list[NetError | None] = []
        self.is_up = False
        self.error: ssl.SSLError | None = None
        plain.attach(self)

    def received(self, data: bytes, /) -> None:
        self.incoming.write(data)
        if not self.is_up:
            self.shake()

    def writable(self) -> None: ...

    def ended(self, error: NetError | None, /) -> None:
        self.ends.append(error)

    def shake(self) -> bytes:
        try:
            self.tls.do_handshake()
            self.is_up = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = error
        sent = self.outgoing.read()
        self.plain.write(sent)
        return sent

    def hello(self) -> bytes:
        """Return the ClientHello without sending it."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def encrypted(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self.outgoing.read()

    def close_notify(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


async def reach(network: Network, accept: Callable[[Connection], None]) -> Connection:
    """Connect to a listener of its own."""
    accepted: list[Connection] = []

    def take(connection: Connection) -> None:
        accepted.append(connection)
        accept(connection)

    listener = network.listen(LOOPBACK, take)
    client = await network.connect(listener.endpoint, timeout_s=5)
    await until(lambda: bool(accepted))
    listener.close()
    return client
