"""Floor 2 · tables — an SQLite database that another program keeps.

It is opened for each question and read only: answers are remembered and logins are few, and a backup or an upgrade of the file is seen at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import apsw

from mailrail.model import SettingsError
from mailrail.tables.api import TableError
from mailrail.tables.databases import Row
from mailrail.tables.pool import Pool
from mailrail.tables.textfile import Stamp, stamp_of

_BUSY_MS: Final = 2000  # another program writes; an answer can wait that long


class SqliteDatabase:
    """Implements Database."""

    def __init__(self, path: Path, query: str, pool: Pool) -> None:
        self._path = path
        self._query = query
        self._pool = pool

    def begin(self, names: tuple[str, ...]) -> None:
        """Find out whether the query can be asked with parameters of these *names*; blocks.

        Raises:
            SettingsError: it cannot.
        """
        try:
            self._rows(dict.fromkeys(names, ""), 1)
        except apsw.Error as error:
            raise SettingsError(f"{self._path}: {error}") from error

    async def rows(self, parameters: Mapping[str, str], most: int) -> list[Row]:
        """Return the first *most* rows."""

        def read() -> list[Row]:
            try:
                return self._rows(parameters, most)
            except apsw.Error as error:
                raise TableError(f"{self._path}: {error}") from error

        return await self._pool.run(read)

    def _rows(self, parameters: Mapping[str, str], most: int) -> list[Row]:
        db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(_BUSY_MS)
            cursor = db.cursor()
            rows: list[Row] = []
            for values in cursor.execute(self._query, parameters):
                names = (column[0] for column in cursor.get_description())
                rows.append(dict(zip(names, values, strict=True)))
                if len(rows) == most:
                    break
            return rows
        finally:
            db.close(True)

    def version(self) -> tuple[Stamp, Stamp]:
        """Return what tells that the database was written."""
        return stamp_of(self._path), stamp_of(self._path.with_name(f"{self._path.name}-wal"))

    def describe(self) -> str:
        """Say which file."""
        return f"the SQLite database {self._path}"

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()
