"""What the time means that a sender sets for the delivery (RFC 2852), from decision to whole queue."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queue.bench import Carriage, bench
from tests.unit.queue.mail import HOST_DOWN, NEVER, NOT_NOW, OURS, lease, message

from mailrail.model import MOST_BY_S, SECOND_US, Deferred, DeliverBy, Failed, Hold, Message, Outcome
from mailrail.queue import QueueSettings, RecipientExpired, WindowSettings
from mailrail.queue.decide import Decision, Moment, decide
from mailrail.queue.settings import RetrySettings
from mailrail.sim import START_US, simulate

SETTINGS = RetrySettings(spread=0)
HOUR_S = 3600


def decided(
    of: Message, outcome: Outcome = NOT_NOW, *, age_s: float, asleep_s: float = 0.0, warned: bool = False
) -> Decision:
    moment = Moment(START_US, age_s, asleep_s)
    return decide(
        lease(of, attempts=9, warned=warned), [outcome], moment, SETTINGS, lambda low, high: (low + high) / 2
    )


def wait_s(decision: Decision) -> float:
    assert decision.left is not None
    return (decision.left.due_us - START_US) / SECOND_US


def within(by_s: int, *, returns: bool, hold: Hold | None = None) -> Message:
    return message(deliver_by=DeliverBy(by_s, returns), hold=hold)


@pytest.mark.parametrize("outcome", [NOT_NOW, HOST_DOWN, OURS])
def test_mode_r_goes_back_when_its_time_is_over_whoever_is_to_blame(outcome: Deferred) -> None:
    decision = decided(within(HOUR_S, returns=True), outcome, age_s=HOUR_S)
    assert decision.left is None
    ((index, final),) = decision.finals
    assert index == 0
    assert isinstance(final, Failed)
    assert final.reply.enhanced_code == "5.4.7"
    assert str(outcome.reply) in final.reply.text


@pytest.mark.parametrize(
    ("age_s", "expected_s"),
    [
        (0, 1800),  # the schedule says four hours; half of the time is sooner
        (HOUR_S - 60, 30),
        (HOUR_S - 15, 15),  # too near for one more try: at the end it goes back
        (HOUR_S - 0.5, 0.5),
    ],
)
def test_mode_r_is_tried_the_more_often_the_nearer_the_end(age_s: float, expected_s: float) -> None:
    assert wait_s(decided(within(HOUR_S, returns=True), age_s=age_s)) == expected_s
    asleep = decided(within(HOUR_S, returns=True), HOST_DOWN, age_s=age_s, asleep_s=2 * HOUR_S)
    assert wait_s(asleep) == expected_s, "nor does a sleeping destination keep it beyond its time"


def test_a_notice_of_delay_tells_mode_r_no_later_end_than_its_own() -> None:
    decision = decided(within(20 * HOUR_S, returns=True), age_s=4 * HOUR_S)
    assert decision.delayed == ((0, NOT_NOW),)
    assert decision.retry_until_us == START_US + 16 * HOUR_S * SECOND_US


def test_mode_n_is_told_once_at_its_time_and_goes_on() -> None:
    of = within(HOUR_S, returns=False)
    assert wait_s(decided(of, age_s=HOUR_S - 20)) == 20
    assert wait_s(decided(of, age_s=HOUR_S - 20, asleep_s=900)) == 20
    decision = decided(of, age_s=HOUR_S)
    ((index, told),) = decision.delayed
    assert index == 0
    assert isinstance(told, Deferred)
    assert told.reply.enhanced_code == "4.4.7"
    assert str(NOT_NOW.reply) in told.reply.text
    assert decision.left is not None
    assert decision.left.warned
    assert decision.left.pending[0].last_reply == str(NOT_NOW.reply)
    assert decided(of, age_s=5 * HOUR_S, warned=True).delayed == ()


def test_mode_n_takes_the_place_of_the_warning_for_all() -> None:
    of = within(20 * HOUR_S, returns=False)
    assert decided(of, age_s=4 * HOUR_S).delayed == ()
    assert decided(of, age_s=20 * HOUR_S).delayed != ()


def test_what_came_late_is_warned_of_like_any_other() -> None:
    of = within(-5, returns=False)
    assert decided(of, age_s=HOUR_S).delayed == ()
    assert decided(of, age_s=4 * HOUR_S).delayed == ((0, NOT_NOW),)


def test_the_time_counts_from_the_arrival_and_not_from_the_release() -> None:
    of = within(3 * HOUR_S, returns=True, hold=Hold(for_s=2 * HOUR_S))
    assert decided(of, age_s=HOUR_S - 1).left is not None
    assert decided(of, age_s=HOUR_S).left is None


@given(st.integers(-MOST_BY_S, MOST_BY_S), st.booleans(), st.integers(0, 2**60), st.integers(0, 2**60))
def test_time_only_runs_down(by_s: int, returns: bool, first_us: int, more_us: int) -> None:
    by = DeliverBy(by_s, returns)
    sooner, later = by.after(first_us), by.after(first_us + more_us)
    assert by.by_s >= sooner.by_s >= later.by_s >= -MOST_BY_S
    assert (later.returns, later.traces) == (returns, False)


def test_nothing_is_tried_once_the_time_of_mode_r_is_over() -> None:
    async def main() -> None:
        carriage = Carriage(answer=lambda job: NOT_NOW)
        async with bench(carriage=carriage) as queue:
            await queue.accept(deliver_by=DeliverBy(100, returns=True))
            await asyncio.sleep(2 * HOUR_S)
            times = queue.carried_to("mx:example.org")
            assert times[0] == 0.0
            assert len(times) > 2
            assert max(times) < 100
            (event,) = queue.told(RecipientExpired)
            assert isinstance(event, RecipientExpired)
            assert event.reply.startswith("554 5.4.7")
            assert "last reply: 451 4.7.1 Greylisted" in event.reply
            assert len(queue.notifier.told) == 1

    simulate(main())


def test_what_waits_for_its_turn_beyond_its_time_is_not_tried_either() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=600)
        one_lane = QueueSettings(window=WindowSettings(start=1, most=1))
        async with bench(one_lane, carriage) as queue:
            await queue.accept()
            for _ in range(3):
                await queue.accept(deliver_by=DeliverBy(60, returns=True))
            await queue.accept()
            await asyncio.sleep(3000)
            assert len(queue.carried_to("mx:example.org")) == 2
            events = queue.told(RecipientExpired)
            assert len(events) == 3
            for event in events:
                assert isinstance(event, RecipientExpired)
                assert "it was not tried" in event.reply
            assert queue.stored() == []

    simulate(main())


@pytest.mark.parametrize(
    ("stepped_s", "takes_s", "is_late"),
    [(0, 300, False), (0, 900, True), (HOUR_S, 300, False), (HOUR_S, 900, True), (-HOUR_S, 300, False), (-HOUR_S, 900, True)],
)  # fmt: skip
def test_a62_a_step_of_the_clock_makes_no_message_late_and_none_come_in_time(
    stepped_s: int, takes_s: int, is_late: bool
) -> None:
    """RFC 2852 §4.1.4: who was told of the delay hears no more; so nobody may be taken for told who was not."""

    async def main() -> None:
        carriage = Carriage(answer=lambda job: NEVER, takes_s=takes_s)
        async with bench(carriage=carriage) as queue:
            await queue.accept(deliver_by=DeliverBy(600, returns=False))
            await asyncio.sleep(10)
            queue.clock.step(stepped_s)
            await asyncio.sleep(2 * HOUR_S)
            assert queue.notifier.late == [is_late]

    simulate(main())
