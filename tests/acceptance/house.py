"""A whole daemon in virtual time: its clients, its name server and its next hops are in memory.

    def test_...(tmp_path: Path) -> None:
        async def scenario(house: House) -> None:
            client = await house.client()
            assert (await client.give("bob@ours.example")).startswith("250")
            await house.until(lambda: house.hop.contents)

        live(tmp_path, scenario)

Everything between is the daemon's own: assembly, listeners, sessions, intake, spool (SQLite in `tmp_path`, or in
memory), queue, router, resolver, client. It takes mail for `ours.example`, relays for 10.0.0.0/8, and
sends what is for any `*.far.example` to `house.hop`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.memory_net import MemoryNetwork
from tests.unit.client.toy_server import ToyServer

from mailrail.config import MailrailSettings
from mailrail.daemon import Daemon, World
from mailrail.model import NetError
from mailrail.net import Connection, Endpoint
from mailrail.observe import Bus, Event
from mailrail.sim import Mount, SimClock, SimConnection, SimDisk, Zone, ZoneService, seeded, simulate
from mailrail.spool import Filter, MemorySpool, MemoryStore, SystemDisk

MX = Endpoint("192.0.2.25", 25)
NAMES = Endpoint("192.0.2.53", 53)
HOP = Endpoint("192.0.2.99", 25)
STRANGER, FRIEND = "198.51.100.7", "10.0.0.7"
ANN, BOB = "ann@far.example", "bob@ours.example"
LETTER = b"Subject: hello\r\n\r\nA line.\r\n"
PATIENCE_S = 600.0

RECORDS: Mapping[str, tuple[str, ...]] = {
    "far.example": ("MX 10 mx.far.example",),
    "*.far.example": ("MX 10 mx.far.example",),
    "mx.far.example": ("A 192.0.2.99",),
}
SETTINGS: Mapping[str, Any] = {
    "hostname": "mx.ours.example",
    "listener": [{"address": str(MX)}],
    "relay": {"networks": ["10.0.0.0/8"]},
    "domain": {"ours.example": {"relay_to": f"{HOP.host}:25"}},
    "dns": {"servers": [str(NAMES)]},
    "tls": {"self_signed": False},
    # No other programs are on this machine; looking for what they hand in every ten seconds is what long times would cost.
    "maildrop": {"access": "nobody"},
}


class Client:
    """A client that says what it is told to, and reads whole replies."""

    def __init__(self, connection: SimConnection) -> None:
        self.connection = connection
        self.heard = b""
        self.is_over = False
        self._news = asyncio.Event()
        connection.attach(self)

    # -- the receiver

    def received(self, data: bytes, /) -> None:
        self.heard += data
        self._news.set()

    def writable(self) -> None:
        self._news.set()

    def ended(self, error: NetError | None, /) -> None:
        self.is_over = True
        self.connection.close()
        self._news.set()

    # -- what a test says

    async def send(self, octets: bytes) -> None:
        """Send, no faster than the server reads."""
        if not self.connection.write(octets):
            self._news.clear()
            await self._wait()

    async def reply(self) -> str:
        """Return the next reply, its lines joined by newlines; what is there if the server has hung up."""
        lines: list[str] = []
        while True:
            line, end, rest = self.heard.partition(b"\r\n")
            if end:
                self.heard = rest
                lines.append(line.decode())
                if line[3:4] != b"-":
                    return "\n".join(lines)
            elif self.is_over:
                return "\n".join(lines)
            else:
                self._news.clear()
                await self._wait()

    async def say(self, line: str | bytes) -> str:
        """Send one command and return its reply."""
        await self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def start(self, *recipients: str, sender: str = ANN) -> str:
        """Go on to the 354, and return it or the refusal."""
        reply = await self.say(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            if not reply.startswith("250"):
                return reply
            reply = await self.say(f"RCPT TO:<{recipient}>")
        return await self.say("DATA") if reply.startswith("250") else reply

    async def give(self, *recipients: str, sender: str = ANN, content: bytes = LETTER) -> str:
        """Give one message, dots to be stuffed by the caller, and return the last reply."""
        reply = await self.start(*(recipients or (BOB,)), sender=sender)
        if not reply.startswith("354"):
            return reply
        await self.send(content)
        await self.send(b".\r\n")
        return await self.reply()

    async def _wait(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._news.wait()


class House:
    """The daemon and everything round it.

    Attributes:
        daemon: the one that runs now.
        own: addresses of the machine.
        hop: the next hop for all mail, at HOP.
        zone: what the name server knows.
        store: what the spool in memory keeps; unused where the spool is SQLite.
        disk: a simulated one that SQLite is on, if that is wanted.
        written: the settings that a reload finds.
        events: everything that was told while `is_listening`.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], *, in_memory: bool, disk: SimDisk | None = None
    ) -> None:
        self.disk = disk
        self.network = MemoryNetwork()
        self.clock = SimClock()
        self.zone = Zone(RECORDS)
        self.hop = ToyServer()
        self.store = MemoryStore()
        self.events: list[Event] = []
        self.bus = Bus()
        self.bus.listen(self._hear)
        self.is_listening = True
        self.own = {MX.host}
        self.daemon: Daemon
        self._in_memory = in_memory
        spool = {"path": path / "spool", "reserve_bytes": 0, "reserve_share": 0.0, "reserve_inodes": 0}
        spool.update(settings.get("spool", {}))
        self.settings = MailrailSettings.model_validate({**SETTINGS, **settings, "spool": spool})
        self.written = self.settings
        self._life: asyncio.Task[None] | None = None
        self.network.listen(HOP, self.hop.accept)
        ZoneService(self.network, self.zone, NAMES)

    def _hear(self, event: Event) -> None:
        if self.is_listening:
            self.events.append(event)

    async def start(self) -> None:
        """Start the daemon, as on a disk where it may have been before."""
        world = World(
            network=self.network,
            clock=self.clock,
            rng=seeded(),
            disk=SystemDisk() if self.disk is None else Mount(self.disk),
            is_own_address=self.own.__contains__,
        )
        if self._in_memory:
            spool = MemorySpool(self.clock, self.store)
            self.daemon = Daemon(self.settings, world, self.bus, spool, lambda: self.written)
        else:
            self.daemon = await Daemon.build(self.settings, world, self.bus, lambda: self.written)
        self._life = asyncio.ensure_future(self.daemon.run())
        await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop the daemon in good order; a test whose daemon has died fails here."""
        life, self._life = self._life, None
        if life is not None:
            self.daemon.ask_to_stop()
            await life

    async def arrive(self, host: str = STRANGER, to: Endpoint = MX) -> Client:
        """Connect, and say and read nothing yet."""
        return Client(await self.network.connect(to, timeout_s=30, source=host))

    async def client(self, host: str = STRANGER, to: Endpoint = MX) -> Client:
        """Connect and say EHLO."""
        client = await self.arrive(host, to)
        assert (await client.reply()).startswith("220")
        assert (await client.say("EHLO client.example")).startswith("250")
        return client

    def server(self, endpoint: Endpoint, toy: ToyServer | None = None) -> ToyServer:
        """Put a next hop at *endpoint*."""
        toy = toy or ToyServer()
        self.network.listen(endpoint, toy.accept)
        return toy

    def silent(self, endpoint: Endpoint) -> list[Connection]:
        """Put something at *endpoint* that takes connections and says nothing."""
        taken: list[Connection] = []
        self.network.listen(endpoint, taken.append)
        return taken

    async def until(self, is_so: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
        """Let time pass until *is_so*, looking four times a second, less often for a long time."""
        async with asyncio.timeout(within_s):
            while not is_so():
                await asyncio.sleep(max(0.25, within_s / 2400))

    async def queued(self) -> int:
        """Return how many items the spool holds."""
        return await self.daemon.spool.count(Filter())

    def write(self, **settings: Any) -> None:
        """Write other settings, for the next reload."""
        self.written = MailrailSettings.model_validate({**self.settings.model_dump(), **settings})

    def told(self, kind: str) -> list[Any]:
        """Return the events of the type that is called *kind*."""
        return [event for event in self.events if type(event).__name__ == kind]


def live(
    path: Path,
    scenario: Callable[[House], Awaitable[None]],
    *,
    in_memory: bool = False,
    start: bool = True,
    disk: SimDisk | None = None,
    **settings: Any,
) -> House:
    """Run *scenario* round a daemon; what would end as a traceback in the log fails the test.

    Args:
        path: a directory for the spool.
        in_memory: keep mail in memory instead, which makes long times short.
        start: start the daemon before the scenario.
        disk: keep mail on this one, in place of the machine's.
        settings: tables of the settings file, in place of those in SETTINGS; `spool` beside what is set there.
    """
    complaints: list[dict[str, Any]] = []
    made: list[House] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        house = House(path, settings, in_memory=in_memory, disk=disk)
        made.append(house)
        if start:
            await house.start()
        try:
            await scenario(house)
        finally:
            await house.stop()

    simulate(main())
    assert complaints == []
    assert made[0].told("SessionFailed") == []
    assert made[0].told("AttemptCrashed") == []
    return made[0]
