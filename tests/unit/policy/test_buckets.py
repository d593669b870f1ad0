"""Leaky buckets: a level means the same after a restart, and memory is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import SECOND_US
from mailrail.policy import Buckets, Limit, Poured

LIMIT = Limit(10, 3600)


class HandClock:
    """A clock that somebody turns."""

    def __init__(self) -> None:
        self.us = 1_000_000 * SECOND_US

    def now_us(self) -> int:
        return self.us

    def turn(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)


def test_ten_an_hour_are_ten_at_once_and_then_one_every_six_minutes() -> None:
    clock = HandClock()
    buckets = Buckets(clock)
    for _ in range(10):
        assert buckets.wait_s("a", LIMIT) == 0
        buckets.pour("a", LIMIT)
    assert buckets.wait_s("a", LIMIT) == pytest.approx(360)
    assert buckets.wait_s("b", LIMIT) == 0
    clock.turn(359)
    assert buckets.wait_s("a", LIMIT) == pytest.approx(1)
    clock.turn(2)
    assert buckets.wait_s("a", LIMIT) == 0
    clock.turn(-5000)  # a clock that goes back takes nothing away and gives nothing
    assert buckets.wait_s("a", LIMIT) > 0


def test_more_than_the_limit_at_once_waits_for_an_empty_bucket_and_not_for_ever() -> None:
    buckets = Buckets(HandClock())
    assert buckets.wait_s("a", LIMIT, 500) == 0
    buckets.pour("a", LIMIT, 500)
    assert buckets.wait_s("a", LIMIT) == pytest.approx(360 * 491)


def test_the_quietest_bucket_is_forgotten_first() -> None:
    buckets = Buckets(HandClock(), most=3)
    for name in ("a", "b", "c", "a", "d"):
        buckets.pour(name, LIMIT)
    assert len(buckets) == 3
    assert buckets.level("b", LIMIT) == 0
    assert buckets.level("a", LIMIT) == 2


@given(st.lists(st.tuples(st.text(max_size=500), st.floats(0.1, 100)), max_size=8))
def test_what_is_stored_is_restored(poured: list[tuple[str, float]]) -> None:
    clock = HandClock()
    buckets, again = Buckets(clock), Buckets(clock)
    for name, amount in poured:
        buckets.pour(name, LIMIT, amount)
    stored = buckets.take_changes()
    assert (stored is not None) == bool(poured)
    assert buckets.take_changes() is None
    if stored is not None:
        again.restore(stored)
    assert [again.level(name, LIMIT) for name, _ in poured] == [
        buckets.level(name, LIMIT) for name, _ in poured
    ]


def test_nonsense_is_not_restored() -> None:
    for stored in (b"", b"[]", b'{"a": 3}', b"\xff", b'{"a":["x",1]}'):
        with pytest.raises(ValueError):  # noqa: PT011 -- msgspec's, and nobody reads more of it
            Buckets(HandClock()).restore(stored)


def test_what_one_process_counts_can_be_repeated_by_another_and_is_told_once() -> None:
    clock, told = HandClock(), list[Poured]()
    one, two = Buckets(clock, told=told.append), Buckets(clock, told=told.append)
    one.pour("a", LIMIT, 3)
    one.pour("b", LIMIT)
    one.empty("b")
    assert told == [Poured("a", LIMIT, 3), Poured("b", LIMIT), Poured("b")]
    for change in tuple(told):
        two.repeat(change)
    assert len(told) == 3
    assert (two.level("a", LIMIT), two.level("b", LIMIT)) == (3, 0)
