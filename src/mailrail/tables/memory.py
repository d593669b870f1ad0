"""Floor 2 · tables — tables that are in memory: those of the settings, and of files."""

from collections.abc import Mapping

from mailrail.tables.api import Known
from mailrail.tables.textfile import TextFile
from mailrail.tables.textforms import Entries


class InlineTable:
    """Implements Table: what stands in the settings."""

    def __init__(self, entries: Mapping[str, tuple[str, ...]]) -> None:
        self._entries = {key.lower(): values for key, values in entries.items()}

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what is there under *key*."""
        return self._entries.get(key)

    def at_once(self, key: str) -> Known | None:
        """Return what is there under *key*."""
        return Known(self._entries.get(key))

    def describe(self) -> str:
        """Say how much it is."""
        return f"{_keys(len(self._entries))} in the settings"

    async def close(self) -> None:
        """Hold nothing."""


class FileTable:
    """Implements Table: what stands in a file."""

    def __init__(self, file: TextFile[Entries], what: str) -> None:
        """Join a file with its name.

        Args:
            file: read once already.
            what: of what sort it is, for people.
        """
        self._file = file
        self._what = what

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what stands there under *key* now."""
        return (await self._file.content()).get(key)

    def at_once(self, key: str) -> Known | None:
        """Return what stands there under *key*, None where the file must be read again."""
        return Known(self._file.known().get(key)) if self._file.is_current else None

    def describe(self) -> str:
        """Say which file, and how much was in it."""
        return f"{self._what} {self._file.path}, {_keys(len(self._file.known()))}"

    async def close(self) -> None:
        """Hold nothing."""


def _keys(count: int) -> str:
    return f"{count} key{'' if count == 1 else 's'}"
