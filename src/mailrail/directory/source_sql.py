"""Floor 3 · directory — users from a database that another program keeps: SQLite or PostgreSQL.

The query is the operator's: whatever the tables are called, it returns at most one row, whose columns have the names of the keys of the user
file (`password`, `scram`, `may_send_as`, `disabled` ...). The name goes in as a parameter, never as text.
"""

import json

from mailrail.directory.api import DirectoryError
from mailrail.directory.records import read_entry
from mailrail.directory.source_file import able, checked
from mailrail.directory.user import User
from mailrail.model import SettingsError
from mailrail.tables import Database, Pool, TableError, Turns

Row = dict[str, object]


class SqlSource:
    """Implements Source."""

    has_keys = False  # nobody knows without reading all of them; a listener's `auth` may say so
    knows_names = True

    def __init__(self, database: Database, turns: Turns, pool: Pool) -> None:
        """Ask nothing yet.

        Args:
            database: with a query of `:name`.
            turns: bounds the questions.
            pool: whose threads hash.
        """
        self._database = database
        self._turns = turns
        self._pool = pool

    def version(self) -> object:
        """Return what tells that the database was written, where that can be known."""
        return self._database.version()

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right."""
        user = await self._user(name)
        return await self._pool.run(lambda: checked(user, password))

    async def find(self, name: str) -> User | None:
        """Return a user who may log in."""
        return able(await self._user(name))

    async def probe(self) -> bool:
        """Ask for a user whom nobody is."""
        await self._user("")
        return True

    def describe(self) -> str:
        """Say which database."""
        return self._database.describe()

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()
        await self._database.close()

    async def _user(self, name: str) -> User | None:
        try:
            rows = await self._turns.ask(lambda: self._database.rows({"name": name}, 1))
            return read_entry(_entry(rows[0])).user(name) if rows else None
        except TableError as error:
            raise DirectoryError(str(error)) from error
        except (SettingsError, ValueError) as error:
            raise DirectoryError(f"{self._database.describe()}: the row of {name}: {error}") from error


def _entry(row: Row) -> Row:
    """Make a row what the user file would say: NULL is not said, a list is JSON or words, a switch 0 or 1."""
    entry = {key: value for key, value in row.items() if value is not None}
    if isinstance(entry.get("disabled"), int):
        entry["disabled"] = bool(entry["disabled"])
    if isinstance(words := entry.get("may_send_as"), str):
        entry["may_send_as"] = json.loads(words) if words.startswith("[") else words.replace(",", " ").split()
    return entry
