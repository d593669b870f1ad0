"""How fast the spool is: commit+settle pairs, and a claim among a million deferred items.

    python bench/spool_rate.py pairs [--seconds 5] [--callers 50] [--bytes 4096]
    python bench/spool_rate.py deferred [--items 1000000] [--lanes 50000]

`pairs` is the hot path: each of N callers stores a message leased at birth and settles it at
once, over and over. `deferred` fills a spool, opens it in a fresh process and claims from it.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from mailrail.model import (
    Address,
    Envelope,
    Item,
    Message,
    Pending,
    QueueIds,
    Recipient,
    SystemClock,
    parse_id,
)
from mailrail.observe import Bus
from mailrail.spool import Settlement, SpoolSettings, SqliteSpool, SystemDisk, Want, open_spool
from mailrail.spool.batch import Batch, Written, item_row
from mailrail.spool.codec import encode_message
from mailrail.spool.database import open_for_writing
from mailrail.spool.schema import WAITING
from mailrail.spool.writer import Writer

DEAD = "mx:dead.example"


def settings(path: Path) -> SpoolSettings:
    return SpoolSettings(path=path, reserve_bytes=0, reserve_share=0)


class Metered:
    """Counts what the writer thread does."""

    def __init__(self, write: "Writer") -> None:
        self._write = write.write
        self.batches = 0
        self.cpu_s = 0.0

    def write(self, batch: Batch) -> Written:
        begun = time.thread_time()
        try:
            return self._write(batch)
        finally:
            self.batches += 1
            self.cpu_s += time.thread_time() - begun


async def caller(spool: SqliteSpool, ids: QueueIds, body: bytes, until: float, waits: list[float]) -> int:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    envelope = Envelope(Address("alice", "example.com"), (Recipient(Address("bob", "example.org")),))
    pending = (Pending(0),)
    done = 0
    while (begun := loop.time()) < until:
        queue_id = ids.make()
        draft = spool.begin(queue_id)
        draft.write(body)
        message = Message(queue_id, clock.now_us(), envelope, len(body))
        item = Item(queue_id, "mx:example.org", pending)
        committed = await draft.commit(message, (item,), lease=True)
        waits.append(loop.time() - begun)
        settled = await spool.settle(Settlement(committed.leases[0], None))
        assert settled.done
        done += 1
    return done


async def pairs(path: Path, seconds: float, callers: int, size: int) -> dict[str, float]:
    spool = await open_spool(settings(path), SystemClock(), Bus())
    meter = Metered(spool._ground.writer)
    spool._group._write = meter.write
    ids, body, waits = QueueIds(SystemClock()), os.urandom(size), list[float]()
    loop = asyncio.get_running_loop()
    begun, cpu = loop.time(), time.thread_time()
    counts = await asyncio.gather(*(caller(spool, ids, body, begun + seconds, waits) for _ in range(callers)))
    elapsed, cpu = loop.time() - begun, time.thread_time() - cpu
    await spool.close()
    total = sum(counts)
    waits.sort()
    return {
        "pairs_per_s": round(total / elapsed),
        "loop_cpu_us_per_pair": round(cpu / total * 1e6, 1),
        "writer_cpu_us_per_pair": round(meter.cpu_s / total * 1e6, 1),
        "operations_per_batch": round(2 * total / meter.batches, 1),
        "commit_p50_ms": round(waits[len(waits) // 2] * 1e3, 2),
        "commit_p99_ms": round(waits[len(waits) * 99 // 100] * 1e3, 2),
        "wal_mib": round((path / "spool.db-wal").stat().st_size / 2**20, 1)
        if (path / "spool.db-wal").exists()
        else 0,
    }


def fill(path: Path, items: int, lanes: int) -> None:
    """Store deferred mail by the writer itself; 100,000 items are due at a dead destination."""

    async def make() -> None:
        await (await open_spool(settings(path), SystemClock(), Bus())).close()

    asyncio.run(make())
    db = open_for_writing(SystemDisk(), path / "spool.db", 64 * 2**20)
    writer = Writer(db)
    ids, rng, now_us = QueueIds(SystemClock()), random.Random(1), SystemClock().now_us()
    envelope = Envelope(Address("alice", "example.com"), (Recipient(Address("bob", "example.org")),))
    body = os.urandom(1024)
    crc = zlib.crc32(body)  # with another it would count as damaged, and be held as soon as it is tried
    for start in range(0, items, 10_000):
        batch = Batch()
        for number in range(start, min(start + 10_000, items)):
            queue_id = ids.make()
            message = Message(queue_id, now_us, envelope, len(body))
            dead = number % 10 == 0
            lane = DEAD if dead else f"mx:{rng.randrange(lanes)}.example"
            due_us = now_us - 1 if dead else now_us + rng.randrange(-60, 4 * 3600) * 1_000_000
            item = Item(queue_id, lane, (Pending(0, "451 4.4.1 no answer from the next hop"),), 3, due_us)
            batch.messages += (parse_id(queue_id), encode_message(message, crc), body)
            batch.items += item_row(parse_id(queue_id), message, item, WAITING)
            batch.wait_for(lane, due_us)
        writer.write(batch)
    db.close()


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def look(path: Path) -> dict[str, float]:
    before = rss_mib()
    begun = time.perf_counter()
    spool = await open_spool(settings(path), SystemClock(), Bus())
    opened = time.perf_counter()
    figures = {"open_s": round(opened - begun, 3), "rss_before_mib": round(before, 1)}
    busy = frozenset({DEAD})
    for name in ("claim_first_ms", "claim_again_ms", "claim_third_ms"):
        begun = time.perf_counter()
        leases = await spool.claim(Want(limit=200, per_destination=20, busy=busy))
        figures[name] = round((time.perf_counter() - begun) * 1e3, 2)
        figures[name.replace("_ms", "_leases")] = len(leases)
    begun = time.perf_counter()
    await spool.next_due_us(busy)
    figures["next_due_ms"] = round((time.perf_counter() - begun) * 1e3, 2)
    figures["rss_mib"] = round(rss_mib(), 1)
    begun = time.perf_counter()
    await spool.stats(20)
    figures["stats_ms"] = round((time.perf_counter() - begun) * 1e3)
    figures["rss_after_stats_mib"] = round(rss_mib(), 1)
    await spool.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["pairs", "deferred", "look"])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--lanes", type=int, default=50_000)
    parser.add_argument("--path", type=Path)
    args = parser.parse_args()
    if args.what == "look":
        print(json.dumps(asyncio.run(look(args.path))))
        return
    with tempfile.TemporaryDirectory(dir=args.path) as directory:
        path = Path(directory) / "spool"
        if args.what == "pairs":
            print(json.dumps(asyncio.run(pairs(path, args.seconds, args.callers, args.bytes)), indent=1))
            return
        begun = time.perf_counter()
        fill(path, args.items, args.lanes)
        print(
            f"filled in {time.perf_counter() - begun:.0f} s, {(path / 'spool.db').stat().st_size >> 20} MiB"
        )
        subprocess.run([sys.executable, __file__, "look", "--path", str(path)], check=True)


if __name__ == "__main__":
    main()
