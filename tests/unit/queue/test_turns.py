"""Whose turn it is among what waits for one destination: by priority, then by sender (RFC 6710 §5)."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queue.bench import Carriage, bench
from tests.unit.queue.mail import lease, message

from mailrail.queue import QueueSettings, WindowSettings
from mailrail.queue.destination import GIVES_WAY, Turns, Unread, Work
from mailrail.sim import simulate


def work(number: int, priority: int = 0, sender: str = "alice") -> Work:
    """The one that came as the *number*th."""
    return Unread(lease(message(number, sender=sender, arrived_us=number, priority=priority)))


def drained(turns: Turns) -> list[int]:
    """Take everything, and return the numbers in the order of their turns."""
    taken = []
    while turns.size:
        first = turns.first()
        assert turns.pop() is first
        taken.append(first.lease.message.arrived_us)
    return taken


def filled(*works: Work) -> Turns:
    turns = Turns()
    for one in works:
        turns.push(one)
    return turns


def test_what_is_higher_goes_first_and_what_is_equal_as_it_came() -> None:
    turns = filled(work(1, -4), work(2), work(3, 9), work(4, 3), work(5, 9), work(6))
    assert drained(turns) == [3, 5, 4, 2, 6, 1]


def test_within_a_priority_senders_take_turns() -> None:
    turns = filled(work(1, 4), work(2, 4), work(3, 4, "bob"), work(4))
    assert drained(turns) == [1, 3, 2, 4]


def test_one_turn_in_so_many_is_for_the_oldest_of_the_others() -> None:
    high = [work(100 + n, 9) for n in range(3 * GIVES_WAY)]
    order = drained(filled(work(3, -9), work(1), work(2, 5), *high))
    places = [order.index(number) for number in (1, 2, 3)]
    assert places == [GIVES_WAY - 1, 2 * GIVES_WAY - 1, 3 * GIVES_WAY - 1]


@pytest.mark.parametrize("low", [-9, 0, 8])
def test_nothing_waits_for_ever_behind_what_keeps_coming(low: int) -> None:
    turns = filled(work(1, low))
    for number in range(2, 2 + GIVES_WAY):
        turns.push(work(number, 9))
        if turns.pop().lease.message.arrived_us == 1:
            return
    pytest.fail("the older one never had a turn")


def test_who_had_no_other_to_give_way_to_owes_no_turn() -> None:
    turns = filled(*(work(n, 9) for n in range(1, 2 * GIVES_WAY)))
    for _ in range(GIVES_WAY):
        turns.pop()
    turns.push(work(100))
    assert turns.pop().lease.message.arrived_us != 100


def test_the_last_of_the_lowest_makes_way_for_what_is_higher_and_for_nothing_else() -> None:
    turns = filled(work(1, -4), work(2, -4), work(3), work(4, 5), work(5, 0, "bob"), work(6))
    made = []
    for priority in (-4, -3, 0, 0, 1, 9, 5, 5, 6, 9):
        given = turns.make_way(priority)
        made.append(given and given.lease.message.arrived_us)
    assert made == [None, 2, 1, None, 5, 6, 3, None, 4, None]
    assert turns.size == 0


@given(
    st.lists(
        st.none() | st.tuples(st.integers(-9, 9), st.sampled_from(["alice", "bob", "carol"])), max_size=60
    )
)
def test_all_that_goes_in_comes_out_once(steps: list[tuple[int, str] | None]) -> None:
    turns, inside, out = Turns(), 0, []
    for number, step in enumerate(steps):
        if step is not None:
            turns.push(work(number, *step))
            inside += 1
        elif inside:
            out.append(turns.pop().lease.message.arrived_us)
            inside -= 1
        assert turns.size == inside
    out += [one.lease.message.arrived_us for one in turns.clear()]
    assert sorted(out) == [number for number, step in enumerate(steps) if step is not None]
    assert turns.size == 0


def test_where_memory_is_full_of_others_one_of_them_makes_way_and_none_is_lost() -> None:
    async def main() -> None:
        carriage = Carriage(takes_s=10)
        settings = QueueSettings(active_items=60, window=WindowSettings(start=1, most=1))
        async with bench(settings, carriage) as queue:
            ids = [await queue.accept() for _ in range(50)]
            urgent = await queue.accept(priority=5)
            await asyncio.sleep(15)
            assert [one for _, _, one in carriage.carried] == [ids[0], urgent]
            await asyncio.sleep(60 * 10)
            assert queue.stored() == []
            assert sorted(one for _, _, one in carriage.carried) == sorted([*ids, urgent])

    simulate(main())
