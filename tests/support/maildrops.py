"""Test support: a maildrop on a simulated disk, a program that hands in, and a post office that takes up and delivers.

office = Office(SimDisk(random.Random(1)))
await office.open()                  # as a daemon starts: spool, recovery, what is stored goes out, then the maildrop
hand_in(Mount(office.disk), "0a", BOB, LETTER)
await asyncio.sleep(30)              # of simulated time
office.delivered                     # contents that went out, each as often as it did
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from zlib import crc32

from tests.support.memory_net import MemoryNetwork

from mailrail.intake import HeaderLimits, Intake
from mailrail.maildrop import DOOR, NEW, Handed, format_head, format_trailer
from mailrail.model import QueueIds
from mailrail.net import Endpoint
from mailrail.observe import Bus, Event
from mailrail.pickup import (
    Access,
    Correspondence,
    Door,
    Ground,
    MaildropSettings,
    Person,
    Pickup,
    Releaser,
    Rules,
)
from mailrail.sim import Mount, SimClock, SimDisk
from mailrail.spool import Content, Disk, Lease, Settlement, Spool, SpoolSettings, Want, open_spool

SPOOL = Path("/var/lib/mailrail")
MAILDROP = SPOOL / "maildrop"
DOOR_AT = Endpoint(str(MAILDROP / DOOR), 0)
MOST_BYTES = 400_000
ANN = Person("ann", "Ann Lee")
BOB = Handed(["bob@example.org"])
LETTER = b"Subject: hello\r\n\r\nA line.\r\n"
_SETTINGS = SpoolSettings(path=SPOOL, reserve_bytes=0, reserve_share=0)
_LIMITS = HeaderLimits(header_bytes=256 * 1024, header_lines=1000, hops=50)
_PLENTY = Want(limit=1000, per_destination=1000)


def hand_in(
    disk: Disk, name: str, handed: Handed, content: bytes, *, spoil: int = 0, maildrop: Path = MAILDROP
) -> None:
    """Do what `maildrop.DropWriter` does, on another disk.

    Args:
        spoil: turn over this bit of the file before it gets its name.
    """
    head = format_head(handed)
    octets = bytearray(head + content + format_trailer(len(content), crc32(content, crc32(head))))
    if spoil:
        octets[spoil // 8] ^= 1 << spoil % 8
    put(disk, name, bytes(octets), maildrop)


def put(disk: Disk, name: str, octets: bytes, maildrop: Path = MAILDROP) -> None:
    """Put any file into the maildrop, as whoever may make files there can."""
    hidden = maildrop / NEW / f".{name}"
    fd = disk.create(hidden)
    left = memoryview(octets)
    while left:
        left = left[disk.write(fd, left) :]
    disk.sync(fd)
    disk.close(fd)
    disk.rename(hidden, maildrop / NEW / name)
    disk.sync_directory(maildrop / NEW)


class Office:
    """A process with a spool, a maildrop, and a queue that delivers at once.

    Attributes:
        delivered: the contents that went out.
        unsettled: how many of them the spool does not know yet to have gone out: a power cut may repeat these.
        is_delivering: as long as it is not, what is offered stays.
    """

    def __init__(self, disk: SimDisk, settings: MaildropSettings | None = None, person: Person = ANN) -> None:
        self.disk = disk
        self.mount = Mount(disk)
        self.settings = settings or MaildropSettings()
        self.network = MemoryNetwork()
        self.correspondence: Callable[[Bus], Correspondence] = lambda _bus: Correspondence()
        self.delivered: list[bytes] = []
        self.unsettled = 0
        self.events: list[Event] = []
        self.leases: list[Lease] = []
        self.spool: Spool
        self.pickup: Pickup
        self._person = person
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start as a daemon does."""
        clock, bus = SimClock(), Bus()
        bus.listen(self.events.append)
        self.spool = await open_spool(_SETTINGS, clock, bus, disk=self.mount)
        releaser = Releaser(self)
        intake = Intake(
            self.spool, QueueIds(clock, after=self.spool.newest()), clock, hostname="mx.example",
            route=lambda recipient: f"mx:{recipient.forward_path.domain}", taker=releaser, limits=_LIMITS, bus=bus,
        )  # fmt: skip
        self.pickup = Pickup(
            Ground(self.mount, MAILDROP, self.settings.access),
            Rules(self.settings, "mx.example", "mailrail"),
            self.correspondence(bus),
            intake,
            releaser,
            Door(self.network, MAILDROP / DOOR, is_open_to_all=self.settings.access is Access.EVERYONE),
            person_of=lambda _uid: self._person,
            rewrites_header=True,
            poll_s=self.settings.poll_s,
            most_bytes=MOST_BYTES,
        )
        await self.pickup.recover()
        for lease in await self.spool.claim(_PLENTY):
            await self._deliver(lease, await self.spool.open(lease.message.queue_id))
        self._start(self.pickup.run())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End in good order."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.spool.close()
        self.disk.kill()

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    # --- As the queue ----------------------------------------------------------------------------

    def has_room(self, destinations: Iterable[str] = (), /, *, is_urgent: bool = False) -> bool:
        """Take everything."""
        return True

    def expect_at(self, due_us: int, /) -> None:
        """Nothing is stored for later here."""

    def offer(self, leases: Sequence[Lease], content: Content) -> None:
        """Deliver at once."""
        for lease in leases:
            self.leases.append(lease)
            self._start(self._deliver(lease, content))

    async def _deliver(self, lease: Lease, content: Content) -> None:
        self.delivered.append(await content.read(0, content.size_bytes))
        self.unsettled += 1
        settled = await self.spool.settle(Settlement(lease, None))
        assert settled.done
        self.unsettled -= 1


def body_of(content: bytes) -> bytes:
    """Return what stands behind the lines that we add."""
    return content[content.index(b"Subject:") :]
