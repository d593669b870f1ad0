"""Floor 3 · directory — whose an access token is: by its signature, or by asking who issued it.

A signed token is checked here, with keys that its issuer publishes. They are fetched at the first login and each hour; for a key that is not among them
at once, for issuers change theirs, but at most once a minute, for anybody can name keys that do not exist. While an issuer is away its old
keys serve for a day. An introspected token is asked about at each login, so one that was taken back is so at once.
"""

import asyncio
import contextlib
from base64 import b64encode
from dataclasses import replace
from typing import Final, Protocol
from urllib.parse import quote_plus, urlencode

from mailrail.directory.api import DirectoryError
from mailrail.directory.claims import Refusal, Terms, judge
from mailrail.directory.jwt import (
    SignedToken,
    SigningKey,
    TokenError,
    is_signed_by,
    read_keys,
    read_object,
    read_token,
)
from mailrail.model import SECOND_US, Clock
from mailrail.tables import Fetcher, Request, TableError

_FRESH_S: Final = 3600.0  # practice: what issuers say in Cache-Control is between minutes and a day
_LAST_S: Final = 86_400.0
_PAUSE_S: Final = 60.0
_OK: Final = 200


class Tokens(Protocol):
    """Who knows whose a token is."""

    async def name_of(self, token: str) -> str | Refusal:
        """Return the login name of the bearer of *token*, or why it lets nobody in.

        Raises:
            DirectoryError: it cannot be known now.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class SignedTokens:
    """Implements Tokens by signatures (RFC 7519)."""

    def __init__(self, keys: "KeySet", terms: Terms, clock: Clock) -> None:
        self._keys = keys
        self._terms = terms
        self._clock = clock

    async def name_of(self, token: str) -> str | Refusal:
        """Return the login name of the bearer of *token*."""
        try:
            signed = read_token(token)
        except TokenError as error:
            return Refusal(f"the token {error}")
        if not any(is_signed_by(signed, key) for key in await self._keys.for_token(signed)):
            return Refusal(
                f"the token is signed by nobody we know (alg {signed.algorithm!r}, kid {signed.kid!r})"
            )
        return judge(signed.claims, self._terms, self._clock.now_us() / SECOND_US)

    async def close(self) -> None:
        """Let go of the keys."""
        await self._keys.close()


class KeySet:
    """The keys of an issuer, as far as they are known; within one loop."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self._url = url
        self._fetcher = fetcher
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched_s = -_LAST_S
        self._tried_s = -_PAUSE_S
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    async def for_token(self, token: SignedToken) -> tuple[SigningKey, ...]:
        """Return the keys that *token* may be signed with.

        Raises:
            DirectoryError: none are known now.
        """
        if not self._named(token) or self._age_s() >= _FRESH_S:
            await self._renew()
        if self._age_s() >= _LAST_S:
            raise DirectoryError(self._trouble)
        return self._named(token)

    async def close(self) -> None:
        """Fetch nothing more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._fetcher.close()

    def _named(self, token: SignedToken) -> tuple[SigningKey, ...]:
        return tuple(key for key in self._keys if not token.kid or key.kid == token.kid)

    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._fetched_s

    async def _renew(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._task is None:
            if now_s - self._tried_s < _PAUSE_S:
                return
            self._tried_s = now_s
            # A task of its own: the client who wanted it first may hang up, and the others still wait for it.
            self._task = asyncio.create_task(self._fetch())
        await asyncio.shield(self._task)

    async def _fetch(self) -> None:
        try:
            self._keys = read_keys(await _document(self._fetcher, Request(self._url)))
        except DirectoryError as error:
            self._trouble = str(error)
        except TokenError as error:
            self._trouble = f"{self._url} {error}"
        else:
            self._fetched_s = self._tried_s
        finally:
            self._task = None


class IntrospectedTokens:
    """Implements Tokens by asking the issuer (RFC 7662)."""

    def __init__(self, ask: Request, fetcher: Fetcher, terms: Terms, clock: Clock) -> None:
        """Ask nothing yet.

        Args:
            ask: where, and who we are.
            fetcher: who asks.
            terms: what is asked of a token.
            clock: now.
        """
        self._ask = ask
        self._fetcher = fetcher
        self._terms = terms
        self._clock = clock

    async def name_of(self, token: str) -> str | Refusal:
        """Return the login name of the bearer of *token*."""
        form = urlencode({"token": token, "token_type_hint": "access_token"})
        answer = await _document(self._fetcher, replace(self._ask, posted=form))
        try:
            claims = read_object(answer)
        except TokenError as error:
            raise DirectoryError(f"{self._ask.url}: the answer {error}") from None
        if claims.get("active") is not True:
            return Refusal("the token is not active, says its issuer")
        return judge(claims, self._terms, self._clock.now_us() / SECOND_US)

    async def close(self) -> None:
        """Ask nothing more."""
        await self._fetcher.close()


async def _document(fetcher: Fetcher, request: Request) -> bytes:
    try:
        answer = await fetcher.fetch(request)
    except TableError as error:
        raise DirectoryError(str(error)) from error
    if answer.status != _OK:
        raise DirectoryError(f"{request.url} answered {answer.status} {answer.reason}")
    return answer.body


def basic_authorization(client_id: str, secret: str) -> str:
    """Return what a client says of itself; both are written as in a form first (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"
