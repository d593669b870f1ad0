"""Floor 3 · directory — users from an SQLite database that another program keeps.

The query is the operator's: whatever the tables are called, it returns at most one row, whose columns have the names of the keys of the user
file (`password`, `scram`, `may_send_as`, `disabled` ...). The name goes in as a parameter, never as text. The database is opened for each
question and read only: logins are few, and a backup or an upgrade of the file is seen at once.
"""

import json
import stat
from pathlib import Path
from typing import Final

import apsw

from mailrail.directory.api import DirectoryError
from mailrail.directory.records import read_entry
from mailrail.directory.source_file import able, checked
from mailrail.directory.user import User
from mailrail.model import SettingsError
from mailrail.tables import Pool, Stamp, stamp_of

_BUSY_MS: Final = 2000  # another program writes; a login can wait that long
Row = dict[str, object]


class SqlSource:
    """Implements Source."""

    has_keys = False  # nobody knows without reading all of them; a listener's `auth` may say so
    knows_names = True

    def __init__(self, path: Path, query: str, pool: Pool) -> None:
        self._path = path
        self._query = query
        self._pool = pool

    def begin(self) -> None:
        """Find out whether the query can be asked; blocks.

        Raises:
            SettingsError: it cannot.
        """
        try:
            if self._path.stat().st_mode & stat.S_IRWXO:
                raise SettingsError(f"{self._path} can be read by everybody; mend it: chmod 640 {self._path}")
            self._row("")
        except (OSError, apsw.Error) as error:
            raise SettingsError(f"users cannot be read from {self._path}: {error}") from error

    def version(self) -> tuple[Stamp, Stamp]:
        """Return what tells that the database was written."""
        return stamp_of(self._path), stamp_of(self._path.with_name(f"{self._path.name}-wal"))

    async def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right."""
        return await self._pool.run(lambda: checked(self._user(name), password))

    async def find(self, name: str) -> User | None:
        """Return a user who may log in."""
        return await self._pool.run(lambda: able(self._user(name)))

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()

    def _user(self, name: str) -> User | None:
        try:
            row = self._row(name)
            return None if row is None else read_entry(_entry(row)).user(name)
        except apsw.Error as error:
            raise DirectoryError(f"{self._path}: {error}") from error
        except SettingsError as error:
            raise DirectoryError(f"{self._path}: the row of {name}: {error}") from error

    def _row(self, name: str) -> Row | None:
        db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(_BUSY_MS)
            cursor = db.cursor()
            for values in cursor.execute(self._query, {"name": name}):
                return dict(zip((column[0] for column in cursor.get_description()), values, strict=True))
            return None
        finally:
            db.close(True)


def _entry(row: Row) -> Row:
    """Make a row what the user file would say: NULL is not said, a list is JSON or words, a switch 0 or 1."""
    entry = {key: value for key, value in row.items() if value is not None}
    if isinstance(entry.get("disabled"), int):
        entry["disabled"] = bool(entry["disabled"])
    if isinstance(words := entry.get("may_send_as"), str):
        entry["may_send_as"] = json.loads(words) if words.startswith("[") else words.replace(",", " ").split()
    return entry
