"""Floor 5 · daemon — what clients and users have used up, kept over a restart.

Written lazily, by the housekeeping and at the end: a crash forgets a minute, which is less than it is worth to sync for each failed login.
"""

import asyncio
from pathlib import Path
from typing import Final

from mailrail.daemon.events import TalliesFailed
from mailrail.net import write_private
from mailrail.observe import Bus
from mailrail.policy import Buckets

_MOST_BYTES: Final = 64 * 1024 * 1024  # twice what `policy.buckets` can hold


class Tallies:
    """The file with the buckets."""

    def __init__(self, file: Path, buckets: Buckets, bus: Bus) -> None:
        self._file = file
        self._buckets = buckets
        self._bus = bus

    def load(self) -> None:
        """Take what was stored, if anything was; blocks. Whatever is wrong with it, mail goes on without."""
        try:
            with self._file.open("rb") as stream:
                self._buckets.restore(stream.read(_MOST_BYTES))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._bus.emit(TalliesFailed(file=str(self._file), reason=str(error)))

    async def save(self) -> None:
        """Store what there is, if it has changed."""
        content = self._buckets.take_changes()
        if content is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(None, write_private, self._file, content)
        except OSError as error:
            self._bus.emit(TalliesFailed(file=str(self._file), reason=str(error)))
