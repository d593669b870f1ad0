"""A62: steps of the wall clock are noticed and taken off ages."""

from mailrail.model import SECOND_US
from mailrail.queue.jumps import ClockJumps

DAY_S = 86_400
NOON_US = 1_750_000_000 * SECOND_US


def at(seconds: float) -> int:
    return NOON_US + int(seconds * SECOND_US)


def test_time_that_flows_is_no_step() -> None:
    jumps = ClockJumps(at(0), 0.0)
    assert jumps.observe(at(60), 60.0) == 0.0
    assert jumps.age_s(at(0), at(60)) == 60.0


def test_slow_drift_never_adds_up_to_a_step() -> None:
    jumps = ClockJumps(at(0), 0.0)
    assert not any(jumps.observe(at(minute * 61), minute * 60.0) for minute in range(1, 500))


def test_a62_a_message_is_not_older_after_the_clock_jumped_five_days_ahead() -> None:
    jumps = ClockJumps(at(0), 0.0)
    jumps.observe(at(3600), 3600.0)
    assert jumps.observe(at(3660 + 5 * DAY_S), 3660.0) == 5 * DAY_S
    now_us = at(7200 + 5 * DAY_S)
    assert jumps.age_s(at(0), now_us) == 7200
    assert jumps.age_s(at(4000 + 5 * DAY_S), now_us) == 3200, "what came after the step is untouched"


def test_a62_a_jump_ahead_and_back_again_leaves_the_true_age() -> None:
    jumps = ClockJumps(at(0), 0.0)
    jumps.observe(at(100 + DAY_S), 100.0)
    assert jumps.observe(at(200), 200.0) == -DAY_S
    assert jumps.age_s(at(0), at(300)) == 300
    assert jumps.age_s(at(150 + DAY_S), at(300)) == 150, "arrived while the clock was ahead"


def test_a62_what_a_step_added_is_told_of_those_alone_who_were_here_then() -> None:
    jumps = ClockJumps(at(0), 0.0)
    jumps.observe(at(3660 + 5 * DAY_S), 3660.0)
    assert jumps.stepped_us(at(0)) == 5 * DAY_S * SECOND_US
    assert jumps.stepped_us(at(4000 + 5 * DAY_S)) == 0


def test_a62_an_age_is_never_negative() -> None:
    assert ClockJumps(at(0), 0.0).age_s(at(3600), at(0)) == 0.0
