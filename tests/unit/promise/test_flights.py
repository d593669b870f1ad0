"""Many ask the same at one moment: one question is asked, and all hear what comes of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mailrail.promise import Flights


class Oracle:
    """Answers when told to, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: asyncio.Queue[str | Exception] = asyncio.Queue()

    def about(self, key: str) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            self.asked.append(key)
            answer = await self.answers.get()
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


def begun(flights: Flights[str, str], oracle: Oracle, key: str, count: int) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(flights.share(key, oracle.about(key))) for _ in range(count)]


def test_what_many_ask_at_one_time_is_asked_once_and_later_again() -> None:
    async def main() -> None:
        flights, oracle = Flights[str, str](), Oracle()
        tasks = [*begun(flights, oracle, "a", 3), *begun(flights, oracle, "b", 2)]
        await asyncio.sleep(0)
        assert oracle.asked == ["a", "b"]
        oracle.answers.put_nowait("one")
        oracle.answers.put_nowait("two")
        assert await asyncio.gather(*tasks) == ["one"] * 3 + ["two"] * 2
        oracle.answers.put_nowait("new")
        assert await flights.share("a", oracle.about("a")) == "new"

    asyncio.run(main())


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("a fault of ours")])
def test_what_goes_wrong_is_heard_by_all_and_remembered_for_nobody(error: Exception) -> None:
    async def main() -> None:
        flights, oracle = Flights[str, str](), Oracle()
        tasks = begun(flights, oracle, "a", 3)
        await asyncio.sleep(0)
        oracle.answers.put_nowait(error)
        assert await asyncio.gather(*tasks, return_exceptions=True) == [error] * 3
        oracle.answers.put_nowait("now")
        assert await flights.share("a", oracle.about("a")) == "now"
        assert oracle.asked == ["a", "a"]

    asyncio.run(main())


@pytest.mark.parametrize("given_up", [0, 1, 2])
def test_who_gives_up_takes_the_answer_from_nobody(given_up: int) -> None:
    """The first one asks for all: when he goes, one of the others asks anew."""

    async def main() -> None:
        flights, oracle = Flights[str, str](), Oracle()
        tasks = begun(flights, oracle, "a", 3)
        await asyncio.sleep(0)
        tasks.pop(given_up).cancel()
        await asyncio.sleep(0.001)
        oracle.answers.put_nowait("heard")
        assert await asyncio.gather(*tasks) == ["heard", "heard"]
        assert len(oracle.asked) == (1 if given_up else 2)

    asyncio.run(main())
