"""What becomes of an item after a try."""

from dataclasses import replace

import pytest
from tests.unit.queue.mail import HOST_DOWN, NEVER, NOT_NOW, OK, OURS, lease, message

from mailrail.model import SECOND_US, Blame, Deferred, DeliverBy, Failed, Notify, Outcome, Pending, Reply
from mailrail.queue.decide import Decision, Moment, decide, is_quiet_end, trouble
from mailrail.queue.settings import RetrySettings
from mailrail.sim import START_US
from mailrail.spool import Lease

SETTINGS = RetrySettings(spread=0)
DAY_S = 86_400


def decided(of: Lease, *outcomes: Outcome, age_s: float = 0.0, asleep_s: float = 0.0) -> Decision:
    moment = Moment(START_US, age_s, asleep_s)
    return decide(of, outcomes, moment, SETTINGS, lambda low, high: (low + high) / 2)


def wait_s(decision: Decision) -> float:
    assert decision.left is not None
    return (decision.left.due_us - START_US) / SECOND_US


def test_a_message_whose_recipients_are_all_final_leaves_the_queue() -> None:
    decision = decided(lease(message(recipients=2)), OK, NEVER)
    assert decision == Decision(None, ((0, OK), (1, NEVER)))


def test_a60_each_recipient_goes_its_own_way() -> None:
    decision = decided(lease(message(recipients=3)), OK, NOT_NOW, NEVER)
    assert decision.finals == ((0, OK), (2, NEVER))
    assert decision.left is not None
    assert decision.left.pending == (Pending(1, str(NOT_NOW.reply)),)
    assert decision.left.attempts == 1
    assert wait_s(decision) == 300


@pytest.mark.parametrize(
    ("notify", "deliver_by", "outcomes", "is_quiet"),
    [
        (Notify.DEFAULT, None, (OK,), True),
        (Notify.DEFAULT, None, (OK, OK), True),
        (Notify.DEFAULT, None, (OK, NEVER), False),
        (Notify.DEFAULT, None, (NOT_NOW, OK), False),
        (Notify.SUCCESS, None, (OK,), False),
        (Notify.SUCCESS | Notify.FAILURE, None, (OK, OK), False),
        (Notify.DEFAULT, DeliverBy(3600, returns=False, traces=True), (OK,), False),
    ],
)
def test_a_quiet_end_is_a_delivery_of_which_nobody_asked_to_hear(
    notify: Notify, deliver_by: DeliverBy | None, outcomes: tuple[Outcome, ...], is_quiet: bool
) -> None:
    of = message(recipients=len(outcomes), deliver_by=deliver_by)
    *others, last = of.envelope.recipients
    recipients = (*others, replace(last, notify=notify))
    of = replace(of, envelope=replace(of.envelope, recipients=recipients))
    assert is_quiet_end(lease(of), outcomes) is is_quiet


def test_our_own_trouble_counts_as_no_try_and_never_expires() -> None:
    decision = decided(lease(message(), attempts=100, warned=True), OURS, age_s=30 * DAY_S)
    assert decision.left is not None
    assert decision.left.attempts == 100
    assert decision.finals == ()
    assert wait_s(decision) == SETTINGS.ours_s


def test_a61_a_temporary_refusal_expires_after_five_days_with_its_last_words() -> None:
    decision = decided(lease(message(), attempts=34, warned=True), NOT_NOW, age_s=5 * DAY_S)
    assert decision.left is None
    ((index, outcome),) = decision.finals
    assert index == 0
    assert isinstance(outcome, Failed)
    assert (outcome.reply.code, outcome.reply.enhanced_code) == (554, "5.4.7")
    assert "Greylisted" in outcome.reply.text


def test_a_recipient_in_our_own_trouble_is_spared_when_another_expires() -> None:
    decision = decided(lease(message(recipients=2), attempts=34, warned=True), NOT_NOW, OURS, age_s=6 * DAY_S)
    assert [index for index, _ in decision.finals] == [0]
    assert decision.left is not None
    assert [one.index for one in decision.left.pending] == [1]


def test_a_notice_expires_sooner() -> None:
    of = lease(message(sender=None), attempts=30, warned=True)
    assert decided(of, NOT_NOW, age_s=2 * DAY_S).left is None
    assert decided(of, NOT_NOW, age_s=DAY_S).left is not None


def test_a62_one_jump_of_the_clock_expires_nothing() -> None:
    assert decided(lease(message(), attempts=3), NOT_NOW, age_s=5 * DAY_S).left is not None


def test_the_sender_is_told_once_of_a_delay_of_four_hours() -> None:
    decision = decided(lease(message(recipients=2), attempts=6), NOT_NOW, OK, age_s=4 * 3600)
    assert decision.delayed == ((0, NOT_NOW),)
    assert decision.left is not None
    assert decision.left.warned
    assert decision.retry_until_us == START_US + (5 * DAY_S - 4 * 3600) * SECOND_US
    again = decided(lease(message(), attempts=7, warned=True), NOT_NOW, age_s=8 * 3600)
    assert again.delayed == ()


def test_a_try_falls_on_the_hour_of_the_warning() -> None:
    decision = decided(lease(message(), attempts=6), NOT_NOW, age_s=3 * 3600)
    assert wait_s(decision) == 3600


def test_nothing_is_tried_before_a_sleeping_destination_wakes() -> None:
    assert wait_s(decided(lease(message()), HOST_DOWN, asleep_s=1234)) == 1234


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        ((OK,), None),
        ((NOT_NOW, NEVER), None),
        ((HOST_DOWN,), HOST_DOWN),
        ((HOST_DOWN, OK), None),
        ((NEVER, OURS), OURS),
        ((Failed(Blame.DESTINATION, Reply(550, "5.1.2", "No such domain")),), None),
    ],
)
def test_only_host_destination_and_ourselves_slow_a_destination_down(
    outcomes: tuple[Outcome, ...], found: Deferred | None
) -> None:
    assert trouble(outcomes) == found
