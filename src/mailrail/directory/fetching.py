"""Floor 3 · directory — short documents by HTTP, of those who issue tokens.

One request on a connection of its own, in a thread: it is seldom. Redirects are not followed, for a request may carry our secret, and nothing of the
environment is: neither a proxy nor a file with passwords.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, Protocol
from urllib.parse import urlsplit

from mailrail.directory.api import DirectoryError
from mailrail.tables import Pool

_MOST_OCTETS: Final = 262_144  # sets of keys have some thousand
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        url: whole, https or http.
        form: what is posted, as a form; "": nothing, so that it is a GET.
        authorization: who we are, "" to say nothing.
    """

    url: str
    form: str = ""
    authorization: str = ""


class Fetcher(Protocol):
    """Fetches documents."""

    async def fetch(self, request: Request) -> bytes:
        """Return the document.

        Raises:
            DirectoryError: it cannot be had now.
        """
        ...

    async def close(self) -> None:
        """Fetch nothing more."""
        ...


class HttpFetcher:
    """Implements Fetcher by the standard library."""

    def __init__(self, pool: Pool, tls: ssl.SSLContext, timeout_s: float) -> None:
        """Open nothing yet.

        Args:
            pool: whose threads wait.
            tls: for https; it must verify.
            timeout_s: for the whole of it.
        """
        self._pool = pool
        self._tls = tls
        self._timeout_s = timeout_s

    async def fetch(self, request: Request) -> bytes:
        """Return the document."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._pool.run(partial(self._fetch, request))
        except TimeoutError:
            raise DirectoryError(f"{request.url} does not answer in {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """Fetch nothing more."""
        self._pool.close()

    def _fetch(self, request: Request) -> bytes:
        parts = urlsplit(request.url)
        connection = (
            HTTPSConnection(parts.netloc, timeout=self._timeout_s, context=self._tls)
            if parts.scheme == "https"
            else HTTPConnection(parts.netloc, timeout=self._timeout_s)
        )
        try:
            return _answer(
                connection, request, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            )
        except (OSError, HTTPException) as error:
            raise DirectoryError(f"{request.url}: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()


def _answer(connection: HTTPConnection, request: Request, path: str) -> bytes:
    headers = {"Accept": "application/json", "User-Agent": "mailrail"}
    if request.authorization:
        headers["Authorization"] = request.authorization
    if request.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("POST" if request.form else "GET", path, request.form or None, headers)
    with connection.getresponse() as response:  # which keeps the socket open until it is closed itself
        body = response.read(_MOST_OCTETS + 1)
    if response.status != _OK:
        raise DirectoryError(f"{request.url} answered {response.status} {response.reason}")
    if len(body) > _MOST_OCTETS:
        raise DirectoryError(f"{request.url} answered more than {_MOST_OCTETS} octets")
    return body
