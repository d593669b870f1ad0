"""The schedule: when to try again and when to give up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailrail.queue.retry import enough_attempts, is_expired, next_wait_s, nominal_wait_s
from mailrail.queue.settings import RetrySettings

DAY_S = 86_400
SETTINGS = RetrySettings()


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_waits_double_from_five_minutes_and_stop_at_four_hours() -> None:
    waits = [nominal_wait_s(attempts, SETTINGS) for attempts in range(1, 9)]
    assert waits == [300, 600, 1200, 2400, 4800, 9600, 14_400, 14_400]


@given(st.integers(1, 10_000), st.floats(-1e7, 1e7), st.floats(0, 1))
def test_a_wait_is_never_negative_nor_zero_nor_longer_than_the_longest(
    attempts: int, left_s: float, chance: float
) -> None:
    """A61, A62: whatever the clock says, there is no negative sleep."""
    wait_s = next_wait_s(attempts, left_s, SETTINGS, lambda low, high: low + (high - low) * chance)
    assert 0 < wait_s <= SETTINGS.longest_s * (1 + SETTINGS.spread)


def test_the_last_try_is_made_when_the_time_is_over() -> None:
    assert next_wait_s(30, 60.0, SETTINGS, middle) == 60.0


def test_jitter_spreads_the_wait_by_a_tenth() -> None:
    """A61: jittered back-off."""
    assert next_wait_s(1, DAY_S, SETTINGS, lambda low, high: low) == pytest.approx(270)
    assert next_wait_s(1, DAY_S, SETTINGS, lambda low, high: high) == pytest.approx(330)


def test_a_message_tried_all_along_expires_after_five_days_and_not_before() -> None:
    """A61: expiry at 5 days."""
    age_s, attempts = 0.0, 1
    while not is_expired(attempts, age_s, SETTINGS.give_up_s, SETTINGS):
        assert age_s < SETTINGS.give_up_s
        age_s += next_wait_s(attempts, SETTINGS.give_up_s - age_s, SETTINGS, middle)
        attempts += 1
    assert age_s == SETTINGS.give_up_s


@pytest.mark.parametrize("attempts", [1, 2, 5, 11])
def test_old_age_alone_expires_nothing(attempts: int) -> None:
    """A62: a day-old message (11 tries) that a clock jump made 6 days old is tried on."""
    assert not is_expired(attempts, 6 * DAY_S, SETTINGS.give_up_s, SETTINGS)


@given(st.floats(1, 3600), st.floats(1, 10), st.floats(1, 10), st.floats(1.1, 100))
def test_every_schedule_reaches_its_own_end(
    first_s: float, factor: float, longest: float, give_up: float
) -> None:
    longest_s = first_s * longest
    settings = RetrySettings(
        first_s=first_s, factor=factor, longest_s=longest_s, spread=0,
        give_up_s=longest_s * give_up, give_up_notice_s=longest_s * give_up,
    )  # fmt: skip
    age_s, attempts = 0.0, 1
    while age_s < settings.give_up_s:
        age_s += nominal_wait_s(attempts, settings)
        attempts += 1
    assert attempts >= enough_attempts(settings.give_up_s, settings)


@pytest.mark.parametrize(
    "wrong", [{"first_s": 0}, {"first_s": 20_000}, {"give_up_s": 60}, {"spread": 0.9}, {"factor": 0.5}]
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RetrySettings.model_validate(wrong)
