"""Accounts of the system as a table."""

import asyncio
import pwd

import pytest

from mailrail.tables.accounts import AccountTable
from mailrail.tables.pool import Pool

OWN = pwd.getpwuid(0).pw_name


def look_up(*keys: str) -> list[tuple[str, ...] | None]:
    async def body() -> list[tuple[str, ...] | None]:
        table = AccountTable(Pool(1, 10))
        try:
            return [await table.look_up(key) for key in keys]
        finally:
            await table.close()

    return asyncio.run(body())


def test_login_names_are_keys_in_any_case() -> None:
    assert look_up(OWN, OWN.upper()) == [(), ()]


@pytest.mark.parametrize("key", ["no-such-account", f"{OWN}@example.org", "", "a\0b", "a\nb", "../root"])
def test_whatever_else_is_asked_is_none(key: str) -> None:
    """A25: a local part is data, and what no account can be called is not there."""
    assert look_up(key) == [None]
