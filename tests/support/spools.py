"""Test support: spools of every kind behind one door, a clock to turn, and messages to store."""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol

from mailrail.model import Address, Envelope, Item, Message, Pending, QueueId, QueueIds, Recipient
from mailrail.observe import Bus, Event
from mailrail.sim import Mount, SimDisk
from mailrail.spool import (
    Committed,
    Lease,
    MemorySpool,
    MemoryStore,
    NewMessage,
    Spool,
    SpoolSettings,
    SqliteSpool,
    SystemDisk,
    open_spool,
)
from mailrail.spool import Disk as Door

P = ParamSpec("P")
START_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000


class TurnedClock:
    """A wall clock that stands until it is turned."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now = now_us

    def now_us(self) -> int:
        return self.now

    def turn(self, step_us: int) -> None:
        self.now += step_us


class Disk(Protocol):
    """What a spool lives on: opening it again is what a restart does.

    Attributes:
        most_items: the setting that the next opening gets.
    """

    clock: TurnedClock
    most_items: int

    async def open(self) -> Spool: ...

    async def end(self, spool: Spool) -> None:
        """End the process as hard as can be: by a power cut where there is one, else by closing."""
        ...


class SqliteDisk:
    def __init__(self, path: Path) -> None:
        self.clock = TurnedClock()
        self.path = path / "spool"
        self.door: Door = SystemDisk()
        self.most_items = 0
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.listen(self.events.append)

    async def open(self) -> SqliteSpool:
        settings = SpoolSettings(path=self.path, reserve_bytes=0, reserve_share=0, most_items=self.most_items)
        return await open_spool(settings, self.clock, self.bus, disk=self.door)

    async def end(self, spool: Spool) -> None:
        await spool.close()


class SimulatedDisk:
    """The SQLite spool on a disk in memory, which keeps apart what was not synced."""

    path = Path("/var/lib/mailrail")

    def __init__(self, disk: SimDisk) -> None:
        self.clock = TurnedClock()
        self.most_items = 0
        self.disk = disk
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.listen(self.events.append)

    async def open(self) -> SqliteSpool:
        settings = SpoolSettings(path=self.path, reserve_bytes=0, reserve_share=0, most_items=self.most_items)
        return await open_spool(settings, self.clock, self.bus, disk=Mount(self.disk))

    async def end(self, spool: Spool) -> None:
        self.disk.crash()
        await spool.close()  # changes nothing any more

    def files(self) -> list[Path]:
        """Return the files of large messages, good and bad."""
        mount = Mount(self.disk)
        blobs = self.path / "blobs"
        places = [self.path / "corrupt", *(blobs / name for name in mount.names(blobs))]
        return sorted(place / name for place in places for name in mount.names(place))


def simulated_disk(_: Path) -> Disk:
    return SimulatedDisk(SimDisk(random.Random(3)))


class MemoryDisk:
    def __init__(self, path: Path) -> None:
        self.clock = TurnedClock()
        self.most_items = 0
        self._store = MemoryStore()

    async def open(self) -> Spool:
        return MemorySpool(self.clock, self._store, most_items=self.most_items)

    async def end(self, spool: Spool) -> None:
        await spool.close()


def in_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def main() -> None:
            await test(*args, **kwargs)

        asyncio.run(main())

    return run


class Mail:
    """Makes messages, items and notices."""

    def __init__(self, clock: TurnedClock) -> None:
        self._clock = clock
        self._ids = QueueIds(clock)

    def message(
        self,
        recipients: Sequence[str] = ("bob@example.org",),
        *,
        sender: str = "alice@example.com",
        size_bytes: int = 10,
        is_notice: bool = False,
    ) -> Message:
        envelope = Envelope(
            _address(sender) if sender else None, tuple(Recipient(_address(text)) for text in recipients)
        )
        return Message(self._ids.make(), self._clock.now_us(), envelope, size_bytes, is_notice=is_notice)

    def items(self, message: Message, *, due_us: int = 0, held: bool = False) -> tuple[Item, ...]:
        """One item for each domain, as routing by MX would make them."""
        by_domain: dict[str, list[Pending]] = {}
        for index, recipient in enumerate(message.envelope.recipients):
            by_domain.setdefault(recipient.forward_path.domain, []).append(Pending(index))
        return tuple(
            Item(message.queue_id, f"mx:{domain}", tuple(pending), due_us=due_us, held=held)
            for domain, pending in by_domain.items()
        )

    def notice(self, content: bytes = b"it failed\r\n") -> NewMessage:
        message = self.message(["alice@example.com"], sender="", size_bytes=len(content), is_notice=True)
        return NewMessage(message, self.items(message), content)


def _address(text: str) -> Address:
    local_part, _, domain = text.rpartition("@")
    return Address(local_part, domain)


async def store(
    spool: Spool,
    message: Message,
    items: Sequence[Item],
    content: bytes | None = None,
    *,
    lease: bool = False,
) -> Committed:
    """Write *content* (default: as many "x" as the message says) and commit."""
    draft = spool.begin(message.queue_id)
    for waiting in [draft.write(b"x" * message.size_bytes if content is None else content)]:
        if waiting is not None:
            await waiting
    return await draft.commit(message, items, lease=lease)


async def keep(
    spool: Spool,
    mail: Mail,
    *recipients: str,
    lease: bool = False,
    sender: str = "alice@example.com",
    due_us: int = 0,
    held: bool = False,
) -> tuple[Lease, ...]:
    """Store a new message for *recipients*."""
    message = mail.message(recipients or ("bob@example.org",), sender=sender)
    items = mail.items(message, due_us=due_us, held=held)
    return (await store(spool, message, items, lease=lease)).leases


def ids_of(leases: Sequence[Lease]) -> list[QueueId]:
    return [lease.item.queue_id for lease in leases]


DISKS: Sequence[Callable[[Path], Disk]] = (MemoryDisk, SqliteDisk, simulated_disk)
