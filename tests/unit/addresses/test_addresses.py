"""The one who is asked at RCPT: waits only where it must, and a source that is down is never a "no"."""

import asyncio
from collections.abc import Awaitable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.addresses.golden import read_site, text_of

from mailrail.addresses import (
    Addresses,
    AddressExpanded,
    AddressInTrouble,
    Expansion,
    NotKnownNowError,
    Refusal,
    Resolved,
    Sources,
)
from mailrail.addresses.included import read_list
from mailrail.model import Address, Recipient, parse_address
from mailrail.observe import Bus, Event
from mailrail.tables import Known, TableError

DOMAINS: dict[str, dict[str, Any]] = {
    "example.org": {
        "alias": {"info": ["ann@example.net", "bob@example.net"]},
        "aliases": ["staff"],
        "allow": ["includes"],
    },
    "logins.example": {"deliver": True},
    "asked.example": {"relay_to": True, "verify": True},
    "plain.example": {},
}


class FakeTable:
    def __init__(self, entries: dict[str, tuple[str, ...]]) -> None:
        self.entries = entries
        self.is_down = False

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        await asyncio.sleep(0)
        if self.is_down:
            raise TableError("table staff: no connection")
        return self.entries.get(key)

    def describe(self) -> str:
        return "fake"

    async def close(self) -> None:
        pass


class Doubtful:
    """Logins and next hops that nobody can ask now."""

    async def has(self, name: str) -> bool:
        raise NotKnownNowError("the directory is down")

    async def takes(self, address: Address) -> bool:
        raise NotKnownNowError("the next hop is down")


class World:
    def __init__(self) -> None:
        self.table = FakeTable({"staff": ("carol@example.net",), "list": (":include:/lists/l",)})
        self.events: list[Event] = []
        bus = Bus()
        bus.listen(self.events.append)
        site = read_site({"domain": deepcopy(DOMAINS), "users": {}})
        sources = Sources(tables={"staff": self.table}, people=Doubtful(), next_hop=Doubtful())
        self.addresses = Addresses(site.expander, sources, bus, message_recipients=100)

    def resolve(self, text: str) -> Resolved:
        answer = self.addresses.resolve(Recipient(parse_address(text)))
        if not isinstance(answer, Awaitable):
            return answer

        async def wait() -> Resolved:
            return await answer

        return asyncio.run(wait())


@pytest.fixture
def world() -> World:
    return World()


def test_what_nobody_lives_in_is_no_question(world: World) -> None:
    assert not world.addresses.concerns(parse_address("x@plain.example"))
    assert not world.addresses.concerns(parse_address("x@elsewhere.example"))
    assert world.addresses.concerns(parse_address("x@example.org"))


def test_an_alias_of_the_settings_is_answered_at_once() -> None:
    site = read_site({"domain": {"a.example": {"alias": {"info": "ann@example.net"}}}})
    alone = Addresses(site.expander, Sources(tables={}), Bus(), message_recipients=10)
    resolved = alone.resolve(Recipient(parse_address("info@a.example")))
    assert isinstance(resolved, Expansion)


@pytest.mark.parametrize(("members", "is_at_once"), [(10, True), (300, False)])
def test_what_a_table_says_at_once_is_not_waited_for_but_for_long_lists(
    members: int, is_at_once: bool
) -> None:
    names = tuple(f"m{number}" for number in range(members))
    entries = {"all": names, **{name: (f"{name}@example.net",) for name in names}}
    site = read_site({"domain": {"a.example": {"aliases": ["t"]}}, "bounds": {"recipients": 1000}})
    sources = Sources(tables={"t": FakeTable(entries)}, at_once=lambda _, key: Known(entries.get(key)))
    addresses = Addresses(site.expander, sources, Bus(), message_recipients=1000)

    async def main() -> None:
        answer = addresses.resolve(Recipient(parse_address("all@a.example")))
        assert isinstance(answer, Awaitable) is not is_at_once
        resolved = await answer if isinstance(answer, Awaitable) else answer
        assert isinstance(resolved, Expansion)
        assert len(resolved.recipients) == members

    asyncio.run(main())


def test_a_table_is_asked_and_what_it_says_is_told(world: World) -> None:
    resolved = world.resolve("staff@example.org")
    assert isinstance(resolved, Expansion)
    assert [text_of(one) for one in resolved.recipients] == [
        "carol@example.net orcpt=rfc822;staff@example.org forwarded"
    ]
    assert world.events == [
        AddressExpanded(address="staff@example.org", recipients=("carol@example.net",), count=1)
    ]


@pytest.mark.parametrize(
    "text", ["staff@example.org", "ann@logins.example", "x@asked.example", "list@example.org"]
)
def test_a74_what_cannot_be_known_now_is_later_and_never_no(world: World, text: str) -> None:
    world.table.is_down = text.startswith("staff")
    world.addresses._sources = Sources(
        tables={"staff": world.table},
        people=Doubtful(),
        next_hop=Doubtful(),
        read_list=lambda _: read_list("/"),
    )
    resolved = world.resolve(text)
    assert isinstance(resolved, Refusal)
    assert (resolved.reply.code, resolved.reply.enhanced_code) == (451, "4.3.0")
    (event,) = world.events
    assert isinstance(event, AddressInTrouble)
    assert event.reason == resolved.reason


def test_nobody_is_no_trouble_of_ours(world: World) -> None:
    assert isinstance(world.resolve("nobody@example.org"), Refusal)
    assert world.events == []


def test_a_list_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "list"
    assert read_list(str(file)) is None
    file.write_text(
        '# members\nann@example.net, "b o b"@example.net\n\n  carol@example.net # not a comment\n'
    )
    assert read_list(str(file))[:2] == ("ann@example.net", '"b o b"@example.net')  # type: ignore[index]
    file.write_bytes(b"\xff\n")
    with pytest.raises(NotKnownNowError):
        read_list(str(file))
    file.write_text('"no end\n')
    with pytest.raises(NotKnownNowError, match="no end"):
        read_list(str(file))


words = st.text("aAbB+.\\|/@:\x00 ü", max_size=8)


@settings(deadline=None)
@given(local_part=words, values=st.lists(words, max_size=3).map(tuple))
def test_a25_whatever_stands_in_a_table_an_answer_comes_of_it(
    local_part: str, values: tuple[str, ...]
) -> None:
    world = World()
    world.table.entries = {"x": values, "a": ("x", *values), "b": ("a", "x")}

    async def main() -> None:
        for name in (local_part, "x", "a", "b"):
            answer = world.addresses.resolve(Recipient(Address(name, "example.org")))
            resolved = await answer if isinstance(answer, Awaitable) else answer
            if isinstance(resolved, Expansion):
                assert all(not one.target.startswith(("|", "/")) for one in resolved.recipients)
                assert resolved.recipients

    asyncio.run(main())


def test_who_is_written_to_twice_gets_one_copy(world: World) -> None:
    twice = [
        Recipient(parse_address(one)) for one in ("Ann@example.org", "ann@EXAMPLE.org", "Ann@example.net")
    ]
    other = Recipient(parse_address("ann@example.net"))
    assert world.addresses.distinct([*twice, other]) == (twice[0], twice[2], other)


@pytest.mark.parametrize(
    ("text", "recipients"),
    [
        ("x@elsewhere.example", ["x@elsewhere.example"]),
        ("staff@example.org", ["carol@example.net orcpt=rfc822;staff@example.org forwarded"]),
        ("nobody@example.org", ["nobody@example.org -> unknown"]),
    ],
)
def test_a63_a_notice_goes_where_mail_goes_and_is_not_refused(
    world: World, text: str, recipients: list[str]
) -> None:
    found = asyncio.run(world.addresses.of_notice(Recipient(parse_address(text))))
    assert [text_of(one) for one in found] == recipients


def test_a74_a_notice_waits_for_a_table_that_is_down(world: World) -> None:
    world.table.is_down = True
    with pytest.raises(NotKnownNowError, match=r"staff@example\.org: table staff: no connection"):
        asyncio.run(world.addresses.of_notice(Recipient(parse_address("staff@example.org"))))
