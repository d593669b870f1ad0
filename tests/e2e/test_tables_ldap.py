"""A real OpenLDAP as a table: asked by every way in, lied to, gone and back."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.support.peers.certificates import make_certificate
from tests.support.peers.slapd import BASE, READER, Slapd, slapd

from mailrail.net import SocketNetwork
from mailrail.observe import Bus, Event
from mailrail.tables import Doors, TableError, TableFailed, TableRestored, Tables, TableSettings, open_tables

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PEOPLE = f"""\
dn: uid=ann,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Example
mail: ann@example.org
mail: info@example.org

dn: uid=bob,ou=people,{BASE}
objectClass: inetOrgPerson
uid: bob
cn:: SsO8cmdlbiAqKCk=
sn: Example
mail: bob@example.org
mail: info@example.org
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Slapd]:
    with slapd(PEOPLE) as server:
        yield server


def run(server: Slapd, test: Callable[[Tables], Coroutine[Any, Any, None]], **more: object) -> list[Event]:
    told: list[Event] = []
    values: dict[str, object] = {
        "kind": "ldap",
        "servers": (server.tls_url,),
        "ca_file": server.ca_file,
        "bind_dn": READER,
        "password_file": server.password_file,
        "base": f"ou=people,{BASE}",
        "attributes": ("uid",),
        "found_s": 0,
        "missing_s": 0,
    }
    settings: TableSettings = TypeAdapter[TableSettings](TableSettings).validate_python({**values, **more})

    async def body() -> None:
        bus, network = Bus(), SocketNetwork()
        bus.listen(told.append)
        tables = open_tables({"people": settings}, Doors(bus, network))
        try:
            await test(tables)
        finally:
            await tables.close()
            network.close()

    asyncio.run(body())
    return told


async def answers(tables: Tables) -> None:
    table = tables["people"]
    assert await table.look_up("INFO@example.org") == ("ann", "bob")
    assert await table.look_up("ann@example.org") == ("ann",)
    assert await table.look_up("nobody@example.org") is None


@pytest.mark.parametrize("way", ["ldaps", "StartTLS", "socket", "in clear", "the second server"])
def test_a_directory_is_a_table_by_every_way_in(way: str, server: Slapd) -> None:
    more: dict[str, dict[str, object]] = {
        "ldaps": {},
        "StartTLS": {"servers": (server.url,)},
        "socket": {"servers": (server.socket_url,)},
        "in clear": {"servers": (server.url,), "in_clear": True},
        "the second server": {"servers": ("ldap://127.0.0.1:1", server.url)},
    }
    assert run(server, answers, **more[way]) == []


def test_a_search_says_what_it_is_told_to(server: Slapd) -> None:
    async def by_parts(tables: Tables) -> None:
        assert await tables["people"].look_up("ann@example.org") == ("ann@example.org", "info@example.org")
        assert await tables["people"].look_up("ann") is None

    async def without_values(tables: Tables) -> None:
        assert await tables["people"].look_up("ann") == ()
        assert await tables["people"].look_up("eve") is None

    async def nowhere(tables: Tables) -> None:
        assert await tables["people"].look_up("ann") is None

    run(server, by_parts, filter="(&(uid={local_part})(mail=*@{domain}))", attributes=("mail", "description"))
    run(server, without_values, filter="(uid={key})", attributes=())
    run(server, nowhere, filter="(uid={key})", base=f"ou=nothing,{BASE}")
    run(server, nowhere, filter="(uid={key})", scope="base")


def test_a_strangers_key_is_a_value_whatever_signs_are_in_it_a74(server: Slapd) -> None:
    """A74: LDAP escaping. `*` would fit everybody, and a parenthesis would end the filter."""

    async def test(tables: Tables) -> None:
        for key in ("*", "ann*", "*)(uid=*", "ann)(|(uid=*)", "\\2a", "ann\\00", ")", "a" * 500):
            assert await tables["people"].look_up(key) is None

    async def odd(tables: Tables) -> None:
        assert await tables["people"].look_up("Jürgen *()") == ("bob",)

    run(server, test, filter="(uid={key})")
    run(server, odd, filter="(cn={key})")


def test_who_cannot_be_believed_is_not_asked(server: Slapd, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "127.0.0.1").ca_file
    (tmp_path / "password").write_text("wrong\n")
    (tmp_path / "password").chmod(0o600)

    def refused(word: str, **more: object) -> None:
        async def test(tables: Tables) -> None:
            with pytest.raises(TableError, match=word):
                await tables["people"].look_up("ann@example.org")

        run(server, test, **more)

    for url in (server.url, server.tls_url):
        refused("(?i)certificate", servers=(url,), ca_file=other)
        refused("(?i)certificate", servers=(url.replace("127.0.0.1", "localhost"),))
    refused("the password of .* is wrong", password_file=tmp_path / "password")


def test_nobody_in_particular_sees_nothing_here(server: Slapd) -> None:
    async def test(tables: Tables) -> None:
        assert await tables["people"].look_up("ann@example.org") is None

    run(server, test, bind_dn="", password_file=None)


def test_a_server_that_goes_down_is_told_and_found_again_when_it_is_back_a74(server: Slapd) -> None:
    async def test(tables: Tables) -> None:
        await answers(tables)
        await asyncio.to_thread(server.stop)
        for _ in range(2):
            with pytest.raises(TableError, match=r"table people: ldaps://127\.0\.0\.1"):
                await tables["people"].look_up("ann@example.org")
        await asyncio.to_thread(server.start)
        await answers(tables)
        # And a restart that nobody asked during is not noticed at all.
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await answers(tables)

    failed, restored = run(server, test)
    assert isinstance(failed, TableFailed)
    assert isinstance(restored, TableRestored)
    assert restored.failed == 2
