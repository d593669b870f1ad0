"""Floor 2 · tables — short documents by HTTP: what a service answers, or who issues tokens publishes.

One request on a connection of its own, in a thread: answers are remembered, so it is seldom. Redirects are not followed, for a request may carry our
secret, and nothing of the environment is: neither a proxy nor a file with passwords.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, Protocol
from urllib.parse import urlsplit

from mailrail.tables.api import TableError
from mailrail.tables.pool import Pool

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        url: whole, https or http.
        posted: what is posted; "": nothing, so that it is a GET.
        content_type: of what is posted.
        authorization: who we are, "" to say nothing.
    """

    url: str
    posted: str = ""
    content_type: str = FORM
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back, good or bad.

    Attributes:
        status: HTTP's, 200 to 599.
        reason: the server's words for it.
    """

    status: int
    reason: str
    body: bytes


class Fetcher(Protocol):
    """Fetches documents."""

    async def fetch(self, request: Request) -> Fetched:
        """Return what the server answers.

        Raises:
            TableError: it does not, or more than it may.
        """
        ...

    async def close(self) -> None:
        """Fetch nothing more."""
        ...


class HttpFetcher:
    """Implements Fetcher by the standard library."""

    def __init__(self, pool: Pool, tls: ssl.SSLContext, timeout_s: float, most_octets: int = 262_144) -> None:
        """Open nothing yet.

        Args:
            pool: whose threads wait.
            tls: for https; it must verify.
            timeout_s: for the whole of it.
            most_octets: of a body.
        """
        self._pool = pool
        self._tls = tls
        self._timeout_s = timeout_s
        self._most_octets = most_octets

    async def fetch(self, request: Request) -> Fetched:
        """Return what the server answers."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._pool.run(partial(self._fetch, request))
        except TimeoutError:
            raise TableError(f"{request.url} does not answer in {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """Fetch nothing more."""
        self._pool.close()

    def _fetch(self, request: Request) -> Fetched:
        connection, path = connection_to(request.url, self._tls, self._timeout_s)
        try:
            return self._answer(connection, request, path)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a line that is none
            raise TableError(f"{request.url}: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()

    def _answer(self, connection: HTTPConnection, request: Request, path: str) -> Fetched:
        headers = {"Accept": JSON, "User-Agent": "mailrail"}
        if request.authorization:
            headers["Authorization"] = request.authorization
        if request.posted:
            headers["Content-Type"] = request.content_type
        body = request.posted.encode() or None
        connection.request("GET" if body is None else "POST", path, body, headers)
        with connection.getresponse() as response:  # which keeps the socket open until it is closed itself
            content = response.read(self._most_octets + 1)
        if len(content) > self._most_octets:
            raise TableError(f"{request.url} answered more than {self._most_octets} octets")
        return Fetched(response.status, response.reason, content)


def connection_to(url: str, tls: ssl.SSLContext, timeout_s: float) -> tuple[HTTPConnection, str]:
    """Return a connection, not open yet, to where *url* is (`is_safe_url`), by *tls* but for http, and what to ask for there."""
    parts = urlsplit(url)  # which writes the scheme in small letters
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if parts.scheme == "http":
        return HTTPConnection(parts.netloc, timeout=timeout_s), path
    return HTTPSConnection(parts.netloc, timeout=timeout_s, context=tls), path


def is_safe_url(url: str) -> bool:
    """Tell whether *url* is whole and nobody on the way can answer in its server's place: https, or http on loopback."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        is_plain = bool(parts.hostname) and parts.username is None and not parts.fragment and parts.port != 0
    except ValueError:
        return False
    return is_plain and (
        parts.scheme == "https"
        or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
    )
