"""A server with make-believe connections: no network, virtual time, everything said is written down."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint, Listener, Receiver
from mailrail.observe import Bus, Event
from mailrail.server import (
    Handler,
    HandlerFactory,
    LimitSettings,
    Networks,
    Port,
    Server,
    ServerSettings,
    TimeoutSettings,
)
from mailrail.sim import SimClock, simulate

HERE = Endpoint("192.0.2.25", 25)
STRANGER = "198.51.100.7"
FRIEND = "10.0.0.7"
TRUSTED: Networks = (ip_network("10.0.0.0/8"),)
LETTER = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n"
LOST = NetError(NetTrouble.RESET, "connection reset by peer")


class FakeConnection:
    """What a client sees of us; `is_full` plays a client that reads nothing."""

    def __init__(self, host: str) -> None:
        self.local = HERE
        self.peer = Endpoint(host, 0 if "/" in host else 40_000)
        self.written = b""
        self.receiver: Receiver | None = None
        self.is_full = False
        self.is_paused = False
        self.is_closed = False
        self.is_lingering = False
        self.was_aborted = False

    def attach(self, receiver: Receiver, /) -> None:
        self.receiver = receiver

    def write(self, data: bytes, /) -> bool:
        if not self.is_closed:
            self.written += data
        return not self.is_full

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def close(self, *, is_mutual: bool = False) -> None:
        self.is_closed = True
        self.is_lingering = not is_mutual

    def abort(self) -> None:
        self.is_closed = self.was_aborted = True

    # -- the client's side

    def is_open(self) -> bool:
        return not self.is_closed

    def is_reading(self) -> bool:
        return not self.is_paused

    def say(self, data: bytes) -> None:
        if not self.is_closed:
            assert self.receiver is not None
            self.receiver.received(data)

    def heard(self) -> str:
        """Return what was said since the last question, line ends made plain."""
        written, self.written = self.written, b""
        return written.decode().replace("\r\n", "\n")

    def last(self) -> str:
        """Return the last reply line since the last question."""
        return (self.heard().splitlines() or [""])[-1]

    def leave(self, error: NetError | None = None) -> None:
        """End the client's side, in good order or not."""
        assert self.receiver is not None
        if error is not None:
            self.is_closed = True
        self.receiver.ended(error)

    def read_on(self) -> None:
        """Play a client that reads again."""
        self.is_full = False
        assert self.receiver is not None
        self.receiver.writable()


class FakeListener:
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_closed = False

    def close(self, *, is_mutual: bool = False) -> None:
        self.is_closed = True


class Door:
    """A Network of which only `listen` is used."""

    def __init__(self) -> None:
        self.accept: Callable[[Connection], None] = lambda connection: None
        self.listener = FakeListener(HERE)

    def listen(
        self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
    ) -> Listener:
        self.accept = accept
        return self.listener

    async def connect(self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None) -> Connection:
        raise AssertionError("a server does not connect")

    def datagrams(
        self, received: Callable[[bytes, Endpoint], None], *, ipv6: bool = False, bind: Endpoint | None = None
    ) -> "FakeDatagrams":
        raise AssertionError("a server sends no datagrams")


class FakeDatagrams:
    endpoint = HERE

    def send(self, data: bytes, to: Endpoint, /) -> None: ...

    def close(self) -> None: ...


@dataclass
class Lobby:
    """A running server and its door."""

    server: Server
    door: Door
    events: list[Event] = field(default_factory=list)

    def arrive(self, host: str = STRANGER) -> FakeConnection:
        """Return a new client's connection, its greeting written."""
        connection = FakeConnection(host)
        self.door.accept(connection)
        return connection

    def greeted(self, host: str = STRANGER) -> FakeConnection:
        """Return a client that has said EHLO and heard the answer."""
        connection = self.arrive(host)
        connection.say(b"EHLO client.example\r\n")
        connection.heard()
        return connection

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def make_lobby(
    handler: HandlerFactory = Handler,
    *,
    limits: LimitSettings | None = None,
    timeouts: TimeoutSettings | None = None,
    is_lmtp: bool = False,
    mt_priority: bool = False,
) -> Lobby:
    """Start a server; call it in a running loop."""
    bus, door = Bus(), Door()
    settings = ServerSettings(limits=limits or LimitSettings(), timeouts=timeouts or TimeoutSettings())
    server = Server(
        handler,
        hostname="mx.example",
        settings=settings,
        trusted=TRUSTED,
        network=door,
        clock=SimClock(),
        bus=bus,
    )
    lobby = Lobby(server, door)
    bus.listen(lobby.events.append)
    server.start()
    server.listen_on(Port(endpoint=HERE, is_lmtp=is_lmtp, mt_priority=mt_priority))
    return lobby


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run *scenario* in virtual time; what would end as a traceback in the log fails the test."""
    complaints: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        await scenario()

    simulate(main())
    assert complaints == []


async def turns(count: int = 5) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
