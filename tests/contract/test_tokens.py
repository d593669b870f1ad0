"""What each way to know whose a token is promises (directory/tokens.py): the same suite for both, against an issuer that runs."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.issuer import AUDIENCE, NAME, Issuer, issuer
from tests.unit.directory.test_tokens import introspection

from mailrail.directory import DirectoryError, UsersSettings
from mailrail.directory.claims import Refusal
from mailrail.directory.settings import OAuthSettings
from mailrail.directory.token_opening import open_tokens
from mailrail.model import SystemClock

Write = Callable[..., str]
ANN = "ann@example.org"


@pytest.fixture
def site() -> Iterator[Issuer]:
    with issuer() as site:
        yield site


@pytest.fixture(params=["signed", "introspected"])
def way(request: pytest.FixtureRequest, site: Issuer, tmp_path: Path) -> tuple[UsersSettings, Write]:
    """Return settings, and what writes the tokens that fit them."""
    if request.param == "signed":
        signed = OAuthSettings(keys_url=f"{site.url}/keys", issuer=NAME, audience=AUDIENCE)
        return UsersSettings(oauth=signed), site.token
    asked = introspection(site, tmp_path, issuer=NAME, audience=AUDIENCE)
    return UsersSettings(oauth=asked), site.opaque_token


def name_of(settings: UsersSettings, token: str) -> str | Refusal:
    async def ask() -> str | Refusal:
        tokens = open_tokens(settings, SystemClock())
        try:
            return await tokens.name_of(token)
        finally:
            await tokens.close()

    return asyncio.run(ask())


def test_a_good_token_names_its_bearer(way: tuple[UsersSettings, Write]) -> None:
    settings, write = way
    assert name_of(settings, write("Ann@example.org")) == ANN


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"iss": "https://evil.example"},
        {"aud": "web"},
        {"email": 7},
    ],
)
def test_a_token_that_is_not_for_us_or_not_for_now_lets_nobody_in(
    way: tuple[UsersSettings, Write], claims: dict[str, Any]
) -> None:
    settings, write = way
    assert isinstance(name_of(settings, write(ANN, **claims)), Refusal)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "'--", "x" * 12_000])
def test_what_nobody_issued_lets_nobody_in(way: tuple[UsersSettings, Write], token: str) -> None:
    assert isinstance(name_of(way[0], token), Refusal)


def test_an_issuer_that_is_out_of_order_is_no_refusal(way: tuple[UsersSettings, Write], site: Issuer) -> None:
    settings, write = way
    site.override = (503, {}, b"")
    with pytest.raises(DirectoryError, match="503"):
        name_of(settings, write(ANN))
