"""Queue, carriers and notices joined as the daemon joins them, against next hops in memory."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.unit.client.toy_server import ToyServer
from tests.unit.delivery.world import DNS, ONE, TWO, World

from mailrail.model import QueueIds, Recipient
from mailrail.observe import Bus
from mailrail.queue import Carrier, Courier, Manager, Notifier, QueueSettings
from mailrail.report import NoticeWriter, ReportSettings
from mailrail.sim import SimClock, seeded, simulate
from mailrail.spool import MemorySpool

RETURN = {"example.com": ["MX 1 mx2.example.org"], **DNS}
Accept = Callable[..., Awaitable[None]]


def destination_of(recipient: Recipient) -> str:
    return f"mx:{recipient.forward_path.domain}"


async def as_it_is(recipient: Recipient) -> tuple[Recipient, ...]:
    return (recipient,)


def joined(world: World, scenario: Callable[[Accept, MemorySpool], Awaitable[None]]) -> None:
    """Run *scenario* with a whole sending side."""

    async def main() -> None:
        world.start()
        clock, bus = SimClock(), Bus()
        spool = MemorySpool(clock)
        courier: Courier = world.courier
        notifier: Notifier = NoticeWriter(
            "out.example.com", ReportSettings(), QueueIds(clock, after=world.part().lease.message.queue_id),
            clock, destination_of, as_it_is, bus,
        )  # fmt: skip
        manager = Manager(spool, courier, notifier, QueueSettings(), clock=clock, rng=seeded(), bus=bus)

        async def accept(*recipients: str, content: bytes = b"Subject: x\r\n\r\nhello\r\n") -> None:
            part = world.part(*recipients, content=content)
            draft = spool.begin(part.lease.message.queue_id)
            draft.write(content)
            committed = await draft.commit(part.lease.message, [part.lease.item], lease=True)
            manager.offer(committed.leases, committed.content)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(manager.run())
            await asyncio.sleep(0)
            await scenario(accept, spool)
            await manager.stop(30)

    simulate(main())


def test_a_carrier_is_what_the_queue_asks_for() -> None:
    world = World({})

    async def main() -> None:
        world.start()
        carrier: Carrier = world.carrier(world.part())
        assert not carrier.is_open

    simulate(main())


def test_a_refused_recipient_comes_back_to_the_sender_as_a_notice() -> None:
    """A63, A60: one is delivered, one bounces; the notice has the null reverse-path."""
    there = ToyServer(script={"RCPT TO:<b@example.org>": ["550 5.1.1 no such user"]})
    back = ToyServer()

    async def scenario(accept: Accept, spool: MemorySpool) -> None:
        await accept("a@example.org", "b@example.org")
        await asyncio.sleep(60)
        assert not spool.store.messages
        assert len(there.contents) == 1
        (notice,) = back.contents
        assert b"5.1.1" in notice
        assert b"multipart/report" in notice
        assert any(line.startswith("MAIL FROM:<>") for line in back.heard)

    joined(World({ONE: there, TWO: back}, dns=RETURN), scenario)


def test_a_hundred_messages_share_a_few_sessions() -> None:
    server = ToyServer()

    async def scenario(accept: Accept, spool: MemorySpool) -> None:
        for _ in range(100):
            await accept("a@single.example")
        await asyncio.sleep(30)
        assert len(server.contents) == 100
        assert len(server.sessions) <= 20
        assert not spool.store.messages

    joined(World({ONE: server}), scenario)


def test_a61_a_greylisted_message_arrives_by_itself_later() -> None:
    server = ToyServer(script={"RCPT": ["451 4.7.1 greylisted", "451 4.7.1 greylisted"]})

    async def scenario(accept: Accept, spool: MemorySpool) -> None:
        await accept("a@single.example")
        await asyncio.sleep(1200)
        assert len(server.contents) == 1
        assert not spool.store.messages

    joined(World({ONE: server}), scenario)
