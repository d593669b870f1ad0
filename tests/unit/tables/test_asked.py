"""What is asked elsewhere is asked once, remembered for a while, and never kept waiting for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from mailrail.observe import Bus, Event
from mailrail.sim import simulate
from mailrail.tables import TableError, TableFailed, TableRestored
from mailrail.tables.asked import AskedTable
from mailrail.tables.settings import AskedSettings


class FakeTable:
    """Holds `ann`.

    Attributes:
        is_down: it cannot answer.
        answer_s: how long it takes.
        asked: the keys that it was asked for.
        together: how many questions it had at one time, at most.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.answer_s = 1.0
        self.asked: list[str] = []
        self.together = 0
        self._now = 0

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        self.asked.append(key)
        self._now += 1
        self.together = max(self.together, self._now)
        try:
            await asyncio.sleep(self.answer_s)
        finally:
            self._now -= 1
        if self.is_down:
            raise TableError("it is down")
        return ("ann@example.org",) if key == "ann" else None

    def describe(self) -> str:
        return "a fake"

    async def close(self) -> None: ...


SETTINGS = AskedSettings(
    timeout_s=5, at_once=2, waiting=2, found_s=60, missing_s=10, stale_s=100, remembered=3
)
Test = Callable[[AskedTable, FakeTable], Coroutine[Any, Any, None]]


def run(test: Test, settings: AskedSettings = SETTINGS) -> list[Event]:
    told: list[Event] = []

    async def body() -> None:
        bus, fake = Bus(), FakeTable()
        bus.listen(told.append)
        await test(AskedTable("staff", fake, settings, bus), fake)

    simulate(body())
    return told


def test_an_answer_is_remembered_for_its_time_and_so_is_that_there_was_none() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        for _ in range(2):
            assert await table.look_up("ann") == ("ann@example.org",)
            assert await table.look_up("bob") is None
        assert fake.asked == ["ann", "bob"]
        await asyncio.sleep(10)
        await table.look_up("bob")
        await table.look_up("ann")
        assert fake.asked == ["ann", "bob", "bob"]
        await asyncio.sleep(60)
        await table.look_up("ann")
        assert fake.asked == ["ann", "bob", "bob", "ann"]

    run(test)


def test_who_asks_the_same_at_one_time_waits_for_one_question() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        answers = await asyncio.gather(*(table.look_up("ann") for _ in range(50)))
        assert set(answers) == {("ann@example.org",)}
        assert fake.asked == ["ann"]

    run(test)


def test_a_question_is_asked_again_for_others_when_who_asked_it_has_gone() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        first, second, third = (asyncio.ensure_future(table.look_up("ann")) for _ in range(3))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second == await third == ("ann@example.org",)
        assert fake.asked == ["ann", "ann"]

    run(test)


def test_questions_are_bounded_at_one_time_and_in_number_a74() -> None:
    """A74: a table that is slow keeps no crowd waiting."""

    async def test(table: AskedTable, fake: FakeTable) -> None:
        asks = [table.look_up(f"user{number}") for number in range(5)]
        answers = await asyncio.gather(*asks, return_exceptions=True)
        assert [isinstance(answer, TableError) for answer in answers] == [False] * 4 + [True]
        assert fake.together == 2

    run(test)


def test_a_table_that_does_not_answer_in_time_is_not_known_now_a74() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        fake.answer_s = 100
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TableError, match="no answer in 5 s"):
            await table.look_up("ann")
        assert asyncio.get_running_loop().time() - began_s == 5

    run(test)


def test_what_was_found_serves_on_while_the_table_is_down_but_not_that_there_was_nothing_a74() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        assert (await table.look_up("ann"), await table.look_up("bob")) == (("ann@example.org",), None)
        fake.is_down = True
        await asyncio.sleep(70)
        for _ in range(3):  # who asks next does not wait for it again
            assert await table.look_up("ann") == ("ann@example.org",)
        assert fake.asked == ["ann", "bob", "ann"]
        with pytest.raises(TableError):
            await table.look_up("bob")
        await asyncio.sleep(90)
        with pytest.raises(TableError):
            await table.look_up("ann")

    run(test)


def test_it_is_told_once_that_a_table_is_down_and_that_it_is_back() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        fake.is_down = True
        for key in ("ann", "bob", "carl"):
            with pytest.raises(TableError):
                await table.look_up(key)
        assert "does not answer" in table.describe()
        fake.is_down = False
        await table.look_up("ann")
        await table.look_up("bob")
        assert table.describe() == "a fake"

    assert run(test) == [
        TableFailed(table="staff", reason="it is down"),
        TableRestored(table="staff", failed=3),
    ]


def test_the_answers_that_were_asked_for_longest_ago_are_forgotten_first() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        for key in ("ann", "b", "c", "ann", "d", "ann", "b"):
            await table.look_up(key)
        assert fake.asked == ["ann", "b", "c", "d", "b"]

    run(test)


def test_nothing_is_remembered_where_nothing_shall_be() -> None:
    async def test(table: AskedTable, fake: FakeTable) -> None:
        for key in ("ann", "ann", "b", "b"):
            await table.look_up(key)
        assert fake.asked == ["ann", "ann", "b", "b"]

    run(test, SETTINGS.model_copy(update={"found_s": 0, "missing_s": 0}))
