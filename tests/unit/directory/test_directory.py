"""Who is asked at a login: names in one spelling, nobody and somebody alike, right passwords remembered for seconds."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork

from mailrail.directory import Directory, DirectoryError, User, UsersSettings, open_directory, scheme_of
from mailrail.directory import source_file as source_file_module
from mailrail.directory.opening import keep_secret
from mailrail.directory.pool import login_pool
from mailrail.directory.source_file import checked
from mailrail.model import Reply, SettingsError, SystemClock, system_rng
from mailrail.model import reply as say
from mailrail.net import Identity
from mailrail.observe import Bus
from mailrail.sasl import KeyRecord, derive_keys
from mailrail.sim import simulate

KEYS = derive_keys("secret", b"sixteen octets..", 4096)
ANN = User("ann@example.org", "{PLAIN}secret", KEYS)
BOB = User("bob", "{PLAIN}secret")


class FakeSource:
    """Knows ann and bob; counts how often it is asked for a password.

    Attributes:
        is_down: it cannot answer.
    """

    has_keys = False
    knows_names = True

    def __init__(self) -> None:
        self.users = {user.name: user for user in (ANN, BOB)}
        self.asked: list[str] = []
        self.edition = 1
        self.is_down = False

    def version(self) -> object:
        return self.edition

    async def check_password(self, name: str, password: str) -> User | None:
        self.asked.append(name)
        user = await self.find(name)
        return user if password == "secret" else None

    async def find(self, name: str) -> User | None:
        if self.is_down:
            raise DirectoryError("it is down")
        return self.users.get(name)

    async def probe(self) -> bool:
        return await self.find("") is None

    def describe(self) -> str:
        return "a fake"

    async def close(self) -> None: ...


def make(cache_s: float = 0) -> tuple[Directory, FakeSource]:
    source = FakeSource()
    return Directory(source, secret=b"x" * 32, cache_s=cache_s, rng=system_rng()), source


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    simulate(scenario())


def test_a_name_in_capitals_is_the_same_name() -> None:
    async def scenario() -> None:
        directory, _ = make()
        assert await directory.asker().verify_password("Ann@Example.ORG", "secret") == "ann@example.org"
        record = await directory.asker().scram_keys("ANN@example.org", "sha256")
        assert not isinstance(record, Reply | None)
        assert (record.user, record.keys) == ("ann@example.org", KEYS)

    play(scenario)


def test_a_wrong_password_nobody_and_an_impossible_name_are_the_same_and_all_are_asked_about() -> None:
    async def scenario() -> None:
        directory, source = make()
        for name in ("bob", "nobody at all", "a\u200bb", "x" * 2000):
            assert await directory.asker().verify_password(name, "wrong") == say.AUTH_FAILED
        assert len(source.asked) == 4

    play(scenario)


def test_scram_finds_no_keys_of_users_without_and_of_another_digest() -> None:
    async def scenario() -> None:
        directory, _ = make()
        for name, digest in (
            ("bob", "sha256"),
            ("nobody", "sha256"),
            ("ann@example.org", "sha1"),
            ("\0", "sha256"),
        ):
            assert await directory.asker().scram_keys(name, digest) is None

    play(scenario)


def test_scram_finds_the_keys_of_the_digest_that_is_asked_for() -> None:
    async def scenario() -> None:
        directory, source = make()
        sha1 = derive_keys("secret", b"sixteen octets..", 4096, "sha1")
        source.users["carol"] = User("carol", "{PLAIN}secret", KEYS, sha1_keys=sha1)
        for digest, keys in (("sha256", KEYS), ("sha1", sha1)):
            assert await directory.asker().scram_keys("carol", digest) == KeyRecord("carol", keys)

    play(scenario)


def test_mechanisms_by_keys_are_offered_where_everybody_has_keys() -> None:
    directory, source = make()
    assert directory.able(("SCRAM-SHA-256", "PLAIN")) == ("PLAIN",)
    source.has_keys = True
    assert directory.able(("SCRAM-SHA-256", "PLAIN")) == ("SCRAM-SHA-256", "PLAIN")


def test_a_source_that_is_down_is_no_refusal() -> None:
    async def scenario() -> None:
        directory, source = make()
        source.is_down = True
        identity = Identity("CN=bob", "bob", (), (), "")
        asker = directory.asker()
        assert await asker.verify_password("bob", "secret") == say.AUTH_UNAVAILABLE
        assert await directory.asker().scram_keys("bob", "sha256") == say.AUTH_UNAVAILABLE
        assert await directory.asker().verify_certificate("", identity) == say.AUTH_UNAVAILABLE
        assert asker.trouble == "it is down"

    play(scenario)


def test_a_certificate_is_who_its_addresses_and_common_name_say() -> None:
    async def scenario() -> None:
        directory, _ = make()
        identity = Identity("CN=bob", "bob", (), ("\0", "nobody@example.org", "Ann@example.org"), "")
        for wish, user in (("", "ann@example.org"), ("BOB", "bob")):
            assert await directory.asker().verify_certificate(wish, identity) == user
        for wish in ("carol", "\0"):
            assert await directory.asker().verify_certificate(wish, identity) == say.AUTH_FAILED

    play(scenario)


def test_a_right_password_is_remembered_for_seconds_or_until_a_change_and_a_wrong_one_never() -> None:
    async def scenario() -> None:
        directory, source = make(cache_s=10)
        for _ in range(3):
            assert await directory.by_password("bob", "secret") == BOB
            assert await directory.by_password("bob", "wrong") is None
        assert len(source.asked) == 4
        await asyncio.sleep(11)
        await directory.by_password("bob", "secret")
        assert len(source.asked) == 5
        source.edition = 2
        await directory.by_password("bob", "secret")
        assert len(source.asked) == 6
        assert b"secret" not in repr(list(vars(directory).values())).encode()

    play(scenario)


def test_nobody_costs_what_somebody_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A34: by the hashes that are computed, for a clock would not repeat itself."""
    computed: list[str] = []

    def counted(stored: str, password: str) -> bool:
        computed.append(scheme_of(stored))
        return False

    monkeypatch.setattr(source_file_module, "is_password", counted)
    argon = User("ann", "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")
    for user in (argon, None, User("ann", argon.password, is_disabled=True)):
        computed.clear()
        assert checked(user, "x") is None
        assert computed == ["ARGON2ID"]
    computed.clear()
    checked(BOB, "x")
    assert computed == ["PLAIN", "ARGON2ID"]


def test_more_logins_than_may_wait_are_refused_at_once_and_those_that_wait_are_served() -> None:
    async def scenario() -> None:
        pool, gate = login_pool(1, 1), threading.Event()
        first = asyncio.ensure_future(pool.run(gate.wait))
        second = asyncio.ensure_future(pool.run(lambda: True))
        await asyncio.sleep(0)
        with pytest.raises(DirectoryError, match="too many"):
            await pool.run(lambda: True)
        second.cancel()  # its client has gone; the work counts until it is done
        await asyncio.sleep(0)
        with pytest.raises(DirectoryError):
            await pool.run(lambda: True)
        gate.set()
        assert await first
        while True:
            try:
                assert await pool.run(lambda: True)
                break
            except DirectoryError:
                await asyncio.sleep(0)
        pool.close()

    asyncio.run(scenario())


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "logins" / "secret"
    secret = keep_secret(file, system_rng())
    assert len(secret) == 32
    assert keep_secret(file, system_rng()) == secret
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingsError, match="cannot be kept"):
        keep_secret(tmp_path / "nowhere" / "deep" / "secret", system_rng())


def test_without_a_file_there_is_no_directory(tmp_path: Path) -> None:
    assert (
        open_directory(UsersSettings(), tmp_path, Bus(), system_rng(), MemoryNetwork(), SystemClock()) is None
    )
