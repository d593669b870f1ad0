"""A66: a process that stores mail is killed at any moment; every message it acknowledged is there.

The child commits in a loop and writes each id to a pipe once the commit has returned: that is
the 250. It also settles some, first saying so, so that an id may be missing only if it was said to go.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailrail.model import QueueId, SystemClock
from mailrail.observe import Bus, Event
from mailrail.spool import SMALL_BYTES, Filter, SpoolSettings, SqliteSpool, open_spool
from mailrail.spool.events import ContentDamaged

ROUNDS = 4 * int(os.environ.get("MAILRAIL_CRASH_ROUNDS", "5"))  # cheaper than a kill of the daemon
CALLERS = 20


async def open_at(path: Path, events: list[Event] | None = None) -> SqliteSpool:
    bus = Bus()
    if events is not None:
        bus.listen(events.append)
    return await open_spool(SpoolSettings(path=path, reserve_bytes=0, reserve_share=0), SystemClock(), bus)


async def child(path: Path) -> None:
    """Store and settle until killed; tell on standard output what was acknowledged (+) and what will go (-)."""
    from mailrail.model import Address, Envelope, Item, Message, Pending, QueueIds, Recipient
    from mailrail.spool import Settlement

    spool = await open_at(path)
    ids = QueueIds(SystemClock())
    envelope = Envelope(None, (Recipient(Address("bob", "example.org")),))

    async def caller(number: int) -> None:
        turn = number
        while True:
            turn += 1
            queue_id = ids.make()
            size = SMALL_BYTES + 1000 if turn % 40 == 0 else 3000
            draft = spool.begin(queue_id)
            waiting = draft.write(queue_id.encode() * (size // len(queue_id)))
            if waiting is not None:
                await waiting
            message = Message(queue_id, 1, envelope, draft.size_bytes)
            item = Item(queue_id, "mx:example.org", (Pending(0),))
            committed = await draft.commit(message, [item], lease=True)
            os.write(1, f"+{queue_id}\n".encode())
            if turn % 3:
                os.write(1, f"-{queue_id}\n".encode())
                await spool.settle(Settlement(committed.leases[0], None))

    await asyncio.gather(*map(caller, range(CALLERS)))


def kill_after(path: Path, lines: int) -> tuple[set[QueueId], set[QueueId]]:
    """Run a child, kill it after so many *lines*, return what it acknowledged and what it let go."""
    process = subprocess.Popen([sys.executable, __file__, str(path)], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert process.stdout is not None
    with process.stdout as told:
        first = [told.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        everything = first + told.readlines()
    assert process.wait(30) == -signal.SIGKILL
    ids = [(line[:1], QueueId(line[1:].decode().strip())) for line in everything if line.endswith(b"\n")]
    return {one for sign, one in ids if sign == b"+"}, {one for sign, one in ids if sign == b"-"}


async def check(path: Path, kept: set[QueueId], let_go: set[QueueId]) -> set[QueueId]:
    """Open what the child left; return what is stored."""
    events: list[Event] = []
    spool = await open_at(path, events)
    stored: set[QueueId] = set()
    after = None
    while rows := await spool.select(Filter(), after=after, limit=500):
        after = (rows[-1].item.queue_id, rows[-1].item.destination)
        assert not any(row.is_leased for row in rows)
        stored.update(row.item.queue_id for row in rows)
    assert kept - let_go <= stored, "acknowledged and lost"
    for queue_id in sorted(stored)[-40:]:
        content = await spool.open(queue_id)
        assert await content.read(0, 22) == queue_id.encode() * 2
    assert not [event for event in events if isinstance(event, ContentDamaged)]
    files = {QueueId(file.name) for file in path.glob("blobs/*/*")}
    assert files <= stored
    await spool.close()
    return stored


@pytest.mark.crash
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """A66."""
    path = tmp_path / "spool"
    rng = random.Random(66)
    kept: set[QueueId] = set()
    let_go: set[QueueId] = set()
    for _ in range(ROUNDS):
        acknowledged, gone = kill_after(path, rng.randrange(1, 1500))
        kept |= acknowledged
        let_go |= gone
        stored = asyncio.run(check(path, kept, let_go))
    print(f"{ROUNDS} kills: {len(kept)} acknowledged, {len(let_go)} settled, {len(stored)} stored, 0 lost")


if __name__ == "__main__":
    asyncio.run(child(Path(sys.argv[1])))
