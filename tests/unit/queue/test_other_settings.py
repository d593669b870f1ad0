"""A queue that is told to go by other settings while mail is under way."""

import asyncio
from typing import Any

from tests.unit.queue.bench import Bench, Carriage, FakeCourier, FakeNotifier, bench
from tests.unit.queue.mail import NOT_NOW

from mailrail.model import Blame, Failed, Reply
from mailrail.queue import QueueSettings
from mailrail.sim import simulate

GONE = Failed(Blame.RECIPIENT, Reply(550, "5.1.1", "gone", "RFC 5321"))


def use(
    queue: Bench, carriage: Carriage, notifier: FakeNotifier | None = None, **settings: Any
) -> FakeCourier:
    courier = FakeCourier(carriage)
    queue.manager.use(courier, notifier or queue.notifier, QueueSettings.model_validate(settings))
    return courier


def test_a_try_that_runs_ends_as_it_began_and_what_follows_goes_by_the_new_courier() -> None:
    old, new = Carriage(takes_s=10), Carriage()

    async def main() -> None:
        async with bench(
            QueueSettings.model_validate({"window": {"most": 1, "start": 1}}), carriage=old
        ) as queue:
            first = queue.manager.courier
            for _ in range(5):
                await queue.accept()
            await asyncio.sleep(1)
            use(queue, new)
            assert queue.manager.is_used(first)
            await asyncio.sleep(60)
            assert not queue.manager.is_used(first)
            assert (len(old.carried), len(new.carried)) == (1, 4)
            assert queue.stored() == []

    simulate(main())


def test_an_open_session_is_not_used_for_mail_under_other_settings() -> None:
    old, new = Carriage(), Carriage()

    async def main() -> None:
        async with bench(carriage=old) as queue:
            await queue.accept()
            await asyncio.sleep(1)  # the lane rests, its session open
            first = queue.manager.courier
            use(queue, new)
            await queue.accept()
            await asyncio.sleep(1)
            assert not queue.manager.is_used(first)
            assert (len(old.carried), len(new.carried)) == (1, 1)

    simulate(main())


def test_what_was_taken_ahead_goes_by_the_new_courier_unless_it_has_begun() -> None:
    old, new = Carriage(takes_s=5, goes_ahead=True), Carriage()

    async def main() -> None:
        async with bench(
            QueueSettings.model_validate({"window": {"most": 1, "start": 1}}), carriage=old
        ) as queue:
            for _ in range(4):
                await queue.accept()
            await asyncio.sleep(1)
            use(queue, new)
            await asyncio.sleep(60)
            assert (len(old.carried), len(new.carried)) == (2, 2)
            assert queue.stored() == []

    simulate(main())


def test_other_limits_hold_at_once_also_for_who_waited_for_the_old_ones() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=1)
        async with bench(QueueSettings.model_validate({"rate": "1/h"}), carriage=carriage) as queue:
            for _ in range(30):
                await queue.accept()
            await asyncio.sleep(5)
            assert len(carriage.carried) == 1
            use(queue, carriage, window={"most": 2, "start": 1})
            await asyncio.sleep(60)
            assert len(carriage.carried) == 30
            assert carriage.most["mx:example.org"] == 2
            use(queue, carriage, rate="1/min")
            for _ in range(3):
                await queue.accept()
            await asyncio.sleep(90)
            assert len(carriage.carried) == 32

    simulate(main())


def test_retries_and_notices_are_by_the_new_settings() -> None:
    async def main() -> None:
        carriage = Carriage(lambda job: NOT_NOW)
        async with bench(carriage=carriage) as queue:
            notifier = FakeNotifier(queue.clock)
            use(queue, carriage, notifier, retry={"first_s": "5s", "longest_s": "10s", "spread": 0})
            await queue.accept()
            await asyncio.sleep(20)
            assert len(carriage.carried) >= 3
            carriage.answer = lambda job: GONE
            await asyncio.sleep(60)
            assert (len(notifier.told), queue.notifier.told) == (1, [])

    simulate(main())
