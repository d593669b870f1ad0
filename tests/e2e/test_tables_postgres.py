"""A real PostgreSQL as a table: asked, slow, gone and back."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.support.peers.certificates import make_certificate
from tests.support.peers.postgres import Postgres, postgres

from mailrail.net import SocketNetwork
from mailrail.observe import Bus, Event
from mailrail.tables import Doors, TableError, TableFailed, TableRestored, Tables, TableSettings, open_tables

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
QUERY = "SELECT target FROM aliases WHERE address = :key ORDER BY target"
STRANGE = 'it\'s "quoted" %s %(key)s :key $1 \\ ; DROP TABLE aliases; --'


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as server:
        server.sql(
            """
            CREATE TABLE aliases (address text, target text);
            INSERT INTO aliases VALUES ('info', 'ann, bob@example.org'), ('info', 'carl'), ('büro', 'dora'), ('gone', NULL);
            GRANT SELECT ON aliases TO mail;
            """
        )
        yield server


def run(
    server: Postgres, test: Callable[[Tables], Coroutine[Any, Any, None]], query: str = QUERY, **more: object
) -> list[Event]:
    told: list[Event] = []
    values = {
        "url": server.url,
        "password_file": server.password_file,
        "query": query,
        "timeout_s": 5,
        **more,
    }
    settings: TableSettings = TypeAdapter[TableSettings](TableSettings).validate_python(
        {"kind": "postgres", "found_s": 0, "missing_s": 0, **values}
    )

    async def body() -> None:
        bus, network = Bus(), SocketNetwork()
        bus.listen(told.append)
        tables = open_tables({"site": settings}, Doors(bus, network))
        try:
            await test(tables)
        finally:
            await tables.close()
            network.close()

    asyncio.run(body())
    return told


def test_a_query_is_a_table_and_a_strangers_key_only_a_parameter_a74(server: Postgres) -> None:
    async def test(tables: Tables) -> None:
        table = tables["site"]
        assert await table.look_up("Info") == ("ann", "bob@example.org", "carl")
        assert await table.look_up("BÜRO") == ("dora",)
        assert await table.look_up("gone") == ()
        assert await table.look_up(STRANGE) is None
        assert await table.look_up("nobody") is None
        assert table.describe() == f"a query of PostgreSQL at 127.0.0.1:{server.port}/postgres"

    assert run(server, test) == []


def test_what_the_database_cannot_write_is_not_in_it(server: Postgres) -> None:
    """A stranger's sign must not have the table called failed."""
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")

    async def test(tables: Tables) -> None:
        assert await tables["site"].look_up("büro") == ("büro",)
        assert await tables["site"].look_up("жук") is None

    latin = server.url.removesuffix("postgres") + "latin"
    assert run(server, test, "SELECT :key::text WHERE 'b\u00fcro' = :key", url=latin) == []


def test_questions_at_one_time_are_bounded_and_connections_kept(server: Postgres) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mail' AND :key <> ''"

    async def test(tables: Tables) -> None:
        answers = await asyncio.gather(*(tables["site"].look_up(f"user{number}") for number in range(40)))
        assert {answer[0] for answer in answers if answer} <= {"1", "2", "3"}

    run(server, test, count, at_once=3)


def test_a_query_that_is_wrong_or_takes_too_long_is_not_known_now_a74(server: Postgres) -> None:
    async def test(tables: Tables) -> None:
        with pytest.raises(TableError, match='table site: PostgreSQL: relation "nothing" does not exist'):
            await tables["site"].look_up("info")

    async def waits(tables: Tables) -> None:
        with pytest.raises(TableError, match=r"no answer in 0.2 s"):
            await tables["site"].look_up("info")

    run(server, test, "SELECT :key FROM nothing")
    run(server, waits, "SELECT pg_sleep(20), :key", timeout_s=0.2)


def test_a_server_that_goes_down_is_told_and_found_again_when_it_is_back_a74(server: Postgres) -> None:
    async def test(tables: Tables) -> None:
        table = tables["site"]
        assert await table.look_up("info")
        await asyncio.to_thread(server.stop)
        for _ in range(2):
            with pytest.raises(TableError, match="PostgreSQL"):
                await table.look_up("info")
        await asyncio.to_thread(server.start)
        assert await table.look_up("info")
        # And a restart that nobody asked during is not noticed at all.
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        assert await table.look_up("info")

    failed, restored = run(server, test)
    assert isinstance(failed, TableFailed)
    assert isinstance(restored, TableRestored)
    assert restored.failed == 2


def test_a_server_that_hears_and_never_answers_keeps_nobody_waiting_a74(server: Postgres) -> None:
    async def test(tables: Tables) -> None:
        table = tables["site"]
        assert await table.look_up("info")
        with server.frozen():
            for key in ("info", "other"):  # on the kept connection, and on a new one
                began_s = asyncio.get_running_loop().time()
                with pytest.raises(TableError, match=r"no answer in 2 s"):
                    await table.look_up(key)
                assert asyncio.get_running_loop().time() - began_s < 8  # psycopg by itself takes ten more
        assert await table.look_up("info")

    run(server, test, timeout_s=2)


def test_a_server_is_verified_by_its_certificate_and_name(server: Postgres, tmp_path: Path) -> None:
    by_name = f"postgresql://mail@localhost:{server.port}/postgres?hostaddr=127.0.0.1"

    async def good(tables: Tables) -> None:
        assert await tables["site"].look_up("info")

    async def bad(tables: Tables) -> None:
        with pytest.raises(TableError, match="certificate"):
            await tables["site"].look_up("info")

    run(server, good, url=by_name, ca_file=server.ca_file)
    run(server, bad, url=by_name, ca_file=make_certificate(tmp_path, "localhost").ca_file)
    run(server, bad, url=server.url, ca_file=server.ca_file)  # good, but for localhost
