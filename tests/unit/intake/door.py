"""An Intake on a spool in memory, with a queue that writes down what it is offered."""

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field

from mailrail.intake import RELAYED, HeaderLimits, Incoming, Intake, Treatment
from mailrail.model import Address, Envelope, Origin, QueueIds, Recipient, Reply, parse_address
from mailrail.observe import Bus, Event
from mailrail.sim import SimClock
from mailrail.spool import Content, Lease, MemorySpool, MemoryStore, Spool

ORIGIN = Origin(client="192.0.2.9", helo="client.example", protocol="ESMTP", session_id="s1")
LIMITS = HeaderLimits(header_bytes=2000, header_lines=60, hops=50)


@dataclass
class FakeTaker:
    """A queue with room, or without."""

    is_full: bool = False
    offered: list[tuple[Sequence[Lease], Content]] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    def has_room(self, destinations: Iterable[str] = (), /, *, is_urgent: bool = False) -> bool:
        self.asked.append(list(destinations))
        return not self.is_full

    def expect_at(self, due_us: int, /) -> None:
        self.expected.append(due_us)

    def offer(self, leases: Sequence[Lease], content: Content) -> None:
        self.offered.append((leases, content))


@dataclass
class Doorway:
    intake: Intake
    store: MemoryStore
    taker: FakeTaker
    events: list[Event]

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def stored(self) -> list[bytes]:
        return [stored.content for stored in self.store.messages.values()]


def make_doorway(spool: Spool | None = None, store: MemoryStore | None = None) -> Doorway:
    """Make an intake; call it in a running loop."""
    clock, bus, taker, store = SimClock(), Bus(), FakeTaker(), store or MemoryStore()
    intake = Intake(
        spool or MemorySpool(clock, store),
        QueueIds(clock),
        clock,
        hostname="mx.example",
        route=lambda recipient: f"mx:{recipient.forward_path.domain}",
        taker=taker,
        limits=LIMITS,
        bus=bus,
    )
    events: list[Event] = []
    bus.listen(events.append)
    return Doorway(intake, store, taker, events)


def envelope(*recipients: str, sender: str = "ann@example.org") -> Envelope:
    return Envelope(
        parse_address(sender) if sender else None,
        tuple(Recipient(parse_address(text)) for text in recipients or ("bob@example.net",)),
    )


async def settled(answer: Reply | Awaitable[Reply]) -> Reply:
    return answer if isinstance(answer, Reply) else await answer


async def take(
    doorway: Doorway,
    content: bytes,
    *recipients: str,
    treatment: Treatment = RELAYED,
    piece: int = 0,
    sender: str = "ann@example.org",
) -> Reply:
    """Send *content*, whole or in pieces."""
    incoming: Incoming = doorway.intake.begin(
        ORIGIN, envelope(*recipients, sender=sender), treatment=treatment
    )
    step = piece or len(content) or 1
    for at in range(0, len(content), step):
        waits = incoming.write(content[at : at + step])
        if waits is not None:
            await waits
    return await settled(incoming.finish())


POSTMASTER = Address("postmaster", "example.net")
