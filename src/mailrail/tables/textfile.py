"""Floor 2 · tables — a file that people edit: read again as soon as it is another.

A file that became unusable, or is gone while somebody replaces it, is told once, and what it held before is still answered: a slip of an editor must not stop
mail. To ask whether it is another costs a `stat` for each question, which is no wait on a local disk; it is read in a thread.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from mailrail.model import SettingsError
from mailrail.observe import Bus
from mailrail.tables.events import TableLoaded, TableRefused

MOST_BYTES: Final = 64 * 1024 * 1024  # ours: about a million lines; more belong into a database

Stamp = tuple[int, int, int]
ABSENT: Final[Stamp] = (0, 0, 0)
T = TypeVar("T")


def stamp_of(path: Path) -> Stamp:
    """Return what tells that a file is another."""
    try:
        status = path.stat()
    except OSError:
        return ABSENT
    # The time of the last change of the entry, not of the content: a chmod may be the mend.
    return status.st_ino, status.st_size, status.st_ctime_ns


class TextFile(Generic[T]):
    """What stands in a file, as it is now. Make it with `begin`; use it in one loop."""

    def __init__(
        self, path: Path, table: str, read: Callable[[str], T], size: Callable[[T], int], bus: Bus
    ) -> None:
        """Read nothing yet.

        Args:
            path: the file.
            table: the name of the table, for events.
            read: makes of the text what is looked up in, or raises SettingsError.
            size: says how many keys that has.
            bus: hears of each reading.
        """
        self.path = path
        self._table = table
        self._read = read
        self._size = size
        self._bus = bus
        self._stamp = ABSENT
        self._content: T
        self._reading: asyncio.Future[T | str] | None = None

    def begin(self) -> None:
        """Read the file for the first time; blocks.

        Raises:
            SettingsError: it cannot be used; the message names it.
        """
        self._stamp = stamp_of(self.path)
        self._content = self._read_file()
        self._told_loaded()

    def known(self) -> T:
        """Return what was read last."""
        return self._content

    @property
    def is_current(self) -> bool:
        """Tell whether the file is still the one that was read last."""
        return self._reading is None and stamp_of(self.path) == self._stamp

    async def content(self) -> T:
        """Return what stands in the file, read again if it is another."""
        while not self.is_current:
            if self._reading is None:
                self._stamp = stamp_of(self.path)  # of a bad file too: it is told once
                self._reading = asyncio.get_running_loop().run_in_executor(None, self._try_file)
                self._reading.add_done_callback(self._has_read)
            await asyncio.wait((self._reading,))  # whoever waits may go; it is read for all
        return self._content

    def _try_file(self) -> T | str:
        try:
            return self._read_file()
        except SettingsError as error:
            return str(error)

    def _has_read(self, reading: "asyncio.Future[T | str]") -> None:
        self._reading = None
        if reading.cancelled():  # the loop ends
            return
        found = reading.result()
        if isinstance(found, str):
            self._bus.emit(TableRefused(table=self._table, file=str(self.path), reason=found))
            return
        self._content = found
        self._told_loaded()

    def _told_loaded(self) -> None:
        self._bus.emit(TableLoaded(table=self._table, file=str(self.path), keys=self._size(self._content)))

    def _read_file(self) -> T:
        try:
            return self._read(_text(self.path))
        except SettingsError as error:
            raise SettingsError(f"{self.path} {error}") from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise SettingsError(f"is over {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"is not UTF-8 in line {line}") from None
