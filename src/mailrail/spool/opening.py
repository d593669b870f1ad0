"""Floor 3 · spool — opening and closing: everything that a spool stands on, made in order.

The directory, the lock, the places for files, the database, the leases of the process before.
What fails on the way is closed again, so that the next try (or process) finds it free.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from mailrail.model import StoreError
from mailrail.spool.api import Filter
from mailrail.spool.blobs import Blobs
from mailrail.spool.cure import cure
from mailrail.spool.database import close, open_for_reading, open_for_writing
from mailrail.spool.disk import Disk
from mailrail.spool.ground import prepare_directory, prepare_file, rewrite, secure_directory
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
        reads_apart: whether the reader has a connection of its own; else it shares the writer's, and its thread.
        most_items: how many items there may be; 0 sets no bound.
        items: how many there are; 0 without a bound, when nobody wants to know.
    """

    def __init__(self, settings: SpoolSettings, now_us: Callable[[], int], disk: Disk) -> None:
        """Open it all; blocks, so call it in an executor.

        Raises:
            StoreError: LOCKED, UNSUITABLE, DAMAGED, FULL or FAILED.
        """
        with ExitStack() as undo:
            try:
                directory = prepare_directory(disk, settings.path)
                undo.callback(lock(disk, directory).release)
                self.blobs = Blobs(disk, directory)
                database = self._prepare_files(disk, directory)
                db = open_for_writing(disk, database, settings.cache_bytes)
                undo.callback(close, db)
                self.writer = Writer(db)
                self.opening, self.recovered = self.writer.recover(now_us())
                disk.sync_directory(
                    directory
                )  # for the name of a new log: SQLite passes over it when that fails
                self.holds = self.writer.holds()
                self.newest = self.writer.newest()
                if disk.may_share:
                    db = open_for_reading(disk, database, settings.cache_bytes // 4)
                    undo.callback(close, db)
                self.reader = Reader(db)
                self.most_items = settings.most_items
                self.items = self.reader.count(Filter()) if settings.most_items else 0
            except StoreError:
                raise  # with its own cause, which tells a file that is forbidden from a disk that is broken
            except Exception as error:
                raise store_error(error, f"the spool in {settings.path} cannot be opened") from error
            self.space = Space(disk, directory, settings)
            self.reads_apart = disk.may_share
            self.directory = directory
            self._disk = disk
            self._undo = undo.pop_all()

    def _prepare_files(self, disk: Disk, directory: Path) -> Path:
        """Make what is not there yet, see to it that what is there is on stable storage; return the database."""
        database, log = directory / "spool.db", directory / "spool.db-wal"
        names = disk.names(directory)
        if database.name not in names:
            secure_directory(disk, directory)
        self.blobs.prepare()
        prepare_file(disk, database)
        if log.name in names:
            rewrite(disk, log)
        disk.sync_directory(directory)
        return database

    def cure(self) -> None:
        """Come to trust the disk again, after a sync that failed (cure.py); blocks.

        Raises:
            StoreError: it is not cured.
        """
        cure(self._disk, self.directory, self.writer)

    def close(self) -> None:
        """Close it all, the reader first, so that the writer's close empties the log; idempotent."""
        self._undo.close()
