"""Faults of our own around the end of a try: no result is lost, no place in memory stays taken, no lane hangs."""

import asyncio
from collections.abc import Callable

import pytest
from tests.unit.queue.bench import Bench, Carriage, bench
from tests.unit.queue.mail import HOST_DOWN, NEVER, OK

from mailrail.observe import Event
from mailrail.queue import (
    AttemptCrashed,
    DestinationAsleep,
    Job,
    QueueSettings,
    RecipientDelivered,
    ResultNotStored,
)
from mailrail.queue.settings import WindowSettings
from mailrail.sim import simulate

ONE_LANE = QueueSettings(window=WindowSettings(start=1, most=1, cohorts=1))
Break = Callable[[Bench, pytest.MonkeyPatch], None]


def fault(*_: object, **__: object) -> None:
    raise ValueError("a fault")


def breaking(*events: type[Event]) -> Break:
    """Let one who listens to *events* raise at each."""
    return lambda queue, patch: queue.bus.listen(fault, events)


def once(owner: Callable[[Bench], object], name: str) -> Break:
    """Let a method raise when it is called next."""

    def break_it(queue: Bench, patch: pytest.MonkeyPatch) -> None:
        method, faults = getattr(owner(queue), name), [fault]

        def broken(*args: object, **rest: object) -> object:
            if faults:
                faults.pop()()
            return method(*args, **rest)

        patch.setattr(owner(queue), name, broken)

    return break_it


async def is_empty(queue: Bench) -> bool:
    """Tell whether nothing is in memory any more: else the end waits for it."""
    begun_s = asyncio.get_running_loop().time()
    await queue.manager.stop(0)
    return asyncio.get_running_loop().time() == begun_s


@pytest.mark.parametrize("has_short_road", [True, False])
@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (breaking(RecipientDelivered), AttemptCrashed),
        (breaking(RecipientDelivered, AttemptCrashed), AttemptCrashed),
        (once(lambda queue: queue.spool, "settle"), ResultNotStored),
    ],
)
def test_what_was_delivered_is_settled_whatever_breaks(
    break_it: Break, told: type[Event], has_short_road: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with bench(ONE_LANE, Carriage(has_short_road=has_short_road, goes_ahead=True)) as queue:
            await queue.accept()
            await asyncio.sleep(1)
            break_it(queue, monkeypatch)
            taken = [await queue.accept() for _ in range(3)]
            await asyncio.sleep(30)
            faults = [event for event in queue.events if isinstance(event, AttemptCrashed | ResultNotStored)]
            assert {type(event) for event in faults} == {told}
            assert {event.queue_id for event in faults} <= set(taken)
            assert queue.stored() == []
            assert len(queue.carriage.carried) == 4, "each was sent once"
            assert all((view.active, view.running) == (0, 0) for view in await queue.control.stats())
            assert await is_empty(queue)

    simulate(main())


def test_a_notice_is_made_whatever_breaks_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        def answer(job: Job) -> object:
            return OK if job.lease.message.is_notice else NEVER

        async with bench(carriage=Carriage(answer)) as queue:  # type: ignore[arg-type]
            once(lambda queue: queue.notifier, "is_owed")(queue, monkeypatch)
            await queue.accept()
            await asyncio.sleep(30)
            assert len(queue.notifier.told) == 1
            assert queue.stored() == []
            assert await is_empty(queue)

    simulate(main())


def test_what_puts_a_destination_to_sleep_is_put_off_even_if_that_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with bench(ONE_LANE, Carriage(lambda job: HOST_DOWN)) as queue:
            breaking(DestinationAsleep)(queue, monkeypatch)
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(5)
            assert len(queue.told(AttemptCrashed)) == 1
            assert [one.attempts for one in queue.stored()] == [1, 1, 1]
            assert await is_empty(queue)

    simulate(main())
