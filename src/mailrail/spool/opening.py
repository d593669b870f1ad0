"""Floor 3 · spool — opening and closing: everything that a spool stands on, made in order.

The directory, the lock, the places for files, the database, the leases of the process before.
What fails on the way is closed again, so that the next try (or process) finds it free.
"""

from collections.abc import Callable
from contextlib import ExitStack

from mailrail.model import StoreError
from mailrail.spool.blobs import Blobs
from mailrail.spool.ground import prepare_directory, prepare_file, sync_directory
from mailrail.spool.lock import lock
from mailrail.spool.reader import Reader
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.space import Space
from mailrail.spool.trouble import store_error
from mailrail.spool.writer import Writer


class Ground:
    """What an open spool stands on.

    Attributes:
        opening: how often the spool was opened, this time included.
        recovered: items that the process before had leased.
        holds: the standing holds.
        newest: the highest message number found, None in an empty spool.
    """

    def __init__(self, settings: SpoolSettings, now_us: Callable[[], int]) -> None:
        """Open it all; blocks, so call it in an executor.

        Raises:
            StoreError: LOCKED, UNSUITABLE, DAMAGED, FULL or FAILED.
        """
        with ExitStack() as undo:
            try:
                directory = prepare_directory(settings.path)
                undo.callback(lock(directory).release)
                self.blobs = Blobs(directory)
                self.blobs.prepare()
                database = directory / "spool.db"
                prepare_file(database)
                sync_directory(directory)
                self.writer = Writer(database, settings.cache_bytes)
                undo.callback(self.writer.close)
                self.opening, self.recovered = self.writer.recover(now_us())
                self.holds = self.writer.holds()
                self.newest = self.writer.newest()
                self.reader = Reader(database, settings.cache_bytes // 4)
                undo.callback(self.reader.close)
            except StoreError:
                raise  # with its own cause, which tells a file that is forbidden from a disk that is broken
            except Exception as error:
                raise store_error(error, f"the spool in {settings.path} cannot be opened") from error
            self.space = Space(directory, settings)
            self.directory = directory
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Close it all, the reader first, so that the writer's close empties the log; idempotent."""
        self._undo.close()
