"""Floor 2 · tables — a service that answers by HTTP and JSON.

    GET https://directory.example/aliases/info%40example.org      `{key}` in the URL, escaped
    POST https://directory.example/aliases  {"key": "info@example.org"}

It answers 200 with what is there: a text, a list of texts, null, or an object with such a member `values`; 404, 410 and 204 say that there is nothing.
Everything else is "not now": a service that stumbles must not make anybody unknown.
"""

import json
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlsplit

from mailrail.tables.api import TableError
from mailrail.tables.fetching import OK, Fetcher, Request
from mailrail.tables.function import values_of

_NOTHING: Final = frozenset({204, 404, 410})
PLACE: Final = "{key}"


class HttpTable:
    """Implements Table."""

    def __init__(self, ask: Request, fetcher: Fetcher) -> None:
        """Ask nothing yet.

        Args:
            ask: what is asked, with `{key}` in the URL or, without, for the key to be posted.
            fetcher: who asks.
        """
        self._ask = ask
        self._fetcher = fetcher

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what the service says of *key*."""
        url = self._ask.url.replace(PLACE, quote(key, safe=""))
        posted = "" if PLACE in self._ask.url else json.dumps({"key": key})
        answer = await self._fetcher.fetch(replace(self._ask, url=url, posted=posted))
        if answer.status in _NOTHING:
            return None
        if answer.status != OK:
            raise TableError(f"{self._where} answered {answer.status} {answer.reason}")
        try:
            found: object = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{self._where} answered what is not JSON: {error}") from None
        return values_of(found.get("values") if isinstance(found, dict) else found, self._where)

    @property
    def _where(self) -> str:
        parts = urlsplit(self._ask.url)
        return f"{parts.scheme}://{parts.netloc}"

    def describe(self) -> str:
        """Say which service."""
        return f"the service at {self._ask.url}"

    async def close(self) -> None:
        """Ask nothing more."""
        await self._fetcher.close()
