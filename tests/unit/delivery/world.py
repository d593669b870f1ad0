"""Next hops in memory, a DNS of our own, and a courier between them, in virtual time."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tests.support.fake_resolver import FakeResolver
from tests.support.memory_net import MemoryNetwork
from tests.unit.client.toy_server import ToyServer

from mailrail.client import ClientSettings, WholeSource
from mailrail.delivery import ClientContexts, DeliverySettings, SmtpCarrier, SmtpCourier
from mailrail.delivery.parcel import Part
from mailrail.model import (
    Attempt,
    Body,
    Envelope,
    Item,
    Message,
    Pending,
    Recipient,
    format_id,
    parse_address,
)
from mailrail.net import Endpoint
from mailrail.observe import Bus, Event
from mailrail.routing import RouteSettings, RoutingRules, SettingsRouter
from mailrail.sim import START_US, SimClock, seeded, simulate
from mailrail.spool import Lease

ONE = Endpoint("192.0.2.1", 25)
TWO = Endpoint("192.0.2.2", 25)
DNS = {
    "example.org": ["MX 10 mx1.example.org", "MX 20 mx2.example.org"],
    "mx1.example.org": ["A 192.0.2.1"],
    "mx2.example.org": ["A 192.0.2.2"],
    "single.example": ["MX 10 mx1.example.org"],
}


@dataclass
class World:
    """Everything that a test of a carrier touches."""

    servers: Mapping[Endpoint, ToyServer]
    dns: Mapping[str, Iterable[str]] = field(default_factory=lambda: DNS)
    routes: tuple[RouteSettings, ...] = ()
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    timeouts: ClientSettings = field(default_factory=ClientSettings)
    verifying: ssl.SSLContext | None = None
    authentic: tuple[str, ...] = ()
    clock: SimClock = field(default_factory=SimClock)
    events: list[Event] = field(default_factory=list)
    network: MemoryNetwork = field(init=False)
    resolver: FakeResolver = field(init=False)
    courier: SmtpCourier = field(init=False)
    _made: int = 0

    def start(self) -> None:
        self.network = MemoryNetwork()
        for endpoint, server in self.servers.items():
            self.network.listen(endpoint, server.accept)
        self.resolver = FakeResolver(self.dns, authentic=self.authentic)
        router = SettingsRouter(RoutingRules(routes=self.routes), self.resolver, seeded())
        bus = Bus()
        bus.listen(self.events.append)
        contexts = ClientContexts()
        if self.verifying is not None:
            vars(contexts.usual)["verifying"] = self.verifying
        self.courier = SmtpCourier(
            self.network, router, self.settings, self.timeouts, contexts,
            hello_name="out.example.com", clock=self.clock, bus=bus,
        )  # fmt: skip

    def part(
        self, *recipients: str, content: bytes = b"Subject: x\r\n\r\nhello\r\n", **changes: object
    ) -> Part:
        """Return a parcel for *recipients*; *changes* are fields of the envelope."""
        self._made += 1
        targets = tuple(Recipient(parse_address(one)) for one in recipients or ("bob@example.org",))
        envelope = Envelope(parse_address("ann@example.com"), targets)
        envelope = replace(envelope, **changes)  # type: ignore[arg-type]
        message = Message(
            format_id(self._made << 12),
            START_US,
            envelope,
            len(content),
            has_8bit=not content.isascii(),
            is_tls_optional=b"\r\nTLS-Required: No" in content,
        )
        destination = self.courier.route(targets[0]).destination
        item = Item(message.queue_id, destination, tuple(map(Pending, range(len(targets)))))
        return Part(Lease(message, item, 1), WholeSource(content))

    def carrier(self, part: Part) -> SmtpCarrier:
        return self.courier.carrier(part.lease.item.destination, part.lease)

    async def carry(self, *recipients: str, **rest: object) -> Attempt:
        """Carry one message by a carrier of its own."""
        part = self.part(*recipients, **rest)  # type: ignore[arg-type]
        carrier = self.carrier(part)
        try:
            return await carrier.carry(part)
        finally:
            await carrier.close()


def run(world: World, scenario: Callable[[World], Awaitable[None]]) -> None:
    """Run *scenario* in virtual time."""

    async def main() -> None:
        world.start()
        await scenario(world)

    simulate(main())


def one_try(world: World, *recipients: str, **rest: object) -> Attempt:
    """Carry one message in *world* and return how it went."""
    found: list[Attempt] = []

    async def scenario(world: World) -> None:
        found.append(await world.carry(*recipients, **rest))

    run(world, scenario)
    return found[0]


__all__ = ["DNS", "ONE", "TWO", "Body", "World", "one_try", "run"]
