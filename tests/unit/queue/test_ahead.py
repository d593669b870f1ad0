"""Work that a lane takes ahead, while it tries another."""

import asyncio

import pytest
from tests.unit.queue.bench import Carriage, bench
from tests.unit.queue.mail import HOST_DOWN, OK

from mailrail.model import DeliverBy, Outcome
from mailrail.queue import Job, QueueSettings
from mailrail.queue.settings import WindowSettings
from mailrail.sim import simulate
from mailrail.spool import Filter

ONE_LANE = QueueSettings(window=WindowSettings(start=1, most=1))
KEY = "mx:example.org"


def test_a_lane_takes_the_next_ahead_and_each_is_delivered_once() -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True)) as queue:
            taken = [await queue.accept() for _ in range(10)]
            await asyncio.sleep(5)
            assert [queue_id for *_, queue_id in queue.carriage.carried] == taken
            assert queue.carriage.went_ahead == taken[1:]
            assert queue.stored() == []
            assert queue.carriage.opened == [KEY]

    simulate(main())


def test_nothing_goes_ahead_when_nothing_waits() -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True)) as queue:
            for _ in range(3):
                await queue.accept()
                await asyncio.sleep(1)
            assert queue.carriage.went_ahead == []

    simulate(main())


def test_what_must_be_read_from_disk_does_not_go_ahead() -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True)) as queue:
            for _ in range(4):
                await queue.accept(leased=False)
            queue.manager.wake()
            await asyncio.sleep(5)
            assert queue.carriage.went_ahead == []
            assert queue.stored() == []

    simulate(main())


@pytest.mark.parametrize("has_short_road", [True, False])
def test_what_was_taken_and_must_be_read_from_disk_is_kept_when_another_host_asks_again(
    has_short_road: bool,
) -> None:
    """Behind one whose time was over, and which makes room for it."""

    async def main() -> None:
        carriage = Carriage(goes_ahead=True, asks=2, takes_s=10, has_short_road=has_short_road)
        async with bench(ONE_LANE, carriage) as queue:
            taken = [await queue.accept()]
            await asyncio.sleep(1)
            taken.append(await queue.accept())
            await queue.accept(sender=None, deliver_by=DeliverBy(5, returns=True))
            taken.append(await queue.accept(sender="bob", leased=False))
            queue.manager.wake()
            await asyncio.sleep(100)
            assert queue.stored() == []
            assert {queue_id for *_, queue_id in carriage.carried} == set(taken)
            assert await queue.control.stats() == []

    simulate(main())


def test_a_rate_limit_lets_nothing_go_ahead() -> None:
    async def main() -> None:
        settings = QueueSettings(window=WindowSettings(start=1, most=1), rate=1.0)
        async with bench(settings, Carriage(goes_ahead=True)) as queue:
            for _ in range(4):
                await queue.accept()
            await asyncio.sleep(2.5)
            assert len(queue.carried_to(KEY)) == 3
            assert queue.carriage.went_ahead == []
            await asyncio.sleep(5)

    simulate(main())


def test_what_went_ahead_of_a_destination_that_falls_asleep_goes_back_untried() -> None:
    """A72: and it is put off with the others."""
    tries: list[int] = []

    def answer(job: Job) -> Outcome:
        tries.append(job.lease.item.attempts)
        return HOST_DOWN

    async def main() -> None:
        async with bench(ONE_LANE, Carriage(answer, goes_ahead=True)) as queue:
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(20)
            assert tries == [0], "the destination sleeps: only one was tried"
            (view,) = await queue.control.stats()
            assert (view.active, view.running, view.connections) == (0, 0, 0)
            assert len(queue.stored()) == 3

    simulate(main())


def test_what_went_ahead_is_tried_anew_at_once_when_only_its_session_ended() -> None:
    answers: list[Outcome] = [HOST_DOWN, OK, OK]

    async def main() -> None:
        settings = QueueSettings(window=WindowSettings(start=1, most=1, cohorts=5))
        async with bench(settings, Carriage(lambda job: answers.pop(0), goes_ahead=True)) as queue:
            first, second = await queue.accept(), await queue.accept()
            await asyncio.sleep(1)
            assert [queue_id for *_, queue_id in queue.carriage.carried] == [first, second]
            assert queue.carried_to(KEY)[1] < 0.5
            assert [one.queue_id for one in queue.stored()] == [first]

    simulate(main())


def test_a_fault_of_our_own_loses_nothing_that_went_ahead() -> None:
    faults = [True]

    def answer(job: Job) -> Outcome:
        if faults and faults.pop():
            raise RuntimeError("a fault of our own")
        return OK

    async def main() -> None:
        async with bench(ONE_LANE, Carriage(answer, goes_ahead=True)) as queue:
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(3600)
            assert queue.stored() == []

    simulate(main())


def test_stop_lets_what_went_ahead_finish_too() -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True, takes_s=5)) as queue:
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(1)
            await queue.manager.stop(30)
            assert len(queue.carriage.carried) == 2
            assert len(queue.stored()) == 1

    simulate(main())


def test_stop_gives_both_back_when_the_grace_is_over() -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True, takes_s=500)) as queue:
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(1)
            store = queue.spool.store
            await queue.manager.stop(1)
            assert [one.attempts for one in queue.stored()] == [0, 0, 0]
            async with bench(store=store) as restarted:
                await asyncio.sleep(5)
                assert restarted.stored() == []

    simulate(main())


def test_what_went_ahead_counts_as_running_for_the_operator() -> None:
    """What is being tried ends with what that try brings; what only waits is held."""

    async def main() -> None:
        async with bench(ONE_LANE, Carriage(goes_ahead=True, takes_s=5)) as queue:
            taken = [await queue.accept() for _ in range(4)]
            await asyncio.sleep(1)
            (view,) = await queue.control.stats()
            assert (view.active, view.running, view.connections) == (2, 2, 1)
            await queue.control.hold(Filter())
            await asyncio.sleep(60)
            assert [queue_id for *_, queue_id in queue.carriage.carried] == taken[:2]
            assert all(one.held for one in queue.stored())

    simulate(main())
