"""Floor 2 · tables — what a database of another program promises, and a query of it as a table."""

from collections.abc import Mapping
from typing import Protocol

from mailrail.tables.queries import MOST_ROWS, values_of_rows

Row = dict[str, object]


class Database(Protocol):
    """Where one query of the operator's can be asked; its parameters go in apart from its text."""

    async def rows(self, parameters: Mapping[str, str], most: int) -> list[Row]:
        """Return the first *most* rows by their columns' names.

        Raises:
            TableError: they cannot be known now.

        *Cancel-safe:* yes.
        """
        ...

    def version(self) -> object:
        """Return what is another when something has changed, as far as that can be known at once; never waits long."""
        ...

    def describe(self) -> str:
        """Return in a few words which one it is, for people."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class QueryTable:
    """Implements Table by the first column of a query of `:key`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return the values in the rows of the query."""
        rows = await self._database.rows({"key": key}, MOST_ROWS + 1)
        return values_of_rows(tuple(row.values()) for row in rows)

    def describe(self) -> str:
        """Say which database."""
        return f"a query of {self._database.describe()}"

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()
