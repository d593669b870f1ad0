"""Queue ids: unique, in the order of time, and readable back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import QueueId, QueueIds, SystemClock, format_id, id_time_us, parse_id, system_rng, utc
from mailrail.model.ids import ALPHABET, EPOCH_US, WIDTH


class Hands:
    def __init__(self, *times: int) -> None:
        self._times = list(times)

    def now_us(self) -> int:
        return self._times.pop(0)


@given(st.integers(0, 52**11 - 1), st.integers(0, 52**11 - 1))
def test_an_id_comes_back_and_sorts_as_its_number(one: int, other: int) -> None:
    assert parse_id(format_id(one)) == one
    assert len(format_id(one)) == WIDTH
    assert set(format_id(one)) <= set(ALPHABET)
    assert (format_id(one) < format_id(other)) is (one < other)


@given(st.text(max_size=13))
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    try:
        number = parse_id(text)
    except ValueError:
        return
    assert format_id(number) == text


@pytest.mark.parametrize(
    "text", ["", "0" * 10, "0" * 12, "A" * 11, "0" * 10 + "a", "a" + "0" * 10, "0000/000000"]
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="is not a queue id"):
        parse_id(text)


def test_ids_rise_whatever_the_clock_does() -> None:
    now = EPOCH_US + 1_000_000
    ids = QueueIds(Hands(now, now, now - 500_000, now + 10), node=7)
    made = [ids.make() for _ in range(4)]
    assert made == sorted(set(made))
    assert id_time_us(made[0]) == now
    assert parse_id(made[0]) & 0xFFF == 7


def test_ids_go_on_behind_the_last_one_known() -> None:
    last = QueueIds(Hands(EPOCH_US + 9_000_000)).make()
    assert QueueIds(Hands(EPOCH_US + 1), after=QueueId(last)).make() > last


@pytest.mark.parametrize("node", [-1, 4096])
def test_a_node_has_twelve_bits(node: int) -> None:
    with pytest.raises(ValueError, match="node"):
        QueueIds(SystemClock(), node)


def test_the_system_has_time_and_chance() -> None:
    assert utc(SystemClock().now_us()).year >= 2025
    assert 0 <= system_rng().random() < 1
