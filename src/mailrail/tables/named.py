"""Floor 2 · tables — a table as the rest of the house sees it: with a name, and safe from what strangers ask.

Keys are parts of what a client said. They come in small letters, for every kind alike, and what can be no address, domain or name is in no
table: it is not even asked for, so that no database has to bear it (A25).
"""

import unicodedata
from typing import Final

from mailrail.tables.api import AtOnce, Known, Table, TableError, nothing_at_once

_NEVER: Final = frozenset({"Cc", "Cs"})  # control characters, and halves of pairs
_MOST_CHARACTERS: Final = (
    512  # an address has 254 octets at most (RFC 5321 §4.5.3.1.3, eid 1690), a name less
)


class NamedTable:
    """Implements Table for one of the settings; errors begin with its name."""

    def __init__(self, name: str, inner: Table, at_once: AtOnce = nothing_at_once) -> None:
        """Join a table with its name.

        Args:
            at_once: what of it need not be waited for.
        """
        self._name = name
        self._inner = inner
        self._at_once = at_once

    def at_once(self, key: str) -> Known | None:
        """Return what the table holds under *key*, None where that must be waited for."""
        return self._at_once(key.lower()) if _can_be_key(key) else Known(None)

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what the table holds under *key*."""
        if not _can_be_key(key):
            return None
        try:
            return await self._inner.look_up(key.lower())
        except TableError as error:
            raise TableError(f"table {self._name}: {error}") from error

    def describe(self) -> str:
        """Return what is asked, for people."""
        return self._inner.describe()

    async def close(self) -> None:
        """Let go of everything."""
        await self._inner.close()


def _can_be_key(key: str) -> bool:
    return 0 < len(key) <= _MOST_CHARACTERS and not any(unicodedata.category(sign) in _NEVER for sign in key)
