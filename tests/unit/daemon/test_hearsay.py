"""What one worker counts, the others count too."""

import asyncio
from collections.abc import Iterator

import pytest

from mailrail.daemon.hearsay import Hearsay, pairs
from mailrail.daemon.worker import ALONE, Worker
from mailrail.model import SystemClock
from mailrail.policy import Buckets, Limit

LIMIT = Limit(10, 3600)


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    made = pairs(3)
    yield [
        Worker(
            number=number,
            hears=made[number][0],
            tells=tuple(told for other, (_, told) in enumerate(made) if other != number),
        )
        for number in range(3)
    ]
    for pair in made:
        for sock in pair:
            sock.close()


def buckets_of(worker: Worker) -> Buckets:
    hearsay = Hearsay(worker)
    buckets = Buckets(SystemClock(), told=hearsay.tell)
    hearsay.listen(buckets)
    return buckets


def test_a_failure_counts_with_every_worker_and_is_forgotten_by_all(workers: list[Worker]) -> None:
    async def scenario() -> None:
        one, two, three = map(buckets_of, workers)
        one.pour("guess client 192.0.2.1", LIMIT)
        two.pour("guess client 192.0.2.1", LIMIT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for buckets in (one, two, three):
            assert buckets.level("guess client 192.0.2.1", LIMIT) == pytest.approx(2, abs=0.1)
        three.empty("guess client")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert one.level("guess client 192.0.2.1", LIMIT) == two.level("guess client 192.0.2.1", LIMIT) == 0

    asyncio.run(scenario())


def test_a_worker_that_takes_nothing_holds_up_nobody(workers: list[Worker]) -> None:
    async def scenario() -> None:
        hearsay = Hearsay(workers[0])
        buckets = Buckets(SystemClock(), told=hearsay.tell)
        for number in range(5000):  # more than a socket holds
            buckets.pour(f"guess client {number}", LIMIT)
        assert len(buckets) == 5000

    asyncio.run(scenario())


def test_who_is_alone_tells_nobody() -> None:
    async def scenario() -> None:
        buckets = buckets_of(ALONE)
        buckets.pour("x", LIMIT)
        assert len(buckets) == 1

    asyncio.run(scenario())
