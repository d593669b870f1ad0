"""Floor 2 · tables — the accounts of this system as a table: its keys are the login names, whatever keeps them (nsswitch.conf).

The system does not tell "there is none" from "the directory behind NSS does not answer", so where accounts come by the network a table
that asks for them itself is better.
"""

import pwd
from collections.abc import Callable

from mailrail.tables.pool import Pool


class AccountTable:
    """Implements Table.

    Args:
        find: returns the account of a name, or raises KeyError.
    """

    def __init__(self, pool: Pool, find: Callable[[str], object] = pwd.getpwnam) -> None:
        self._pool = pool
        self._find = find

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return () where *key* is an account, which holds nothing more."""
        if "@" in key or not key.isprintable():
            return None
        return await self._pool.run(lambda: self._ask(key.lower()))

    def _ask(self, name: str) -> tuple[str, ...] | None:
        try:
            self._find(name)
        except (KeyError, ValueError):  # ValueError: what no name of an account can be
            return None
        return ()

    def describe(self) -> str:
        """Say what is asked."""
        return "accounts of this system"

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()
