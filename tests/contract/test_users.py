"""What every source of users promises (directory/api.py): the same suite for each."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.support.dovecot_auth import dovecot_auth
from tests.support.ldap_server import BASE, PLACE, People
from tests.support.memory_net import MemoryNetwork

from mailrail.directory import Source, User, UsersSettings, make_hash, write_user
from mailrail.directory.opening import open_ldap_source
from mailrail.directory.pool import login_pool
from mailrail.directory.source_dovecot import DovecotSource
from mailrail.directory.source_file import FileSource
from mailrail.directory.source_function import FunctionSource
from mailrail.directory.source_sql import SqlSource
from mailrail.directory.userfile import UserFile
from mailrail.model import system_rng
from mailrail.net import Endpoint, SocketNetwork
from mailrail.sasl import derive_keys, format_keys
from mailrail.sim.connection import SimConnection
from mailrail.tables import Pool, Turns, open_sqlite

SECRET = "correct horse"
KEYS = derive_keys(SECRET, b"sixteen octets..", 4096)
ANN = User("ann@example.org", make_hash(SECRET, system_rng()), KEYS)
BOB = User("bob", "{PLAIN}hunter2 hunter2")
EVE = User("eve", "{PLAIN}hunter2 hunter2", is_disabled=True)
PEOPLE = (ANN, BOB, EVE)

Make = Callable[[Path], Source]


def from_file(folder: Path) -> Source:
    path, text = folder / "users.toml", ""
    for user in PEOPLE:
        text = write_user(text, user)
    path.write_text(text)
    path.chmod(0o600)
    file = UserFile(path)
    file.begin()
    return FileSource(file, login_pool(1, 10))


def from_sql(folder: Path) -> Source:
    path = folder / "users.db"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE people (login TEXT, hash TEXT, keys TEXT, gone INT)")
        for user in PEOPLE:
            keys = format_keys(user.keys) if user.keys is not None else None
            db.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?)", (user.name, user.password, keys, user.is_disabled)
            )
    path.chmod(0o600)
    query = "SELECT hash AS password, keys AS scram, gone AS disabled FROM people WHERE login = :name"
    database = open_sqlite(path, query, ("name",), Pool(1, 10))
    return SqlSource(database, Turns(1, 10, timeout_s=5), login_pool(1, 10))


def from_function(folder: Path) -> Source:
    passwords = {ANN.name: SECRET, BOB.name: "hunter2 hunter2"}
    return FunctionSource(lambda user, password: passwords.get(user) == password, login_pool(1, 10))


def from_dovecot(folder: Path) -> Source:
    return DovecotSource(SocketNetwork(), folder / "auth", system_rng())


class LdapNetwork(MemoryNetwork):
    """One machine, on which a directory listens as soon as somebody comes."""

    async def connect(
        self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None
    ) -> SimConnection:
        if endpoint not in self._places:
            self._places.add(endpoint)
            People({ANN.name: SECRET, BOB.name: "hunter2 hunter2"}).listen(self)
        return await super().connect(endpoint, timeout_s=timeout_s, source=source)

    def __init__(self) -> None:
        super().__init__()
        self._places: set[Endpoint] = set()


def from_ldap(folder: Path) -> Source:
    return ldap_source(base=BASE)


def from_ldap_by_name(folder: Path) -> Source:
    return ldap_source(user_dn=f"uid={{name}},{BASE}")


def ldap_source(**way: str) -> Source:
    ldap = {"servers": (f"ldap://{PLACE.host}",), "in_clear": True, **way}
    return open_ldap_source(UsersSettings.model_validate({"ldap": ldap}), LdapNetwork())


SOURCES: list[Make] = [from_file, from_sql, from_ldap, from_ldap_by_name, from_dovecot, from_function]


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__.removeprefix("from_"))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    make: Make = request.param
    with dovecot_auth(tmp_path / "auth", {ANN.name: SECRET, BOB.name: "hunter2 hunter2"}):
        yield make(tmp_path)


def asked(source: Source, question: Callable[[Source], Awaitable[User | None]]) -> str | None:
    """Ask *source* and return the name of whom it found."""

    async def ask() -> User | None:
        try:
            return await question(source)
        finally:
            await source.close()

    found = asyncio.run(ask())
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("name", "password", "found"),
    [
        ("ann@example.org", SECRET, True),
        ("bob", "hunter2 hunter2", True),
        ("bob", SECRET, False),
        ("ann@example.org", "", False),
        ("eve", "hunter2 hunter2", False),
        ("nobody", SECRET, False),
        ("' OR 1=1 --", SECRET, False),
        ("bob\tuser=ann@example.org", "hunter2 hunter2", False),
        ("*)(uid=*", SECRET, False),
    ],
)
def test_a_right_password_finds_the_user_and_everything_else_nobody(
    source: Source, name: str, password: str, found: bool
) -> None:
    assert asked(source, lambda it: it.check_password(name, password)) == (name if found else None)


@pytest.mark.parametrize(("name", "found"), [("bob", True), ("eve", False), ("nobody", False)])
def test_a_user_is_found_by_name_unless_disabled(source: Source, name: str, found: bool) -> None:
    if not source.knows_names:
        found = False  # it is asked about passwords only
    assert asked(source, lambda it: it.find(name)) == (name if found else None)


def test_it_says_where_it_is_and_whether_it_can_be_asked_without_a_password(source: Source) -> None:
    async def ask() -> bool:
        try:
            return await source.probe()
        finally:
            await source.close()

    assert source.describe()
    assert asyncio.run(ask()) is not isinstance(source, FunctionSource)
