"""Test support: the power is cut at every single write and sync of what a spool does.

A *journey* is a spool in some state (`begin`) and steps, each one call and one promise. It runs once on a simulated disk. Before each
operation of that disk, and at the end, the disk is forked: what would be left if the power were cut now, several times with
other chances. Each fork is opened again, and must show what the spool held after the last acknowledged step, or
after the step that was under way: whole, or not at all. Then it must be of use.
"""

import asyncio
import random
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.spools import MINUTE_US, START_US, Mail, TurnedClock, store

from mailrail.model import QueueId, StoreError
from mailrail.observe import Bus
from mailrail.sim import Mount, SimDisk, simulate
from mailrail.spool import (
    SMALL_BYTES,
    Change,
    Filter,
    Lease,
    Settlement,
    SpoolSettings,
    SqliteSpool,
    Want,
    open_spool,
)

SPOOL = Path("/var/lib/mailrail")
SETTINGS = SpoolSettings(path=SPOOL, reserve_bytes=0, reserve_share=0)
PLENTY = Want(limit=1000, per_destination=1000)
EVERYTHING = Filter()
LARGE_BYTES = SMALL_BYTES + 1000
DAY_US = 24 * 60 * MINUTE_US


class Office:
    """A process with a spool on *disk*."""

    def __init__(self, disk: SimDisk, now_us: int = START_US) -> None:
        self.disk = disk
        self.clock = TurnedClock(now_us)
        self.mail = Mail(self.clock)
        self.leases: list[Lease] = []
        self.spool: SqliteSpool

    async def open(self) -> None:
        self.spool = await open_spool(SETTINGS, self.clock, Bus(), disk=Mount(self.disk))

    async def close(self) -> None:
        await self.spool.close()

    async def keep(self, *recipients: str, size_bytes: int = 2000, lease: bool = True) -> None:
        message = self.mail.message(recipients or ("bob@example.org",), size_bytes=size_bytes)
        content = (message.queue_id.encode() * (size_bytes // 11 + 1))[:size_bytes]
        items = self.mail.items(message)
        self.leases += (await store(self.spool, message, items, content, lease=lease)).leases


Step = Callable[[Office], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Journey:
    """What is begun with, and the steps at each of whose operations the power is cut, so many times."""

    name: str
    begin: tuple[Step, ...]
    steps: tuple[Step, ...]
    chances: int = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a spool shows: rows with a sum of their content, standing holds, files."""

    rows: tuple[str, ...]
    holds: tuple[str, ...]
    files: tuple[str, ...]


# -- the journeys ----------------------------------------------------------------------------------


async def opened(office: Office) -> None:
    await office.open()


async def closed(office: Office) -> None:
    await office.close()


async def housekept(office: Office) -> None:
    await office.spool.maintain()


async def small(office: Office) -> None:
    await office.keep()


async def large(office: Office) -> None:
    await office.keep("bob@example.org", "eve@example.net", size_bytes=LARGE_BYTES)


async def many_together(office: Office) -> None:
    await asyncio.gather(*(office.keep(f"bob@{n}.example", "eve@example.net") for n in range(5)))


async def all_settled(office: Office) -> None:
    while office.leases:
        assert (await office.spool.settle(Settlement(office.leases.pop(), None))).done


async def settled(office: Office) -> None:
    assert (await office.spool.settle(Settlement(office.leases.pop(), None))).done


async def bounced(office: Office) -> None:
    settlement = Settlement(office.leases.pop(), None, (office.mail.notice(),))
    assert (await office.spool.settle(settlement)).done


async def deferred(office: Office) -> None:
    lease = office.leases.pop()
    left = replace(lease.item, attempts=3, warned=True, due_us=START_US + 90 * MINUTE_US)
    assert (await office.spool.settle(Settlement(lease, left, (office.mail.notice(),)))).done


async def given_back(office: Office) -> None:
    await office.spool.give_back(office.leases)
    office.leases = []


async def claimed(office: Office) -> None:
    office.leases = await office.spool.claim(PLENTY)
    assert office.leases


async def rerouted(office: Office) -> None:
    item = office.leases.pop().item
    assert await office.spool.reroute(
        item.queue_id, item.destination, [replace(item, destination="hop:b", due_us=7)]
    )


async def spoiled(office: Office) -> None:
    queue_id = office.leases.pop().item.queue_id
    (path,) = [path for path in files_of(office.disk) if path.name == queue_id]
    office.disk.flip(path)


async def set_aside(office: Office) -> None:
    queue_id = (await office.spool.select(EVERYTHING))[0].item.queue_id
    try:
        await office.spool.open(queue_id)
    except StoreError:
        return
    raise AssertionError("a flipped bit was not seen")


def changed(change: Change, wanted: Filter = EVERYTHING) -> Step:
    async def step(office: Office) -> None:
        assert await office.spool.mutate(wanted, change)

    return step


async def held_from_now_on(office: Office) -> None:
    await office.spool.hold_new(Filter(recipient="example.org"))


async def held_no_more(office: Office) -> None:
    await office.spool.release_new(Filter(recipient="example.org"))


HOLD, RELEASE = changed(Change.HOLD), changed(Change.RELEASE)
JOURNEYS = (
    Journey("open a new spool", (), (opened, small, large), chances=2),
    Journey("open what another left", (opened, small, large), (opened,)),
    Journey("accept small mail", (opened,), (small, small)),
    Journey("accept large mail", (opened,), (large, large)),
    Journey("accept many at once", (opened, small), (many_together,)),
    Journey("settle small mail", (opened, small, small), (settled, settled)),
    Journey("settle large mail", (opened, large), (settled, settled)),
    Journey("settle with a notice", (opened, small, large), (bounced, bounced, bounced)),
    Journey("settle for later", (opened, small, large), (deferred, deferred)),
    Journey("give back and claim", (opened, small, large), (given_back, claimed)),
    Journey("reroute", (opened, large), (rerouted,)),
    Journey("hold and release", (opened, small, large, given_back), (HOLD, RELEASE, changed(Change.RETRY))),
    Journey("delete", (opened, small, large, given_back), (changed(Change.DELETE),)),
    Journey("hold what comes", (opened,), (held_from_now_on, small, held_no_more, small)),
    Journey("set damage aside", (opened, large, spoiled), (set_aside,)),
    Journey("keep house", (opened, large, many_together, all_settled, small), (housekept, small, closed)),
)


# -- the sweep -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut: before which operation, after how many acknowledged steps, and what it left."""

    before: str
    number: int
    acknowledged: int
    left: SimDisk


def cuts_of(journey: Journey, times: int = 1) -> "list[Cut]":
    """Cut the power at each operation of *journey*, *times* as often as it says."""
    return simulate(_cuts(journey, journey.chances * times))


def troubles(journey: Journey, cuts: "Sequence[Cut]", states: Sequence[Seen]) -> Iterator[str]:
    """Look at what each of *cuts* left, and yield what is wrong with it.

    Args:
        states: what the spool shows before the steps, after the first, and so on (`states_of`).
    """
    for cut in cuts:
        why = simulate(_trouble(cut, states))
        if why:
            yield f"{journey.name}: power cut {cut.number}, before {cut.before}: {why}"


def states_of(journey: Journey) -> list[Seen]:
    """Return what the spool shows before the steps of *journey*, after the first, and so on."""
    return [simulate(_state(journey, done)) for done in range(len(journey.steps) + 1)]


async def _state(journey: Journey, done: int) -> Seen:
    office = Office(SimDisk(random.Random(1)))
    steps = (*journey.begin, *journey.steps[:done])
    for number, step in enumerate(steps):
        if step is opened and number:
            await office.close()
        await step(office)
    if steps:
        await office.close()
    return await _reopened(office.disk)


async def _cuts(journey: Journey, chances: int) -> list[Cut]:
    disk, cuts, acknowledged = SimDisk(random.Random(1)), list[Cut](), 0
    office = Office(disk)

    def cut(before: str) -> None:
        for chance in range(chances):
            number = len(cuts)
            cuts.append(Cut(before, number, acknowledged, disk.fork(random.Random(f"{number} {chance}"))))

    for step in journey.begin:
        await step(office)
    if journey.steps[0] is opened:
        disk.kill()
    disk.watch = cut
    for step in journey.steps:
        await step(office)
        acknowledged += 1
    cut("the end")
    disk.watch = None
    await office.close()
    disk.kill()
    return cuts


async def _trouble(cut: Cut, states: Sequence[Seen]) -> str:
    """Tell what is wrong with what a power cut left; "" if nothing is."""
    try:
        seen = await _reopened(cut.left)
        if seen not in states[cut.acknowledged : cut.acknowledged + 2]:
            return (
                f"after {cut.acknowledged} acknowledged steps: {_difference(seen, states[cut.acknowledged])}"
            )
        if cut.number % 2:  # the other half saves the time
            await _use(cut.left)
    except Exception as error:  # whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"
    return ""


async def _reopened(disk: SimDisk) -> Seen:
    office = Office(disk, START_US + MINUTE_US)
    await office.open()
    listed = await office.spool.select(EVERYTHING, limit=1000)
    rows = [f"{row} {await _sum(office.spool, row.message.queue_id)}" for row in listed]
    seen = Seen(tuple(rows), tuple(map(str, office.spool.holds())), tuple(map(str, files_of(disk))))
    await office.close()
    disk.kill()
    return seen


async def _sum(spool: SqliteSpool, queue_id: QueueId) -> str:
    try:
        content = await spool.open(queue_id)
    except StoreError as error:
        return str(error)
    body = await content.read(0, content.size_bytes)
    return f"{len(body)} bytes, CRC {zlib.crc32(body):x}"


async def _use(disk: SimDisk) -> None:
    """Let everything go out, and some more come and go."""
    office = Office(disk, START_US + DAY_US)
    await office.open()
    await office.spool.release_new(EVERYTHING)
    await office.spool.mutate(EVERYTHING, Change.RELEASE)
    await small(office)
    await large(office)
    office.leases += await office.spool.claim(PLENTY)
    await all_settled(office)
    assert await office.spool.count(EVERYTHING) == 0
    await office.close()
    assert not [path for path in files_of(disk) if "blobs" in path.parts]
    disk.kill()


def files_of(disk: SimDisk) -> list[Path]:
    """Return the files of large messages, good and bad, on *disk*."""
    mount = Mount(disk)
    places = [SPOOL / "corrupt", *(SPOOL / "blobs" / name for name in mount.names(SPOOL / "blobs"))]
    return sorted(place / name for place in places for name in mount.names(place))


def _difference(seen: Seen, wanted: Seen) -> str:
    lost = {*wanted.rows, *wanted.holds, *wanted.files} - {*seen.rows, *seen.holds, *seen.files}
    more = {*seen.rows, *seen.holds, *seen.files} - {*wanted.rows, *wanted.holds, *wanted.files}
    return f"missing {sorted(lost)}, not expected {sorted(more)}"
