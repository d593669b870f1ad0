"""The manager over a memory spool, with scripted next hops, in virtual time."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from tests.unit.queue.bench import Bench, Carriage, FakeCarrier, bench
from tests.unit.queue.mail import HOST_DOWN, NEVER, NOT_NOW, OK, OURS, item, message

from mailrail.model import SECOND_US, Blame, Deferred, DeliverBy, Failed, Reply, StoreTrouble
from mailrail.queue import (
    AttemptCrashed,
    DestinationAsleep,
    DestinationAwake,
    DestinationSettings,
    Job,
    MessageDamaged,
    QueueSettings,
    RecipientDeferred,
    RecipientDelivered,
    RecipientExpired,
    RecipientFailed,
    ResultNotStored,
)
from mailrail.queue.manager import SUSPEND_CHUNK, SUSPEND_REST_S
from mailrail.queue.settings import WindowSettings
from mailrail.sim import simulate

DAY_S = 86_400


def test_fresh_mail_is_delivered_from_memory_at_once() -> None:
    async def main() -> None:
        async with bench() as queue:
            await queue.accept()
            await asyncio.sleep(0.2)
            assert queue.carriage.carried[0][0] == 0.0
            assert queue.stored() == []
            (event,) = queue.told(RecipientDelivered)
            assert isinstance(event, RecipientDelivered)
            assert (event.recipient, event.destination) == ("rcpt0@example.org", "mx:example.org")
            assert (event.relay, event.reply, event.attempts) == ("mx.example.org", "250 2.0.0 Queued", 1)

    simulate(main())


def test_only_who_asked_to_hear_of_a_delivery_is_owed_a_word_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with bench() as queue:
            monkeypatch.setattr(queue.notifier, "is_owed", lambda message, outcomes: True)
            await queue.accept()
            asked = await queue.accept(deliver_by=DeliverBy(3600, returns=False, traces=True))
            await asyncio.sleep(1)
            assert [told[0] for told in queue.notifier.told] == [asked]
            assert len(queue.told(RecipientDelivered)) == 3, "both, and the notice"

    simulate(main())


def test_a_verdict_that_comes_too_late_is_not_kept() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(takes_s=1.0)) as queue:
            key = (await queue.accept(), "mx:example.org")
            await asyncio.sleep(0.5)
            queue.manager.condemn([key], Reply(554, "5.7.1", "Deleted"))
            await asyncio.sleep(1)
            assert len(queue.told(RecipientDelivered)) == 1
            assert not queue.manager._ends.verdicts

    simulate(main())


def test_one_lane_keeps_its_session_for_the_next_message_and_then_closes_it() -> None:
    async def main() -> None:
        async with bench() as queue:
            for _ in range(4):
                await queue.accept()
                await asyncio.sleep(4)
            assert queue.carriage.opened == ["mx:example.org"]
            await asyncio.sleep(10)
            assert queue.manager.destinations() == [], "an idle destination is forgotten"
            await queue.accept()
            await asyncio.sleep(1)
            assert len(queue.carriage.opened) == 2

    simulate(main())


def test_mail_without_a_lease_is_claimed_from_the_spool() -> None:
    async def main() -> None:
        async with bench() as queue:
            await queue.accept(leased=False)
            queue.manager.wake()
            await asyncio.sleep(1)
            assert queue.stored() == []

    simulate(main())


def test_what_a_restart_finds_due_is_delivered() -> None:
    async def main() -> None:
        async with bench() as queue:
            for _ in range(50):
                await queue.accept(leased=False)
            store = queue.spool.store
            async with bench(store=store) as restarted:
                await asyncio.sleep(5)
                assert restarted.stored() == []

    simulate(main())


def test_a61_a_greylisted_message_is_tried_again_with_growing_waits_until_it_gets_through() -> None:
    tries: list[int] = []

    def answer(job: Job) -> Deferred | object:
        tries.append(job.lease.item.attempts)
        return OK if len(tries) > 3 else NOT_NOW

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:  # type: ignore[arg-type]
            await queue.accept()
            await asyncio.sleep(3600)
            assert tries == [0, 1, 2, 3]
            times = queue.carried_to("mx:example.org")
            waits = [later - sooner for sooner, later in pairwise(times)]
            for wait_s, nominal_s in zip(waits, (300, 600, 1200), strict=True):
                assert abs(wait_s - nominal_s) <= nominal_s * 0.1 + 2
            assert queue.stored() == []

    simulate(main())


def test_a61_a_message_that_is_never_taken_is_warned_of_once_and_returned_after_five_days() -> None:
    def answer(job: Job) -> object:
        return OK if job.lease.message.is_notice else NOT_NOW

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:  # type: ignore[arg-type]
            await queue.accept()
            await asyncio.sleep(4 * 3600 + 600)
            assert [delayed for _, _, delayed in queue.notifier.told] == [(0,)]
            await asyncio.sleep(5 * DAY_S - 4 * 3600 - 1200)
            assert len(queue.stored()) == 1
            await asyncio.sleep(1200)
            assert queue.stored() == [], "message returned, notices delivered"
            assert [failed for _, failed, _ in queue.notifier.told] == [(), (0,)]
            (event,) = queue.told(RecipientExpired)
            assert isinstance(event, RecipientExpired)
            assert "5.4.7" in event.reply
            assert "Greylisted" in event.reply

    simulate(main())


def test_a_failure_and_its_notice_are_one_step_and_the_notice_goes_out_at_once() -> None:
    def answer(job: Job) -> object:
        return OK if job.lease.message.is_notice else NEVER

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:  # type: ignore[arg-type]
            await queue.accept()
            await asyncio.sleep(0.3)
            assert [key for _, key, _ in queue.carriage.carried] == ["mx:example.org", "mx:example.com"]
            assert queue.stored() == []
            assert len(queue.told(RecipientFailed)) == 1

    simulate(main())


def test_a63_a_failed_notice_is_answered_by_nothing() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NEVER)) as queue:
            await queue.accept(sender=None)
            await asyncio.sleep(1)
            assert queue.stored() == []
            assert queue.notifier.told == []

    simulate(main())


def test_trouble_of_our_own_never_bounces_even_after_a_month() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: OURS)) as queue:
            await queue.accept(sender=None)
            await asyncio.sleep(30 * DAY_S)
            (left,) = queue.stored()
            assert left.attempts == 0
            assert queue.told(RecipientExpired) == []
            queue.carriage.answer = lambda job: OK
            await asyncio.sleep(700)
            assert queue.stored() == []

    simulate(main())


def test_a72_a_dead_destination_sleeps_and_others_are_not_slowed() -> None:
    def answer(job: Job) -> object:
        return HOST_DOWN if job.lease.item.destination == "mx:dead.example" else OK

    async def main() -> None:
        carriage = Carriage(answer)  # type: ignore[arg-type]
        async with bench(QueueSettings(active_items=100), carriage) as queue:
            for _ in range(500):
                await queue.accept(domain="dead.example")
            for number in range(200):
                await queue.accept(domain=f"live{number % 20}.example")
            await asyncio.sleep(30)
            live = [where for _, where, _ in carriage.carried if where != "mx:dead.example"]
            assert len(live) == 200
            assert len(queue.carried_to("mx:dead.example")) < 20, "most were put off without a try"
            assert len(queue.stored()) == 500
            assert Counter(left.attempts for left in queue.stored()) == {1: 500}
            assert any(isinstance(e, RecipientDeferred) and e.suspended for e in queue.events)

    simulate(main())


def test_a72_what_waits_for_a_dead_destination_is_put_off_a_little_at_a_time() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: HOST_DOWN)) as queue:
            for _ in range(2000):
                await queue.accept(domain="dead.example")
            before, most = 0, 0
            while before < 1900:
                await asyncio.sleep(SUSPEND_REST_S)
                now = sum(isinstance(one, RecipientDeferred) and one.suspended for one in queue.events)
                before, most = now, max(most, now - before)
            assert most <= 2 * SUSPEND_CHUNK, "the loop has other things to do"
            assert Counter(left.attempts for left in queue.stored()) == {1: 2000}

    simulate(main())


def test_a72_a_slow_destination_leaves_room_for_the_others() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=600.0)
        async with bench(QueueSettings(active_items=100), carriage) as queue:
            for _ in range(300):
                await queue.accept(domain="slow.example")
            await asyncio.sleep(5)
            carriage.takes_s = 0.1
            started_s = asyncio.get_running_loop().time()
            for _ in range(20):
                await queue.accept(domain="quick.example")
            await asyncio.sleep(5)
            assert len(queue.carried_to("mx:quick.example")) == 20
            assert max(queue.carried_to("mx:quick.example")) - started_s < 5

    simulate(main())


def test_a_dead_destination_wakes_by_one_probe_and_then_opens_up() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: HOST_DOWN)) as queue:
            for _ in range(100):
                await queue.accept()
            await asyncio.sleep(10)
            before = len(queue.carriage.carried)
            assert len(queue.told(DestinationAsleep)) == 1
            queue.carriage.answer = lambda job: OK
            queue.carriage.most.clear()
            await asyncio.sleep(600)
            assert queue.stored() == []
            assert len(queue.told(DestinationAwake)) == 1
            assert len(queue.carriage.carried) == before + 100

    simulate(main())


def test_connections_start_few_and_never_exceed_the_limit() -> None:
    async def main() -> None:
        settings = QueueSettings(destination={"two.example": DestinationSettings(connections=2)})
        async with bench(settings) as queue:
            for _ in range(300):
                await queue.accept()
                await queue.accept(domain="two.example")
            await asyncio.sleep(0)
            assert queue.carriage.running["mx:example.org"] == 5
            await asyncio.sleep(20)
            assert queue.carriage.most == {"mx:example.org": 20, "mx:two.example": 2}
            assert queue.stored() == []

    simulate(main())


def test_a_rate_parks_the_work_and_one_timer_wakes_it() -> None:
    async def main() -> None:
        settings = QueueSettings(
            destination={"slow.example": DestinationSettings.model_validate({"rate": "6/min"})}
        )
        async with bench(settings) as queue:
            for _ in range(5):
                await queue.accept(domain="slow.example")
            await asyncio.sleep(60)
            times = queue.carried_to("mx:slow.example")
            assert [round(when_s) for when_s in times] == [0, 10, 20, 30, 40]

    simulate(main())


def test_senders_take_turns_within_a_destination() -> None:
    async def main() -> None:
        settings = QueueSettings(destination={"example.org": DestinationSettings(connections=1)})
        async with bench(settings) as queue:
            for _ in range(100):
                await queue.accept(sender="bulk")
            personal = await queue.accept(sender="bob")
            await asyncio.sleep(1)
            order = [queue_id for _, _, queue_id in queue.carriage.carried]
            assert order.index(personal) <= 2

    simulate(main())


def test_memory_is_bounded_and_the_rest_is_claimed_later() -> None:
    async def main() -> None:
        async with bench(QueueSettings(active_items=40)) as queue:
            for _ in range(400):
                await queue.accept()
            assert sum(one.waiting.size + one.running for one in queue.manager.destinations()) <= 40
            await asyncio.sleep(60)
            assert queue.stored() == []
            assert Counter(one for _, _, one in queue.carriage.carried).most_common(1)[0][1] == 1

    simulate(main())


def test_a68_a_result_that_the_disk_refuses_is_kept_and_nothing_is_sent_twice() -> None:
    async def main() -> None:
        async with bench() as queue:
            await queue.accept()
            queue.spool.store.refuses = StoreTrouble.FULL
            await asyncio.sleep(600)
            assert len(queue.stored()) == 1
            assert len(queue.told(ResultNotStored)) > 5
            queue.spool.store.refuses = None
            await asyncio.sleep(61)
            assert queue.stored() == []
            assert len(queue.carriage.carried) == 1

    simulate(main())


def test_a68_deliveries_go_on_while_the_disk_is_full() -> None:
    async def main() -> None:
        async with bench() as queue:
            for number in range(20):
                await queue.accept(domain=f"d{number}.example")
            queue.spool.store.refuses = StoreTrouble.FULL
            await asyncio.sleep(1)
            assert len(queue.carriage.carried) == 20
            queue.spool.store.refuses = None
            await asyncio.sleep(61)
            assert queue.stored() == []

    simulate(main())


def test_a70_a_message_that_does_not_read_back_is_held_and_the_rest_proceeds() -> None:
    async def main() -> None:
        async with bench() as queue:
            damaged = await queue.accept(leased=False)
            await queue.accept(leased=False)

            open_content = queue.spool.open

            async def broken(queue_id):  # type: ignore[no-untyped-def]
                if queue_id == damaged:
                    from mailrail.model import StoreError

                    raise StoreError(StoreTrouble.DAMAGED, "the file is gone")
                return await open_content(queue_id)

            queue.spool.open = broken  # type: ignore[method-assign]
            queue.manager.wake()
            await asyncio.sleep(5)
            (left,) = queue.stored()
            assert (left.queue_id, left.held) == (damaged, True)
            assert len(queue.told(MessageDamaged)) == 1

    simulate(main())


def test_a_fault_of_our_own_in_a_try_keeps_the_mail_and_is_told_with_its_stack() -> None:
    def answer(job: Job) -> Failed:
        raise ZeroDivisionError("a fault")

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:
            await queue.accept()
            await asyncio.sleep(1)
            (event,) = queue.told(AttemptCrashed)
            assert isinstance(event, AttemptCrashed)
            assert "ZeroDivisionError" in event.stack
            assert queue.stored()[0].attempts == 0

    simulate(main())


@pytest.mark.parametrize("where", ["try_begin", "attempt"])
def test_a_fault_of_our_own_on_the_short_road_keeps_the_mail_and_ends_the_lane(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with bench() as queue:
            await queue.accept()
            await asyncio.sleep(1)
            assert queue.stored() == []

            def fault(*_: object) -> None:
                raise ZeroDivisionError("a fault")

            with monkeypatch.context() as patch:
                patch.setattr(FakeCarrier, where, fault)
                await queue.accept()
                await asyncio.sleep(1)
            (event,) = queue.told(AttemptCrashed)
            assert isinstance(event, AttemptCrashed)
            assert "ZeroDivisionError" in event.stack
            assert queue.stored()[0].attempts == 0
            await queue.accept()
            await asyncio.sleep(1)
            assert len(queue.stored()) == 1
            assert queue.carriage.opened == ["mx:example.org"] * 2, "by a lane of its own"

    simulate(main())


def test_work_on_the_short_road_is_given_back_when_the_grace_is_over() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=1.0)
        async with bench(carriage=carriage) as queue:
            await queue.accept()
            await asyncio.sleep(2)
            carriage.takes_s = 60.0
            await queue.accept()
            await asyncio.sleep(1)
            await queue.manager.stop(5)
            assert [item.attempts for item in queue.stored()] == [0]
            assert carriage.running == {"mx:example.org": 0}

    simulate(main())


def test_a_carrier_that_forgets_a_recipient_is_a_fault_of_our_own() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: [OK])) as queue:
            await queue.accept(recipients=2)
            await asyncio.sleep(1)
            assert len(queue.told(AttemptCrashed)) == 1
            assert len(queue.stored()[0].pending) == 2

    simulate(main())


def test_a62_a_clock_that_jumps_five_days_ahead_expires_nothing() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            for _ in range(20):
                await queue.accept(sender=None)
            await asyncio.sleep(3600)
            queue.clock.step(5 * DAY_S)
            await asyncio.sleep(6 * 3600)
            assert len(queue.stored()) == 20
            assert queue.told(RecipientExpired) == []

    simulate(main())


def test_a62_whoever_carries_a_message_is_told_by_how_much_the_clock_was_stepped_meanwhile() -> None:
    jobs: list[Job] = []

    def answer(job: Job) -> Deferred:
        jobs.append(job)
        return NOT_NOW

    async def main() -> None:
        async with bench(carriage=Carriage(answer)) as queue:
            await queue.accept()
            await asyncio.sleep(60)
            queue.clock.step(5 * DAY_S)
            await asyncio.sleep(600)
            assert [job.stepped_us for job in jobs[:2]] == [0, 5 * DAY_S * SECOND_US]

    simulate(main())


def test_a62_a_clock_that_jumps_back_delays_nothing_for_long() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            await queue.accept()
            await asyncio.sleep(60)
            queue.clock.step(-DAY_S)
            await asyncio.sleep(200)
            assert len(queue.carriage.carried) == 2

    simulate(main())


def test_a62_a_clock_that_jumps_back_while_the_disk_is_full_delays_nothing_for_long() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(lambda job: NOT_NOW)) as queue:
            await queue.accept()
            await asyncio.sleep(60)
            queue.spool.store.refuses = StoreTrouble.FULL
            queue.clock.step(-DAY_S)
            await asyncio.sleep(200)
            queue.spool.store.refuses = None
            await asyncio.sleep(200)
            assert len(queue.carriage.carried) >= 2

    simulate(main())


def test_stop_lets_running_tries_finish_and_gives_the_rest_back() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=10.0)
        async with bench(carriage=carriage) as queue:
            for _ in range(30):
                await queue.accept()
            await asyncio.sleep(1)
            await queue.manager.stop(60.0)
            assert len(carriage.carried) == 5
            assert len(queue.stored()) == 25
            assert not queue.manager.has_room()
            async with bench(store=queue.spool.store) as restarted:
                await asyncio.sleep(60)
                assert restarted.stored() == []

    simulate(main())


def test_stop_aborts_what_does_not_finish_within_the_grace() -> None:
    async def main() -> None:
        async with bench(carriage=Carriage(takes_s=1000.0)) as queue:
            await queue.accept()
            await asyncio.sleep(1)
            started_s = asyncio.get_running_loop().time()
            await queue.manager.stop(5.0)
            assert asyncio.get_running_loop().time() - started_s < 10
            (left,) = queue.stored()
            assert left.attempts == 0

    simulate(main())


def test_a_queue_that_is_cancelled_begins_nothing_more() -> None:
    async def main() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        carriage = Carriage(takes_s=1000.0)
        queue = Bench(QueueSettings(window=WindowSettings(start=1, most=1)), carriage, None)
        running = asyncio.create_task(queue.manager.run())
        await asyncio.sleep(0)
        for _ in range(3):
            await queue.accept()
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert not queue.manager.has_room()
        assert len(carriage.carried) == 1
        assert complaints == []
        async with bench(store=queue.spool.store) as restarted:
            await asyncio.sleep(60)
            assert restarted.stored() == []

    simulate(main())


def test_mail_that_is_offered_after_the_stop_stays_in_the_spool() -> None:
    async def main() -> None:
        async with bench() as queue:
            of = message(7)
            draft = queue.spool.begin(of.queue_id)
            draft.write(b"hello")
            committed = await draft.commit(of, [item(of)], lease=True)
            await queue.manager.stop(1.0)
            await asyncio.sleep(1)
            queue.manager.offer(committed.leases, committed.content)
            async with bench(store=queue.spool.store) as restarted:
                await asyncio.sleep(1)
                assert restarted.stored() == []

    simulate(main())


def test_a_new_carrier_that_cannot_be_made_keeps_the_mail() -> None:
    class Broken:
        def carrier(self, destination: str, lease: object) -> object:
            raise RuntimeError("no such route")

    async def main() -> None:
        async with bench() as queue:
            queue.manager.courier = Broken()  # type: ignore[assignment]
            await queue.accept()
            await asyncio.sleep(1)
            assert len(queue.stored()) == 1
            assert len(queue.told(AttemptCrashed)) == 1

    simulate(main())


def test_many_dead_destinations_are_remembered_only_up_to_a_bound() -> None:
    async def main() -> None:
        settings = QueueSettings(active_items=20)
        async with bench(settings, Carriage(lambda job: HOST_DOWN)) as queue:
            for number in range(200):
                await queue.accept(domain=f"d{number}.example")
                await asyncio.sleep(1)
            queue.manager.wake()
            await asyncio.sleep(61)
            assert len(queue.manager.destinations()) <= 60

    simulate(main())


def test_a_permanent_answer_about_a_domain_does_not_put_it_to_sleep() -> None:
    async def main() -> None:
        gone = Failed(Blame.DESTINATION, Reply(556, "5.1.10", "Null MX"))
        async with bench(carriage=Carriage(lambda job: gone)) as queue:
            for _ in range(30):
                await queue.accept(sender=None)
            await asyncio.sleep(5)
            assert queue.stored() == []
            assert queue.told(DestinationAsleep) == []

    simulate(main())
