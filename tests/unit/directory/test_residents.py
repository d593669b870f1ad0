"""Who lives here is asked for every recipient, and remembered for seconds; trouble is remembered for nobody."""

import asyncio

import pytest
from tests.unit.directory.test_directory import FakeSource

from mailrail.directory import Directory, DirectoryError, Residents, User
from mailrail.directory.residents import MOST_REMEMBERED
from mailrail.model import system_rng
from mailrail.sim import simulate


class Counted(FakeSource):
    """Counts who is looked for; takes a second for each."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_for: list[str] = []

    async def find(self, name: str) -> User | None:
        self.looked_for.append(name)
        await asyncio.sleep(1)
        return await super().find(name)


def residents(source: FakeSource, remembered_s: float = 10) -> Residents:
    directory = Directory(source, secret=b"x" * 32, cache_s=0, rng=system_rng())
    return Residents(directory, remembered_s)


@pytest.mark.parametrize(("remembered_s", "times"), [(10, 2), (0, 5)])
def test_who_is_there_and_who_is_not_is_remembered_for_a_while(remembered_s: float, times: int) -> None:
    async def main() -> None:
        for name, is_there in (("bob", True), ("nobody", False)):
            source = Counted()
            them = residents(source, remembered_s)
            for wait_s in (0, 0, 8, 3, 0):  # the last but one is after its time
                await asyncio.sleep(wait_s)
                assert await them.has(name) is is_there
            assert source.looked_for == [name] * times

    simulate(main())


def test_a_source_that_tells_of_a_change_is_asked_at_once() -> None:
    async def main() -> None:
        source = Counted()
        them = residents(source)
        assert not await them.has("eve")
        source.users["eve"] = User("eve")
        source.edition += 1
        assert await them.has("eve")
        source.users.clear()
        assert await them.has("eve"), "remembered: it has not told"

    simulate(main())


def test_a74_trouble_is_heard_by_all_who_ask_and_is_not_remembered() -> None:
    async def main() -> None:
        source = Counted()
        them = residents(source)
        source.is_down = True
        heard = await asyncio.gather(them.has("bob"), them.has("bob"), return_exceptions=True)
        assert [type(one) for one in heard] == [DirectoryError] * 2
        assert source.looked_for == ["bob"]
        source.is_down = False
        assert await them.has("bob")
        source.is_down = True
        assert await them.has("bob"), "what was known before holds to the end of its time"

    simulate(main())


def test_many_names_push_out_those_that_were_not_asked_for_longest() -> None:
    async def main() -> None:
        source = FakeSource()
        found: list[str] = []
        find = source.find

        async def counted(name: str) -> User | None:
            found.append(name)
            return await find(name)

        source.find = counted  # type: ignore[method-assign]
        them = residents(source, 600)
        for name in ("bob", "ann@example.org", *map(str, range(MOST_REMEMBERED - 2))):
            await them.has(name)
        assert await them.has("bob")
        await them.has("one more")
        found.clear()
        for name in ("bob", "0", "ann@example.org"):
            await them.has(name)
        assert found == ["ann@example.org"]

    simulate(main())
