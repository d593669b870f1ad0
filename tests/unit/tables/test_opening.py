"""Each kind of table, from its settings to an answer."""

import asyncio
import contextlib
import os
import sqlite3
import sys
import threading
import types
from collections.abc import Callable, Coroutine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter
from tests.support.memory_net import MemoryNetwork

from mailrail.model import SettingsError
from mailrail.observe import Bus, Event
from mailrail.tables import (
    Doors,
    TableError,
    TableFailed,
    TableLoaded,
    TableRefused,
    TableRestored,
    Tables,
    TableSettings,
    find_function,
    open_tables,
)


def settings(**values: Any) -> TableSettings:
    read: TableSettings = TypeAdapter[TableSettings](TableSettings).validate_python(values)
    return read


def run(test: Callable[[Tables], Coroutine[Any, Any, None]], **tables: TableSettings) -> list[Event]:
    told: list[Event] = []

    async def body() -> None:
        bus = Bus()
        bus.listen(told.append)
        opened = open_tables(tables, Doors(bus, MemoryNetwork()))
        try:
            await test(opened)
        finally:
            await opened.close()

    asyncio.run(body())
    return told


def written(path: Path, text: str) -> Path:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.rename(path)
    return path


def database(path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE aliases (address TEXT, target TEXT)")
        rows = [("info", "ann"), ("info", "bob@example.org")]
        db.executemany("INSERT INTO aliases VALUES (?, ?)", rows)
    return path


@pytest.mark.parametrize("kind", ["inline", "file", "aliases", "regex", "sqlite"])
def test_a_table_answers_alike_whatever_keeps_it(kind: str, tmp_path: Path) -> None:
    kept: dict[str, dict[str, Any]] = {
        "inline": {"entries": {"Info": "ann, bob@example.org"}},
        "file": {"file": written(tmp_path / "file", "Info ann, bob@example.org")},
        "aliases": {"file": written(tmp_path / "aliases", "Info: ann, bob@example.org")},
        "regex": {"rules": {"^Info$": ("ann", "bob@example.org")}},
        "sqlite": {
            "file": database(tmp_path / "db"),
            "query": "SELECT target FROM aliases WHERE address = :key",
        },
    }

    async def test(tables: Tables) -> None:
        (table,) = tables.values()
        for key in ("info", "INFO"):
            assert await table.look_up(key) == ("ann", "bob@example.org")
        for key in ("", "inf", "info\n", "info\0", "\ud800", "i" * 1000):
            assert await table.look_up(key) is None
        assert str(tmp_path) in table.describe() or "in the settings" in table.describe()

    run(test, staff=settings(kind=kind, **kept[kind]))


def test_a_file_is_read_again_as_soon_as_it_changes_and_a_bad_one_is_told_and_left(tmp_path: Path) -> None:
    path = written(tmp_path / "aliases", "info: ann")

    async def test(tables: Tables) -> None:
        async def held() -> tuple[str, ...] | None:
            first, second = await asyncio.gather(
                tables["staff"].look_up("info"), tables["staff"].look_up("info")
            )
            assert first == second
            return first

        assert await held() == ("ann",)
        written(path, "info: bob\nsales: carl")
        assert await held() == ("bob",)
        written(path, "info ann")
        assert (await held(), await held()) == (("bob",), ("bob",))
        path.unlink()
        assert await held() == ("bob",)
        written(path, "info: dora")
        assert await held() == ("dora",)

    told = run(test, staff=settings(kind="aliases", file=path))
    assert [event.keys if isinstance(event, TableLoaded) else type(event) for event in told] == [
        1,
        2,
        TableRefused,
        TableRefused,
        1,
    ]
    assert "line 1: is no alias" in str(told[2])
    assert "cannot be read" in str(told[3])


def test_a_file_of_patterns_is_asked_after_those_of_the_settings_and_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "patterns", "/^a/ from-file")

    async def test(tables: Tables) -> None:
        table = tables["lists"]
        assert (await table.look_up("ab"), await table.look_up("ac")) == (("from-settings",), ("from-file",))
        assert table.describe() == f"1 pattern in the settings and 1 pattern in {path}"
        written(path, "/^x/ other")
        assert await table.look_up("ac") is None

    run(test, lists=settings(kind="regex", rules={"^ab": "from-settings"}, file=path))


def test_a_database_that_goes_away_is_not_known_now(tmp_path: Path) -> None:
    path = database(tmp_path / "db")

    async def test(tables: Tables) -> None:
        path.rename(tmp_path / "gone")
        with pytest.raises(TableError, match=r"table site: .*/db: "):
            await tables["site"].look_up("info")
        (tmp_path / "gone").rename(path)
        assert await tables["site"].look_up("info") == ("ann", "bob@example.org")

    query = "SELECT target FROM aliases WHERE address = :key"
    told = run(test, site=settings(kind="sqlite", file=path, query=query))
    assert [type(event) for event in told] == [TableFailed, TableRestored]


class Service(BaseHTTPRequestHandler):
    """Knows info@example.org, and falters at everything else."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        is_known = self.path == "/mail/info%40example.org"
        self.send_response(200 if is_known else 503)
        self.end_headers()
        self.wfile.write(b'"ann"')

    def log_message(self, *_: object) -> None: ...


def test_a_service_is_asked_with_our_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    token.chmod(0o600)

    async def test(tables: Tables) -> None:
        assert await tables["shop"].look_up("Info@example.org") == ("ann",)
        with pytest.raises(TableError, match="answered 503"):
            await tables["shop"].look_up("other")
        assert tables["shop"].describe() == f"the service at {url}, which does not answer now"

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        url = f"http://127.0.0.1:{server.server_port}/mail/{{key}}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            run(test, shop=settings(kind="http", url=url, token_file=token))
        finally:
            server.shutdown()
            thread.join()
    assert Service.asked == [("/mail/info%40example.org", "Bearer t0ken"), ("/mail/other", "Bearer t0ken")]


def answers(key: str) -> object:
    match key:
        case "text":
            return "ann, bob@example.org"
        case "list":
            return ["ann", "b, c"]
        case "nothing":
            return None
        case "number":
            return 5
        case _:
            raise OSError("the server is down")


async def answers_later(key: str) -> object:
    await asyncio.sleep(0)
    return answers(key)


@pytest.mark.parametrize("name", ["answers", "answers_later"])
def test_a_function_is_a_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("mysite")
    module.__dict__.update(answers=answers, answers_later=answers_later)
    monkeypatch.setitem(sys.modules, "mysite", module)

    async def test(tables: Tables) -> None:
        table = tables["staff"]
        assert await table.look_up("text") == ("ann", "bob@example.org")
        assert await table.look_up("list") == ("ann", "b, c")
        assert await table.look_up("nothing") is None
        with pytest.raises(TableError, match=r"table staff: .* answered int, not a text"):
            await table.look_up("number")
        with pytest.raises(
            TableError, match=f"table staff: mysite:{name} raised OSError: the server is down"
        ):
            await table.look_up("down")
        assert f"mysite:{name}" in table.describe()

    run(test, staff=settings(kind="function", function=f"mysite:{name}"))


def test_a_function_is_found_by_its_name() -> None:
    assert find_function("operator:eq")("a", "a") is True
    for text in ("operator:nothing", "no_such_module:check", "string:digits", "operator:"):
        with pytest.raises(SettingsError):
            find_function(text)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"kind": "file", "file": "/nonexistent/people"}, "/nonexistent/people cannot be read: No such file"),
        ({"kind": "inline", "entries": {"info": '"ann'}}, "info: .* has no end"),
        ({"kind": "regex", "rules": {"(": "ann"}}, "is no regular expression"),
        ({"kind": "function", "function": "no_such_module:look_up"}, "there is no function"),
        ({"kind": "sqlite", "file": "/nonexistent/db", "query": "SELECT :key"}, "/nonexistent/db: "),
        (
            {
                "kind": "postgres",
                "url": "postgresql:///x",
                "query": "SELECT :key",
                "password_file": "/nonexistent/p",
            },
            "password_file /nonexistent/p cannot be read",
        ),
        (
            {
                "kind": "postgres",
                "url": "postgresql:///x",
                "query": "SELECT :key",
                "ca_file": "/nonexistent/ca",
            },
            "authorities file /nonexistent/ca: No such file",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_told_at_the_start(values: dict[str, Any], complaint: str) -> None:
    async def test(_tables: Tables) -> None: ...

    with pytest.raises(SettingsError, match=f"table staff: .*{complaint}"):
        run(test, staff=settings(**values))


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "people"
    path.write_bytes(b"ann\nj\xfcrgen\n")
    os.chmod(path, 0o644)

    async def test(_tables: Tables) -> None: ...

    with pytest.raises(SettingsError, match="is not UTF-8 in line 2"):
        run(test, staff=settings(kind="file", file=path))
