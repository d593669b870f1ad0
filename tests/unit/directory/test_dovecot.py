"""Dovecot as the one who knows: yes, no, and all the ways of not knowing."""

import asyncio
from pathlib import Path

import pytest
from tests.support.dovecot_auth import GREETING, dovecot_auth

from mailrail.directory import DirectoryError, User
from mailrail.directory.source_dovecot import DovecotSource
from mailrail.model import system_rng
from mailrail.net import SocketNetwork


def check(path: Path, name: str = "ann", password: str = "secret") -> User | None:
    async def ask() -> User | None:
        return await DovecotSource(SocketNetwork(), path, system_rng()).check_password(name, password)

    return asyncio.run(ask())


def test_who_it_is_says_dovecot(tmp_path: Path) -> None:
    with dovecot_auth(tmp_path / "auth", {}, answer="OK\t1\tuser=Ann@Example.org\tsomething=else") as path:
        assert check(path) == User("ann@example.org")


@pytest.mark.parametrize("answer", ["FAIL\t1\tuser=ann", "FAIL\t1\tuser=ann\tcode=user_disabled"])
def test_no_is_no(tmp_path: Path, answer: str) -> None:
    with dovecot_auth(tmp_path / "auth", {}, answer=answer) as path:
        assert check(path) is None


@pytest.mark.parametrize(
    "answer",
    [
        "FAIL\t1\tuser=ann\ttemp",
        "FAIL\t1\tuser=ann\tcode=temp_fail",
        "FAIL\t2\tuser=ann",
        "OK\t2\tuser=ann",
        "CONT\t1\tabc=",
        "OK\t1\tuser=a\u200bb",
        "x" * 2_000_000,
    ],
)
def test_everything_else_is_not_now(tmp_path: Path, answer: str) -> None:
    with dovecot_auth(tmp_path / "auth", {}, answer=answer) as path, pytest.raises(DirectoryError):
        check(path)


@pytest.mark.parametrize(
    "greeting", [["VERSION\t2\t0", *GREETING[1:]], ["MECH\tPLAIN"] * 200, ["a\tb"] * 101]
)
def test_somebody_else_behind_the_socket_is_not_asked(tmp_path: Path, greeting: list[str]) -> None:
    with (
        dovecot_auth(tmp_path / "auth", {"ann": "secret"}, greeting=greeting) as path,
        pytest.raises(DirectoryError),
    ):
        check(path)


def test_nobody_behind_the_socket_is_not_now(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="nowhere"):
        check(tmp_path / "nowhere")
