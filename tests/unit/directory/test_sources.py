"""Users from a database and from a function: what is particular to each, and what is wrong with them."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.support.memory_net import MemoryNetwork

from mailrail.directory import DirectoryError, Source, User, UsersSettings, check_users, open_directory
from mailrail.directory.pool import login_pool
from mailrail.directory.settings import SqlSettings
from mailrail.directory.source_function import FunctionSource
from mailrail.directory.source_sql import SqlSource
from mailrail.model import SettingsError, SystemClock, system_rng
from mailrail.observe import Bus
from mailrail.tables import Pool, Turns, open_sqlite

QUERY = SqlSettings().query


def database(path: Path, *rows: tuple[object, ...]) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE users (name TEXT, password TEXT, may_send_as TEXT, messages_per_day INT)")
        db.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?)", [(*row, None, None, None)[:4] for row in rows]
        )
    path.chmod(0o640)
    return path


def with_name(path: Path, query: str = QUERY) -> SqlSource:
    return sql_source(path, query.replace("password", "password, may_send_as, messages_per_day"))


def sql_source(path: Path, query: str) -> SqlSource:
    database = open_sqlite(path, query, ("name",), Pool(1, 10))
    return SqlSource(database, Turns(1, 10, timeout_s=5), login_pool(1, 10))


def find(source: Source, name: str) -> User | None:
    async def ask() -> User | None:
        try:
            return await source.find(name)
        finally:
            await source.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("words", ["a@b.example, @b.example", '["a@b.example", "@b.example"]'])
def test_a_row_says_what_a_user_file_says(tmp_path: Path, words: str) -> None:
    user = find(with_name(database(tmp_path / "db", ("ann", "{PLAIN}x", words, 7))), "ann")
    assert user == User(
        "ann", "{PLAIN}x", may_send_as=("a@b.example", "@b.example"), quotas={"messages_per_day": 7}
    )


def test_the_default_query_fits_a_table_with_the_names_of_the_user_file(tmp_path: Path) -> None:
    source = sql_source(database(tmp_path / "db", ("ann", "{PLAIN}x")), QUERY)
    assert find(source, "ann") == User("ann", "{PLAIN}x")


@pytest.mark.parametrize("password", ["{MD5}hush", None, "hush"])
def test_a_row_that_cannot_be_used_is_out_of_order_and_no_refusal(
    tmp_path: Path, password: str | None
) -> None:
    with pytest.raises(DirectoryError) as caught:
        find(with_name(database(tmp_path / "db", ("ann", password))), "ann")
    assert "hush" not in str(caught.value)


def test_a_write_changes_the_version(tmp_path: Path) -> None:
    path = database(tmp_path / "db", ("ann", "{PLAIN}x"))
    source = with_name(path)
    before = source.version()
    assert source.version() == before
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM users")
    assert source.version() != before


def test_a_database_that_cannot_be_asked_is_told_at_the_start(tmp_path: Path) -> None:
    path = database(tmp_path / "db")

    def check(**values: object) -> None:
        check_users(UsersSettings(sql=SqlSettings.model_validate(values)), MemoryNetwork())

    check(file=path)
    with pytest.raises(SettingsError, match="no such table: people"):
        check(file=path, query="SELECT * FROM people WHERE name = :name")
    with pytest.raises(SettingsError, match="cannot be read"):
        check(file=tmp_path / "nowhere")
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 640"):
        check(file=path)
    with pytest.raises(SettingsError, match="the query asks for :user; known is :name"):
        check(url="postgresql://mail@db.example.org/site", query="SELECT 1 WHERE x = :user")
    with pytest.raises(ValidationError, match="keep one of file and url"):
        check(file=path, url="postgresql://mail@db.example.org/site")
    with pytest.raises(ValidationError, match="there is none"):
        check(file=path, password_file=path)


def raises(user: str, password: str) -> bool:
    raise OSError("the server is down")


@pytest.mark.parametrize(
    ("check", "word"),
    [(raises, "OSError: the server is down"), (lambda user, password: user, "answered str")],
)
def test_a_function_that_fails_or_answers_neither_yes_nor_no_is_out_of_order(
    check: object, word: str
) -> None:
    assert callable(check)

    async def ask() -> None:
        source = FunctionSource(check, login_pool(1, 10))
        with pytest.raises(DirectoryError, match=word):
            await source.check_password("ann", "x")
        await source.close()

    asyncio.run(ask())


def test_users_come_from_one_place(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="one place"):
        UsersSettings(file=tmp_path, function="a:b")
    with pytest.raises(ValidationError, match="names no function"):
        UsersSettings(function="a b")


@pytest.mark.parametrize("kind", ["file", "sql", "function"])
def test_each_source_is_opened_by_its_setting(tmp_path: Path, kind: str) -> None:
    settings = {
        "file": UsersSettings(file=tmp_path / "users.toml"),
        "sql": UsersSettings(sql=SqlSettings(file=database(tmp_path / "db"))),
        "function": UsersSettings(function="operator:eq"),
    }[kind]

    async def ask() -> None:
        directory = open_directory(
            settings, tmp_path / "kept", Bus(), system_rng(), MemoryNetwork(), SystemClock()
        )
        assert directory is not None
        assert (await directory.by_password("same", "same") is not None) == (kind == "function")
        await directory.close()

    asyncio.run(ask())
