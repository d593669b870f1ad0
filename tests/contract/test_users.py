"""What every source of users promises (directory/api.py): the same suite for each."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mailrail.directory import Source, User, make_hash, write_user
from mailrail.directory.pool import Pool
from mailrail.directory.source_file import FileSource
from mailrail.directory.userfile import UserFile
from mailrail.model import system_rng
from mailrail.sasl import derive_keys

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
    return FileSource(file, Pool(threads=1, waiting=10))


SOURCES: list[Make] = [from_file]


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__.removeprefix("from_"))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    make: Make = request.param
    return make(tmp_path)


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
    assert asked(source, lambda it: it.find(name)) == (name if found else None)
