"""A connection that died while nobody used it costs nobody an answer."""

import asyncio
from collections.abc import Callable

import pytest

from mailrail.tables import TableError
from mailrail.tables.links import LinkLost, Links


class FakeLink:
    def __init__(self, name: int) -> None:
        self.name = name
        self.is_dead = False
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


class House:
    """Makes links, and remembers them.

    Attributes:
        is_down: no new ones are made.
    """

    def __init__(self) -> None:
        self.made: list[FakeLink] = []
        self.is_down = False
        self.links = Links(self.connect)

    async def connect(self) -> FakeLink:
        if self.is_down:
            raise TableError("nobody there")
        self.made.append(FakeLink(len(self.made)))
        return self.made[-1]

    async def ask(self, then: Callable[[FakeLink], None] = lambda link: None) -> int:
        async def question(link: FakeLink) -> int:
            await asyncio.sleep(0)
            if link.is_dead:
                raise LinkLost("it is gone")
            then(link)
            return link.name

        return await self.links.ask(question)

    async def ask_twice_at_once(self) -> set[int]:
        return set(await asyncio.gather(self.ask(), self.ask()))


def test_a_connection_serves_the_next_question() -> None:
    async def test() -> None:
        house = House()
        assert await house.ask_twice_at_once() == {0, 1}
        assert await house.ask_twice_at_once() == {0, 1}

    asyncio.run(test())


def test_a_question_goes_from_a_dead_connection_to_a_new_one_and_the_others_are_let_go_of() -> None:
    async def test() -> None:
        house = House()
        await house.ask_twice_at_once()
        for link in house.made:
            link.is_dead = True
        assert await house.ask() == 2
        assert [link.is_closed for link in house.made] == [True, True, False]

    asyncio.run(test())


def test_a_server_that_is_down_is_told_and_found_again() -> None:
    async def test() -> None:
        house = House()
        await house.ask()
        house.made[0].is_dead = house.is_down = True
        with pytest.raises(TableError, match="nobody there"):
            await house.ask()
        house.is_down = False
        assert await house.ask() == 1

    asyncio.run(test())


def test_a_connection_whose_question_failed_or_was_given_up_is_not_used_again() -> None:
    def fails(_link: FakeLink) -> None:
        raise TableError("no such column")

    async def test() -> None:
        house = House()
        with pytest.raises(TableError, match="no such column"):
            await house.ask(fails)
        asking = asyncio.ensure_future(house.ask())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait((asking,))
        assert await house.ask() == 2
        assert [link.is_closed for link in house.made] == [True, True, False]

    asyncio.run(test())


def test_who_gives_up_on_a_kept_connection_leaves_none_for_the_next_to_wait_for() -> None:
    """A firewall that forgot them drops whatever is sent: each would cost somebody the whole time limit."""

    async def test() -> None:
        house = House()
        await house.ask_twice_at_once()
        asking = asyncio.ensure_future(house.ask())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait((asking,))
        assert await house.ask() == 2
        assert [link.is_closed for link in house.made] == [True, True, False]

    asyncio.run(test())


def test_a_connection_that_comes_back_after_the_end_is_closed() -> None:
    async def test() -> None:
        house = House()
        await house.ask()
        asking = asyncio.gather(house.ask(), house.ask())
        await asyncio.sleep(0)
        await house.links.close()
        await asking
        assert all(link.is_closed for link in house.made)

    asyncio.run(test())
