"""Whose a token is: keys that are fetched seldom and kept long, an issuer that is asked each time, and both when they are down."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.issuer import (
    AUDIENCE,
    AUTHORIZATION,
    CLIENT_ID,
    NAME,
    SECRET,
    Issuer,
    claims_of,
    issuer,
    jwk,
    new_key,
    sign,
)
from tests.unit.directory.test_directory import FakeSource

from mailrail.directory import Directory, DirectoryError, UsersSettings
from mailrail.directory.claims import Refusal, Terms
from mailrail.directory.settings import OAuthSettings
from mailrail.directory.token_opening import open_tokens
from mailrail.directory.tokens import KeySet, SignedTokens, basic_authorization
from mailrail.model import SettingsError, SystemClock, system_rng
from mailrail.model import reply as say
from mailrail.sim import simulate
from mailrail.tables import Fetched, Request, TableError

TERMS = Terms(issuer=NAME, audience=AUDIENCE, scope="", user_claim="email", leeway_s=60, must_expire=True)
KEYS = {name: new_key("ES256") for name in "ab"}
URL = "https://issuer.example/keys"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


class FakeFetcher:
    """Gives out keys.

    Attributes:
        names: of the keys.
        count: how often it was asked.
        is_down: it answers nothing.
        wait_s: how long it takes.
    """

    def __init__(self) -> None:
        self.names = "a"
        self.count = 0
        self.is_down = False
        self.wait_s = 0.0

    async def fetch(self, request: Request) -> Fetched:
        assert request == Request(URL)
        self.count += 1
        await asyncio.sleep(self.wait_s)
        if self.is_down:
            raise TableError("it is down")
        keys = json.dumps({"keys": [jwk(KEYS[name], kid=name) for name in self.names]})
        return Fetched(200, "OK", keys.encode())

    async def close(self) -> None: ...


def make() -> tuple[SignedTokens, FakeFetcher]:
    fetcher = FakeFetcher()
    return SignedTokens(KeySet(URL, fetcher), TERMS, SystemClock()), fetcher


def token(key: str, kid: str | None = None) -> str:
    return sign(KEYS[key], "ES256", claims_of("ann@example.org"), kid=kid or key)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    simulate(scenario())


def test_keys_are_fetched_once_an_hour() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        for _ in range(3):
            assert await tokens.name_of(token("a")) == "ann@example.org"
        assert fetcher.count == 1
        await asyncio.sleep(HOUR_S)
        assert await tokens.name_of(token("a")) == "ann@example.org"
        assert fetcher.count == 2

    play(scenario)


def test_a_new_key_is_fetched_when_it_is_first_named_but_at_most_once_a_minute() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        assert await tokens.name_of(token("a")) == "ann@example.org"
        fetcher.names = "ab"
        for _ in range(5):
            assert isinstance(await tokens.name_of(token("b")), Refusal)
        assert fetcher.count == 1
        await asyncio.sleep(MINUTE_S)
        assert await tokens.name_of(token("b")) == "ann@example.org"
        for n in range(5):
            assert isinstance(await tokens.name_of(token("b", f"invented{n}")), Refusal)
        assert fetcher.count == 2

    play(scenario)


def test_a_token_that_names_no_key_is_checked_with_all() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        fetcher.names = "ab"
        nameless = sign(KEYS["b"], "ES256", claims_of("ann@example.org"))
        assert await tokens.name_of(nameless) == "ann@example.org"

    play(scenario)


def test_a_key_signs_under_its_own_name_only() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        fetcher.names = "ab"
        answer = await tokens.name_of(token("b", kid="a"))
        assert isinstance(answer, Refusal)
        assert "signed by nobody we know" in answer.reason

    play(scenario)


def test_while_the_issuer_is_away_old_keys_serve_for_a_day() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        assert await tokens.name_of(token("a")) == "ann@example.org"
        fetcher.is_down = True
        await asyncio.sleep(DAY_S - MINUTE_S)
        assert await tokens.name_of(token("a")) == "ann@example.org"
        await asyncio.sleep(MINUTE_S)
        with pytest.raises(DirectoryError, match="it is down"):
            await tokens.name_of(token("a"))
        fetcher.is_down = False
        await asyncio.sleep(MINUTE_S)
        assert await tokens.name_of(token("a")) == "ann@example.org"

    play(scenario)


def test_without_keys_nobody_is_refused_and_the_issuer_is_not_stormed() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        fetcher.is_down = True
        for _ in range(5):
            with pytest.raises(DirectoryError, match="it is down"):
                await tokens.name_of(token("a"))
        assert fetcher.count == 1

    play(scenario)


def test_who_hangs_up_takes_the_keys_from_nobody() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        fetcher.wait_s = 3
        impatient = asyncio.ensure_future(tokens.name_of(token("a")))
        patient = asyncio.ensure_future(tokens.name_of(token("a")))
        await asyncio.sleep(1)
        impatient.cancel()
        assert await patient == "ann@example.org"
        assert fetcher.count == 1

    play(scenario)


def test_a_fetch_that_runs_ends_with_the_directory() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        fetcher.wait_s = HOUR_S
        waiting = asyncio.ensure_future(tokens.name_of(token("a")))
        await asyncio.sleep(1)
        await tokens.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    play(scenario)


def test_what_is_no_token_asks_for_no_keys() -> None:
    async def scenario() -> None:
        tokens, fetcher = make()
        assert isinstance(await tokens.name_of("opaque"), Refusal)
        assert fetcher.count == 0

    play(scenario)


def test_a_client_says_who_it_is_as_in_a_form() -> None:
    assert basic_authorization(CLIENT_ID, SECRET) == AUTHORIZATION


def secret_file(folder: Path, text: str = f"{SECRET}\n") -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


def introspection(site: Issuer, folder: Path, **more: Any) -> OAuthSettings:
    return OAuthSettings(
        introspection_url=f"{site.url}/introspect",
        client_id=CLIENT_ID,
        client_secret_file=secret_file(folder),
        **more,
    )


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, b"", "the answer"),
        (200, b"[]", "the answer"),
        (200, b"no json", "the answer"),
        (500, b'{"active": true}', "answered 500"),
    ],
)
def test_an_answer_about_a_token_that_is_none_is_not_now(
    tmp_path: Path, status: int, body: bytes, word: str
) -> None:
    async def ask() -> None:
        tokens = open_tokens(UsersSettings(oauth=introspection(site, tmp_path)), SystemClock())
        with pytest.raises(DirectoryError, match=word):
            await tokens.name_of("opaque")
        await tokens.close()

    with issuer() as site:
        site.override = (status, {}, body)
        asyncio.run(ask())


@pytest.mark.parametrize("active", ["true", 1, None])
def test_active_is_true_and_nothing_like_it(tmp_path: Path, active: object) -> None:
    async def ask() -> None:
        tokens = open_tokens(UsersSettings(oauth=introspection(site, tmp_path)), SystemClock())
        assert isinstance(await tokens.name_of(site.opaque_token("ann", active=active)), Refusal)
        await tokens.close()

    with issuer() as site:
        asyncio.run(ask())


def test_a_secret_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    path = secret_file(tmp_path, "\n")
    oauth = OAuthSettings(introspection_url=URL, client_id="mail", client_secret_file=path)
    for mode, word in ((0o600, "is empty"), (0o644, "chmod 640")):
        path.chmod(mode)
        with pytest.raises(SettingsError, match=word):
            open_tokens(UsersSettings(oauth=oauth), SystemClock())
    path.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        open_tokens(UsersSettings(oauth=oauth), SystemClock())


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"keys_url": URL}, "needs issuer and audience"),
        ({"introspection_url": URL}, "belong together"),
        ({"client_id": "mail"}, "belong together"),
        ({"keys_url": URL, "introspection_url": URL}, "one way"),
        ({"keys_url": "http://issuer.example/keys"}, "https"),
        ({"keys_url": "file:///etc/passwd"}, "https"),
        ({"keys_url": "https://"}, "https"),
        ({"keys_url": "https://user@issuer.example/"}, "https"),
        ({"keys_url": "https://issuer.example/a b"}, "https"),
        ({"keys_url": "https://issuer.example:port/"}, "https"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, str], word: str) -> None:
    whole = (
        {} if word in ("needs issuer and audience", "belong together") else {"issuer": NAME, "audience": "a"}
    )
    with pytest.raises(ValidationError, match=word):
        OAuthSettings(**whole, **settings)  # type: ignore[arg-type]


class FakeTokens:
    """Knows the token "good", of *name*."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def name_of(self, token: str) -> str | Refusal:
        if token == "down":
            raise DirectoryError("it is down")
        return self.name if token == "good" else Refusal("it is bad")

    async def close(self) -> None: ...


def directory(name: str, source: FakeSource | None = None) -> Directory:
    return Directory(source, secret=b"x" * 32, cache_s=0, rng=system_rng(), tokens=FakeTokens(name))


def test_a_token_is_for_who_it_names_and_for_no_other() -> None:
    async def scenario() -> None:
        asker = directory("ann@example.org").asker()
        for user in ("", "Ann@Example.org"):
            assert await asker.verify_token(user, "good") == "ann@example.org"
        for user in ("eve@example.org", "a\u200bb"):
            assert await asker.verify_token(user, "good") == say.AUTH_FAILED
        assert await asker.verify_token("", "bad") == say.AUTH_FAILED
        assert asker.trouble == "it is bad"
        assert await asker.verify_token("", "down") == say.AUTH_UNAVAILABLE

    play(scenario)


def test_where_users_are_known_by_name_the_bearer_must_be_one() -> None:
    async def scenario() -> None:
        source = FakeSource()
        asker = directory("bob", source).asker()
        assert await asker.verify_token("", "good") == "bob"
        assert asker.found is source.users["bob"]
        assert await directory("eve", source).asker().verify_token("", "good") == say.AUTH_FAILED
        source.knows_names = False  # it is asked about passwords only
        assert await directory("eve", source).asker().verify_token("", "good") == "eve"

    play(scenario)


def test_without_an_issuer_no_token_is_taken() -> None:
    async def scenario() -> None:
        silent = Directory(FakeSource(), secret=b"x" * 32, cache_s=0, rng=system_rng())
        assert await silent.asker().verify_token("", "good") == say.AUTH_FAILED

    play(scenario)


def test_only_what_there_is_somebody_for_is_offered() -> None:
    every = ("SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")
    assert directory("ann").able(every) == ("OAUTHBEARER", "XOAUTH2")
    assert directory("ann", FakeSource()).able(every) == every[1:]
    silent = Directory(FakeSource(), secret=b"x" * 32, cache_s=0, rng=system_rng())
    assert silent.able(every) == ("PLAIN", "LOGIN")


def test_by_tokens_only_no_password_is_right() -> None:
    async def scenario() -> None:
        lonely = directory("ann")
        assert await lonely.by_password("ann", "secret") is None
        assert await lonely.find("ann") is None
        await lonely.close()

    play(scenario)
