"""What an operator may do with the queue."""

import asyncio

from tests.unit.queue.bench import Carriage, bench
from tests.unit.queue.mail import HOST_DOWN, NOT_NOW, OK

from mailrail.queue import RecipientFailed
from mailrail.queue.api import Job
from mailrail.sim import simulate
from mailrail.spool import Filter

ALL = Filter()


def test_what_is_held_waits_until_it_is_released() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(takes_s=5.0)) as queue:
            for _ in range(20):
                await queue.accept()
            assert await queue.control.hold(ALL) == 20
            await asyncio.sleep(3600)
            assert len(queue.stored()) == 15, "the five that were being tried went through"
            assert await queue.control.release(ALL) == 15
            await asyncio.sleep(60)
            assert queue.stored() == []

    simulate(main())


def test_what_comes_while_its_kind_is_held_waits_too_also_after_a_restart() -> None:
    async def main() -> None:
        async with bench() as queue:
            assert await queue.control.hold(Filter(recipient="example.org")) == 0
            assert queue.control.holds() == (Filter(recipient="example.org"),)
            await queue.accept()
            await queue.accept(domain="example.net")
            await asyncio.sleep(60)
            assert [item.destination for item in queue.stored()] == ["mx:example.org"]
        async with bench(store=queue.spool.store) as again:
            await asyncio.sleep(60)
            assert len(again.stored()) == 1
            assert await again.control.release(Filter(recipient="example.org")) == 1
            await asyncio.sleep(60)
            assert again.stored() == []

    simulate(main())


def test_a_hold_of_single_messages_is_for_them_alone() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            first = await queue.accept()
            await asyncio.sleep(1)
            await queue.control.hold(Filter(queue_ids=(first,)))
            assert queue.control.holds() == ()

    simulate(main())


def test_what_is_deleted_is_gone_without_a_notice() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            first, second = await queue.accept(), await queue.accept()
            await asyncio.sleep(1)
            assert await queue.control.delete(Filter(queue_ids=(first,))) == 1
            assert [left.queue_id for left in queue.stored()] == [second]
            assert queue.notifier.told == []

    simulate(main())


def test_retry_tries_now_and_wakes_a_sleeping_destination() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: HOST_DOWN)) as queue:
            for _ in range(30):
                await queue.accept()
            await asyncio.sleep(5)
            queue.carriage.answer = lambda job: OK
            assert await queue.control.retry(ALL) == 30
            await asyncio.sleep(10)
            assert queue.stored() == []

    simulate(main())


def test_bounce_returns_mail_to_its_sender_held_or_not() -> None:
    def answer(job: Job) -> object:
        return OK if job.lease.message.is_notice else NOT_NOW

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:  # type: ignore[arg-type]
            first, second = await queue.accept(), await queue.accept()
            await asyncio.sleep(1)
            await queue.control.hold(Filter(queue_ids=(first,)))
            assert await queue.control.bounce(ALL) == 2
            await asyncio.sleep(2)
            assert queue.stored() == []
            assert {told[0] for told in queue.notifier.told} == {first, second}
            events = queue.told(RecipientFailed)
            assert all(isinstance(e, RecipientFailed) and "operator" in e.reply for e in events)
            assert len(events) == 2

    simulate(main())


def test_bounce_returns_also_what_is_being_tried_and_comes_back_deferred() -> None:
    def answer(job: Job) -> object:
        return OK if job.lease.message.is_notice else (OK, NOT_NOW)

    async def main() -> None:
        async with bench(carriage=Carriage(answer, takes_s=5.0)) as queue:  # type: ignore[arg-type]
            tried = await queue.accept(recipients=2)
            await asyncio.sleep(1)
            assert await queue.control.bounce(ALL) == 1
            await asyncio.sleep(20)
            assert queue.stored() == []
            assert queue.notifier.told == [(tried, (1,), ())]
            (event,) = queue.told(RecipientFailed)
            assert isinstance(event, RecipientFailed)
            assert "operator" in event.reply

    simulate(main())


def test_page_count_and_show_see_what_is_there() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            ids = [await queue.accept() for _ in range(5)]
            await asyncio.sleep(1)
            first = await queue.control.page(ALL, limit=2)
            assert [row.item.queue_id for row in first] == ids[:2]
            after = (first[-1].item.queue_id, first[-1].item.destination)
            assert len(await queue.control.page(ALL, after=after)) == 3
            assert await queue.control.count(ALL) == 5
            (shown,) = await queue.control.show(ids[3])
            assert "Greylisted" in shown.item.pending[0].last_reply

    simulate(main())


def test_stats_show_spool_and_memory_side_by_side() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: HOST_DOWN)) as queue:
            for _ in range(30):
                await queue.accept()
            await asyncio.sleep(5)
            (row,) = await queue.control.stats()
            assert (row.destination, row.items, row.window) == ("mx:example.org", 30, 1)
            assert 50 < row.asleep_s <= 60
            assert "4.4.1" in row.last

    simulate(main())
