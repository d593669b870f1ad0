"""Floor 2 · tables — what a lookup table promises.

"There is none" and "it cannot be known now" are never mixed up: the first is None and may be said to a client for good, the second is
TableError and is always "try again later". Who asks never learns from an answer which kind of table gave it.
"""

from collections.abc import Callable
from typing import Protocol

from mailrail.model import MailrailError, value


class TableError(MailrailError):
    """A table cannot answer now: 4yz to whoever waits for it, never 5yz. The message names the table."""


@value
class Known:
    """What a table says without anybody having to wait for it."""

    values: tuple[str, ...] | None


AtOnce = Callable[[str], Known | None]


def nothing_at_once(key: str) -> Known | None:
    """Know nothing without asking."""
    return None


class Table(Protocol):
    """Where something is looked up."""

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what the table holds under *key*, None where it holds nothing.

        Capitals in the key make no difference. Values are as they were written, one string each: what is a list in the table
        (`ann, "b, c"@example.org`) comes in parts. In a table of aliases a program is `|argv...`, a file `/path`, a list `:include:/path`,
        without the quotes round them. `()` is a key that is there and holds nothing, as in a list of names.

        Args:
            key: a domain, a local part, an address ...; anything, for it comes from strangers.

        Raises:
            TableError: it cannot be known now.

        *Cancel-safe:* yes; others who ask the same are still answered.
        """
        ...

    def describe(self) -> str:
        """Return in a few words what is asked, for people: `aliases in /etc/aliases, 12 keys`."""
        ...

    async def close(self) -> None:
        """Let go of files, connections and threads."""
        ...
