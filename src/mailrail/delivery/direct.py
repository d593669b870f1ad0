"""Floor 4 · delivery — direct-to-MX delivery for programs: one try, no queue, no retry.

What a mail transfer agent does for each message, as one call: find the hosts of each recipient's domain,
talk to them, tell what became of everybody. Whoever gets a Deferred here must try again later
himself, or hand the message to a server that does.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.message import Message as OldMessage
from typing import Final

from mailrail.client import CannotSend, ClientSettings, SendOptions, WholeSource, compose
from mailrail.delivery.carrier import SmtpCarrier
from mailrail.delivery.courier import ClientContexts, SmtpCourier
from mailrail.delivery.parcel import Part
from mailrail.delivery.settings import DeliverySettings
from mailrail.dns import DnsResolver, DnsSettings, Resolver
from mailrail.model import (
    Deferred,
    Delivered,
    Envelope,
    Failed,
    Item,
    Message,
    Outcome,
    Pending,
    QueueIds,
    SystemClock,
    system_rng,
)
from mailrail.net import Network, SocketNetwork
from mailrail.observe import Bus
from mailrail.routing import Route, Router, RoutingRules, RoutingSettings, SettingsRouter
from mailrail.smtp import Stage
from mailrail.spool import Lease

AT_ONCE: Final = 20  # destinations talked to at the same time


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of every recipient.

    Attributes:
        outcomes: address and outcome, in the order given.
    """

    outcomes: tuple[tuple[str, Outcome], ...]

    def __str__(self) -> str:
        return "; ".join(
            f"{address}: {type(one).__name__.lower()}: {one.reply}" for address, one in self.outcomes
        )

    @property
    def delivered(self) -> dict[str, Delivered]:
        """Whose next hop took the message."""
        return {address: one for address, one in self.outcomes if isinstance(one, Delivered)}

    @property
    def deferred(self) -> dict[str, Deferred]:
        """Who is worth another try, later."""
        return {address: one for address, one in self.outcomes if isinstance(one, Deferred)}

    @property
    def failed(self) -> dict[str, Failed]:
        """Who will never get it, and why."""
        return {address: one for address, one in self.outcomes if isinstance(one, Failed)}


async def deliver(
    message: EmailMessage | OldMessage | bytes,
    sender: str | None = None,
    recipients: Sequence[str] | str | None = None,
    *,
    hello_name: str = "",
    options: SendOptions | None = None,
    resolver: Resolver | None = None,
    port: int = 25,
    router: Router | None = None,
    network: Network | None = None,
    settings: DeliverySettings | None = None,
    client_settings: ClientSettings | None = None,
) -> Delivery:
    """Deliver *message* straight to the mail hosts of its recipients' domains; one try.

    Args:
        message: an EmailMessage, or bytes of an RFC 5322 message, in which a bare LF is made CRLF. Bcc
            fields are taken out. What a host cannot take is converted where the RFCs allow it.
        sender: reverse-path; "" is the null reverse-path; default: the message's Sender, else its From.
        recipients: one or several; default: everybody in To, Cc and Bcc.
        hello_name: our host name for EHLO; default: our address. Many hosts refuse one without DNS records.
        options: wishes for notices, and demands but FUTURERELEASE, which needs a server that keeps the message.
        resolver: who asks the DNS; default: the system's resolvers, and no cache between two calls. Make one
            to keep its cache: `DnsResolver(SocketNetwork(), DnsSettings(), system_rng())`.
        port: of the mail hosts; anything but 25 is for a laboratory.
        router: who finds the way, instead of MX records by *resolver* and *port*.
        network: where to connect; default: real sockets.
        settings: limits of the try.
        client_settings: timeouts.

    Raises:
        CannotSend: an address is none, nobody is named, or the bytes have a bare CR. What happens on the way is
            no exception but an outcome.

    *Cancel-safe:* yes: sessions are aborted; some recipients may have got the message.
    """
    envelope, content = compose(message, sender, recipients, options or SendOptions())
    if envelope.hold is not None:
        raise CannotSend(Stage.MAIL, "nobody keeps a message back that goes straight to its mail hosts")
    rng, bus, clock = system_rng(), Bus(), SystemClock()
    network = network or SocketNetwork()
    if router is None:
        resolver = resolver or DnsResolver(network, DnsSettings(), rng)
        rules = RoutingRules(routing=RoutingSettings(mx_port=port))
        router = SettingsRouter(rules, resolver, rng)
    courier = SmtpCourier(
        network,
        router,
        settings or DeliverySettings(),
        client_settings or ClientSettings(),
        ClientContexts(),
        hello_name=hello_name,
        clock=clock,
        bus=bus,
    )
    outcomes = await _deliver_all(courier, envelope, content)
    addresses = [str(recipient.forward_path) for recipient in envelope.recipients]
    return Delivery(tuple(zip(addresses, outcomes, strict=True)))


async def _deliver_all(courier: SmtpCourier, envelope: Envelope, content: bytes) -> list[Outcome]:
    """Carry to every destination, several at a time, and put the outcomes into the recipients' order."""
    clock = courier.clock
    message = Message(
        QueueIds(clock).make(), clock.now_us(), envelope, len(content), has_8bit=not content.isascii()
    )
    places: dict[str, list[int]] = {}
    routes: dict[str, Route] = {}
    for index, recipient in enumerate(envelope.recipients):
        route = courier.route(recipient)
        routes[route.destination] = route
        places.setdefault(route.destination, []).append(index)
    outcomes: dict[int, Outcome] = {}
    turn = asyncio.Semaphore(AT_ONCE)

    async def carry(destination: str, indexes: list[int]) -> None:
        item = Item(message.queue_id, destination, tuple(map(Pending, indexes)))
        carrier = SmtpCarrier(courier, routes[destination])
        async with turn:
            try:
                attempt = await carrier.carry(Part(Lease(message, item, 0), WholeSource(content)))
            finally:
                await carrier.close()
        outcomes.update(zip(indexes, attempt.outcomes, strict=True))

    async with asyncio.TaskGroup() as group:
        for destination, indexes in places.items():
            group.create_task(carry(destination, indexes))
    return [outcomes[index] for index in range(len(envelope.recipients))]
