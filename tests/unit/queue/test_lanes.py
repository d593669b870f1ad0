"""One lane by itself, with a carrier and a desk that do what the test says."""

import asyncio
from collections.abc import Callable
from typing import NoReturn, cast

from tests.unit.queue.mail import OK, item, message

from mailrail.model import Attempt, StoreError
from mailrail.queue import Job
from mailrail.queue.destination import Destination, Work
from mailrail.queue.jumps import ClockJumps
from mailrail.queue.lanes import Lane
from mailrail.queue.settings import WindowSettings
from mailrail.sim import START_US, SimClock, simulate
from mailrail.spool import Content, Lease, MemorySpool

TAKEN = Attempt((OK,), "mx.example.org")


def lease(number: int) -> Lease:
    of = message(number)
    return Lease(of, item(of), number)


def job(number: int) -> Job:
    return Job(lease(number), cast(Content, None))  # which nothing here reads


class Desk:
    """Hands out what waits, and writes down what comes back. It makes the carriers too."""

    def __init__(self, *waiting: Work) -> None:
        self.destination = Destination("mx:example.org", WindowSettings(), 20, 0.0, 0.0)
        self.add(*waiting)
        self.has_tried: list[Work] = []
        self.back: list[Work] = []
        self.faults: list[str] = []
        self.resting: list[Lane] = []
        self.hand = Hand()

    def add(self, *waiting: Work) -> None:
        for work in waiting:
            self.destination.waiting.push(work)

    def carrier(self, destination: str, lease: Lease) -> "Hand":
        return self.hand

    def next_work(self, destination: Destination) -> Work | None:
        return destination.waiting.pop()  # raises if nothing waits: then nobody is to ask

    work_ahead = next_work

    def may_try(self, destination: Destination) -> bool:
        return True

    def untried(self, destination: Destination, work: Work) -> None:
        self.back.append(work)

    def may_rest(self, lane: Lane) -> bool:
        self.resting.append(lane)
        return True

    def tried(self, destination: Destination, work: Work, attempt: Attempt) -> None:
        self.has_tried.append(work)

    def crashed(self, destination: Destination, queue_id: str, stack: str) -> None:
        self.faults.append(queue_id)

    def damaged(self, destination: Destination, work: Work, error: StoreError) -> None:
        raise AssertionError(error)


class Hand:
    """A carrier whose session is always there; what is begun by the short road ends when the test says so."""

    is_open = True
    has_gone_ahead = True

    def __init__(self) -> None:
        self.begun: list[Work] = []
        self.asks = 1  # so often for what may go ahead, by the long road
        self.came: Callable[[], None] = lambda: None
        self.ahead: Callable[[], Job | None] = lambda: None

    async def carry(self, job: Job, ahead: Callable[[], Job | None]) -> Attempt:
        for _ in range(self.asks):
            ahead()
        return TAKEN

    def try_begin(self, job: Job, ahead: Callable[[], Job | None], came: Callable[[], None]) -> bool:
        self.begun.append(job)
        self.ahead, self.came = ahead, came
        return True

    def attempt(self) -> Attempt | None:
        return TAKEN

    async def close(self) -> None:
        pass


async def begun(desk: Desk, work: Work) -> tuple[Lane, "asyncio.Task[None]"]:
    """Let a lane begin with *work*, until nothing more happens by itself."""
    spool = MemorySpool(SimClock())
    jumps = ClockJumps(START_US, asyncio.get_running_loop().time())
    lane = Lane(desk.destination, desk, work, desk, spool, jumps)
    task = asyncio.create_task(lane.run())
    await asyncio.sleep(1)
    return lane, task


def fault(*_: object) -> NoReturn:
    raise ValueError("a fault")


async def over(task: "asyncio.Task[None]") -> None:
    await asyncio.wait([task], timeout=1)
    assert task.done()


def test_a_lane_that_was_cancelled_notes_the_reply_that_still_came_and_begins_nothing() -> None:
    """The reply is read in the turn of the loop in which the lane was cancelled, before its task wakes."""
    first, second, third, fourth = map(job, range(1, 5))

    async def main() -> None:
        desk = Desk(second)
        lane, task = await begun(desk, first)
        assert desk.hand.begun == [second]
        desk.add(third, fourth)
        assert desk.hand.ahead() == third
        task.cancel()
        desk.hand.came()
        await over(task)
        assert desk.has_tried == [first, second]
        assert desk.hand.begun == [second], "the content of what went ahead stays here"
        assert (lane.work, lane.ahead) == (None, third), "which whoever made the lane gives back"
        assert desk.destination.waiting.clear() == [fourth]

    simulate(main())


def test_a_lane_that_was_cancelled_while_it_rested_refuses_work() -> None:
    first, second = job(1), job(2)

    async def main() -> None:
        desk = Desk()
        lane, task = await begun(desk, first)
        assert desk.resting == [lane]
        task.cancel()
        lane.give(second)
        await over(task)
        assert desk.hand.begun == []
        assert desk.back == [second]
        assert lane.work is None

    simulate(main())


def test_a_fault_when_it_is_asked_what_follows_leaves_what_went_ahead_to_be_given_back() -> None:
    first, second, third = map(job, range(1, 4))

    async def main() -> None:
        desk = Desk(second, third)
        lane, task = await begun(desk, first)
        assert desk.hand.ahead() == third
        desk.hand.has_gone_ahead = False
        desk.may_try = fault  # type: ignore[assignment, method-assign]
        desk.hand.came()
        await over(task)
        assert desk.has_tried == [first, second]
        assert desk.faults == [second.lease.item.queue_id]
        assert (lane.work, lane.ahead) == (None, third)

    simulate(main())


def test_a_lane_ends_even_if_neither_the_result_nor_the_fault_can_be_told() -> None:
    first, second = job(1), job(2)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        desk = Desk(second)
        _, task = await begun(desk, first)
        desk.tried = desk.crashed = fault  # type: ignore[assignment, method-assign]
        desk.hand.came()
        await over(task)
        assert task.exception() is None

    simulate(main())


def test_a_fault_when_it_is_asked_what_may_go_ahead_is_told_and_nothing_goes() -> None:
    """The carrier is in the midst of its session."""
    first, second, third = map(job, range(1, 4))

    async def main() -> None:
        desk = Desk(second, third)
        _, task = await begun(desk, first)
        desk.work_ahead = fault  # type: ignore[assignment, method-assign]
        assert desk.hand.ahead() is None
        await asyncio.sleep(1)
        assert desk.faults == [""]
        desk.hand.came()
        assert desk.hand.begun == [second, third]
        task.cancel()
        await over(task)

    simulate(main())


def test_nothing_is_asked_for_where_nothing_waits() -> None:
    async def main() -> None:
        desk = Desk()
        _, task = await begun(desk, job(1))
        assert desk.hand.ahead() is None
        await asyncio.sleep(1)
        assert desk.faults == []
        assert len(desk.resting) == 1
        task.cancel()
        await over(task)

    simulate(main())
