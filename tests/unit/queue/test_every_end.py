"""Whatever the next hops and the disk do, every message comes to exactly one end."""

import asyncio
import random
from collections import Counter

import pytest
from tests.unit.queue.bench import Bench, Carriage, bench
from tests.unit.queue.mail import HOST_DOWN, NEVER, NOT_NOW, OK, OURS

from mailrail.model import Delivered, Failed, Outcome, QueueId, StoreTrouble
from mailrail.queue import Job, QueueSettings
from mailrail.sim import simulate
from mailrail.spool import Filter

DAY_S = 86_400
Fates = dict[tuple[QueueId, int], list[Outcome]]


class Weather:
    """Next hops that answer by chance, and the finals they gave."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.finals: Fates = {}

    def answer(self, job: Job) -> list[Outcome]:
        if self.chance.random() < 0.02:
            raise RuntimeError("a fault of our own")
        kinds: list[Outcome] = [OK, NEVER, NOT_NOW, NOT_NOW, HOST_DOWN, OURS]
        outcomes = self.chance.choices(kinds, k=len(job.lease.item.pending))
        for pending, outcome in zip(job.lease.item.pending, outcomes, strict=True):
            if isinstance(outcome, Delivered | Failed):
                self.finals.setdefault((job.lease.item.queue_id, pending.index), []).append(outcome)
        return outcomes


async def disturb(queue: Bench, chance: random.Random) -> None:
    """A night of an operator's verbs, a disk that fills up, and a clock that is set."""
    for _ in range(20):
        await asyncio.sleep(chance.uniform(1, 2000))
        match chance.randrange(4):
            case 0:
                queue.spool.store.refuses = StoreTrouble.FULL
                await asyncio.sleep(chance.uniform(0, 100))
                queue.spool.store.refuses = None
            case 1:
                queue.clock.step(chance.uniform(-DAY_S, DAY_S))
            case 2:
                row = await queue.control.page(Filter(), limit=1)
                if row:
                    await queue.control.hold(Filter())
                    await asyncio.sleep(100)
                    await queue.control.release(Filter())
            case _:
                await queue.control.retry(Filter())


@pytest.mark.parametrize("seed", range(8))
def test_every_recipient_ends_once_and_every_failure_is_told(seed: int) -> None:
    """A66 in spirit, A61, A62, A68, A72."""
    chance, weather = random.Random(seed), Weather(seed)

    async def main() -> None:
        settings = QueueSettings(active_items=chance.choice([20, 50, 1000]))
        carriage = Carriage(weather.answer, takes_s=0.5, goes_ahead=seed % 2 == 1)
        async with bench(settings, carriage) as queue:
            accepted: dict[QueueId, int] = {}
            for _ in range(120):
                recipients = chance.randint(1, 4)
                domain = f"d{chance.randrange(6)}.example"
                leased = chance.random() < 0.7
                queue_id = await queue.accept(domain=domain, recipients=recipients, leased=leased)
                accepted[queue_id] = recipients
                await asyncio.sleep(chance.uniform(0, 2))
            await disturb(queue, chance)
            await asyncio.sleep(8 * DAY_S)
            assert queue.stored() == []
            ends = Counter(key for key, outcomes in weather.finals.items() for _ in outcomes)
            assert all(count == 1 for count in ends.values()), "nobody was settled twice"
            told = {(queue_id, index) for queue_id, failed, _ in queue.notifier.told for index in failed}
            for queue_id, recipients in accepted.items():
                for index in range(recipients):
                    outcomes = weather.finals.get((queue_id, index), [])
                    is_delivered = any(isinstance(outcome, Delivered) for outcome in outcomes)
                    assert is_delivered != ((queue_id, index) in told)

    simulate(main())
