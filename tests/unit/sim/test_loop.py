"""The simulated loop: time, threads, what the seed decides and what not; and how a life ends."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from mailrail.sim import DeadlockError, Life, SimClock, SimLoop, simulate

DAY_S = 86_400.0


def test_days_pass_as_fast_as_what_happens_in_them() -> None:
    async def main() -> float:
        async with asyncio.timeout(6 * DAY_S):
            await asyncio.sleep(5 * DAY_S)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == pytest.approx(5 * DAY_S)


def test_a_deadlock_says_who_waits() -> None:
    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError, match="waits_for_ever"):
        simulate(waits_for_ever())


def order(seed: int) -> list[int]:
    async def main() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        at = loop.time() + 1.0
        for number in range(20):
            loop.call_at(at, fired.append, number)
        await asyncio.sleep(2.0)
        return fired

    return simulate(main(), seed)


def test_the_seed_orders_timers_of_equal_time() -> None:
    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == list(range(20))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_seed_call_soon_keeps_order_and_no_timer_overtakes_an_earlier_one(seed: int) -> None:
    async def main() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        for number in range(50):
            loop.call_soon(fired.append, number)
            loop.call_later(1.0 + number / 1000, fired.append, 50 + number)
        await asyncio.sleep(2.0)
        return fired

    assert simulate(main(), seed) == list(range(100))


@pytest.mark.parametrize("seed", range(5))
def test_jobs_of_one_executor_run_later_in_order_and_report_in_order(seed: int) -> None:
    async def main() -> tuple[list[int], list[int]]:
        loop, ran, told = asyncio.get_running_loop(), list[int](), list[int]()

        def tell(number: int, _: object) -> None:
            told.append(number)

        with ThreadPoolExecutor(1) as pool:
            for number in range(20):
                job = loop.run_in_executor(pool, ran.append, number)
                job.add_done_callback(partial(tell, number))
            assert ran == []
            await asyncio.sleep(1)
        return ran, told

    assert simulate(main(), seed) == (list(range(20)), list(range(20)))


def test_what_a_job_raises_is_told_and_who_has_given_up_is_left_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        loop.run_in_executor(None, lambda: 1 / 0).cancel()
        await asyncio.sleep(1)

    simulate(main(), 1)


def test_without_a_seed_jobs_are_done_on_the_spot() -> None:
    async def main() -> None:
        assert asyncio.get_running_loop().run_in_executor(None, lambda: 7).result() == 7

    simulate(main())


def test_sets_of_tasks_are_walked_in_the_order_of_their_making() -> None:
    async def main() -> list[int]:
        ended: list[int] = []

        async def member(number: int) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(number)

        async def group() -> None:
            async with asyncio.TaskGroup() as tasks:
                for number in range(30):
                    tasks.create_task(member(number))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(group(), 1)
        return ended

    assert simulate(main(), 1) == simulate(main(), 1)


def test_the_clock_follows_the_loop_and_can_be_stepped() -> None:
    async def main() -> None:
        clock = SimClock(1_000_000)
        await asyncio.sleep(2)
        assert clock.now_us() == 3_000_000
        clock.step(-1.5)
        assert clock.now_us() == 1_500_000

    simulate(main())


# -- lives ------------------------------------------------------------------------------------------


class Process:
    """Leaves traces wherever it runs."""

    def __init__(self) -> None:
        self.traces: list[str] = []

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(5, self.traces.append, "timer")
        loop.run_in_executor(None, self.traces.append, "thread")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.child())
        finally:
            self.traces.append("finally")
            await asyncio.sleep(1)
            self.traces.append("cleaned up")

    async def child(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.traces.append("alive")


def test_a_life_that_ends_runs_no_further_and_leaves_no_task() -> None:
    async def scenario() -> None:
        loop, process, life = asyncio.get_running_loop(), Process(), Life()
        assert isinstance(loop, SimLoop)
        life.start(process.main())
        await asyncio.sleep(2.5)
        assert process.traces == ["thread", "alive", "alive"]
        life.end()
        loop.run_in_executor(None, process.traces.append, "of the world")
        await asyncio.sleep(10)
        assert process.traces == ["thread", "alive", "alive", "of the world"]
        tasks = loop.tasks_of(life)
        assert len(tasks) == 2
        life.bury(tasks)
        assert process.traces[4:] == ["finally"]  # Python's, into dead doors
        await asyncio.sleep(10)
        assert process.traces[4:] == ["finally"]

    simulate(scenario(), 1)


def test_a_life_can_end_from_inside() -> None:
    async def scenario() -> None:
        life, traces = Life(), list[str]()

        async def suicidal() -> None:
            asyncio.get_running_loop().call_soon(traces.append, "soon")
            life.end()
            traces.append("the rest of its turn")
            await asyncio.sleep(0)
            traces.append("the next")

        task = life.start(suicidal())
        await asyncio.sleep(1)
        assert traces == ["the rest of its turn"]
        life.bury([task])

    simulate(scenario(), 1)


def test_time_goes_on_after_a_year() -> None:
    async def main() -> float:
        for _ in range(366):
            await asyncio.sleep(86_400.1)
        for _ in range(1000):
            await asyncio.sleep(1 / 3)
        return asyncio.get_running_loop().time()

    assert simulate(main()) == pytest.approx(366 * 86_400.1 + 1000 / 3)
