"""Floor 3 · spool — content above SMALL_BYTES: one file a message, in `blobs/XX/`.

The database row is the truth: a file without a row was never acknowledged (or is done) and is
reaped; a row without its file is damage. So a file has its final name from the start; it is
synced, and its directory with it, before the row is committed. Everything here blocks and
runs in an executor. Links are never followed, and nothing is opened that exists already.
"""

import errno
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailrail.model import QueueId, StoreError, StoreTrouble, parse_id
from mailrail.spool.disk import Disk
from mailrail.spool.ground import is_directory, prepare_inner, strange

_NODE_BITS: Final = 12  # below them an id's time begins; its low bits spread files over directories
DIRECTORIES: Final = 64
_READ_BYTES: Final = 256 * 1024


class Blobs:
    """The files of one spool.

    Args:
        root: the spool's directory.
    """

    def __init__(self, disk: Disk, root: Path) -> None:
        self._disk = disk
        self._blobs = root / "blobs"
        self._directories = tuple(self._blobs / f"{number:02x}" for number in range(DIRECTORIES))
        self._corrupt = root / "corrupt"

    def prepare(self) -> None:
        """Make the directories, and put the names of those inside on stable storage; the root is still to be synced.

        Raises:
            StoreError: UNSUITABLE when something else has their place.
        """
        for path in (self._corrupt, self._blobs):
            prepare_inner(self._disk, path)
        for number in range(DIRECTORIES):
            prepare_inner(self._disk, self._directory(number))
        self._disk.sync_directory(self._blobs)

    def path(self, queue_id: QueueId) -> Path:
        """Return where the content of *queue_id* is."""
        return self._directory(parse_id(queue_id) >> _NODE_BITS & DIRECTORIES - 1) / queue_id

    def create(self, queue_id: QueueId) -> int:
        """Begin a file; return its descriptor."""
        return self._disk.create(self.path(queue_id))

    def append(self, fd: int, chunk: bytes) -> None:
        """Write *chunk* behind what is there."""
        view = memoryview(chunk)
        while view:
            view = view[self._disk.write(fd, view) :]

    def finish(self, queue_id: QueueId, fd: int) -> None:
        """Put the file and its name on stable storage and close it."""
        try:
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)
        self._disk.sync_directory(self.path(queue_id).parent)

    def drop(self, fd: int) -> None:
        """Close a file that is not to be finished."""
        self._disk.close(fd)

    def read(self, queue_id: QueueId, offset: int, length: int) -> bytes:
        """Return bytes from the middle.

        Raises:
            StoreError: DAMAGED when the file is not there or not ours, FAILED when it cannot be opened now.
            OSError: it cannot be read now.
        """
        fd = self._open(queue_id)
        try:
            return self._disk.read(fd, length, offset)
        finally:
            self._disk.close(fd)

    def verify(self, queue_id: QueueId, size_bytes: int, crc: int) -> None:
        """Read the whole file and compare it with what was acknowledged, so that never half is delivered.

        Raises:
            StoreError: DAMAGED when it differs, FAILED when it cannot be opened now.
            OSError: it cannot be read now.
        """
        fd = self._open(queue_id)
        try:
            found, length = 0, 0
            while piece := self._disk.read(fd, _READ_BYTES, length):
                found, length = zlib.crc32(piece, found), length + len(piece)
        finally:
            self._disk.close(fd)
        if (found, length) != (crc, size_bytes):
            raise StoreError(
                StoreTrouble.DAMAGED, f"the content of {queue_id} is not what was stored ({length} bytes)"
            )

    def remove(self, queue_ids: Sequence[QueueId]) -> None:
        """Delete files; those that are gone already are passed over."""
        for queue_id in queue_ids:
            with suppress(FileNotFoundError):
                self._disk.remove(self.path(queue_id))

    def set_aside(self, queue_id: QueueId) -> None:
        """Move a damaged message's file to `corrupt/`, if there is one."""
        with suppress(FileNotFoundError):
            self._disk.rename(self.path(queue_id), self._corrupt / queue_id)

    def names(self, number: int) -> list[str]:
        """Return what is in directory *number* (below DIRECTORIES)."""
        return sorted(self._disk.names(self._directory(number)))

    def banish(self, number: int, names: Sequence[str]) -> list[tuple[str, str]]:
        """Move what mailrail did not put into directory *number* to `corrupt/`; return paths and reasons."""
        banished = []
        for name in names:
            path = self._directory(number) / name
            try:
                why = strange(self._disk.status(path)) or self._misplaced(path)
                if why:
                    self._disk.rename(path, self._corrupt / f"{path.parent.name}-{name}")
                    banished.append((str(path), why))
            except FileNotFoundError:
                continue  # a message that was done meanwhile
        return banished

    def _directory(self, number: int) -> Path:
        return self._directories[number]

    def _misplaced(self, path: Path) -> str:
        try:
            return "" if self.path(QueueId(path.name)) == path else "does not belong here"
        except ValueError:
            return "has not the name of a message"

    def _open(self, queue_id: QueueId) -> int:
        try:
            fd = self._disk.open(self.path(queue_id))
        except OSError as error:
            # Only what is surely not there is damage. Descriptors that ran out, a disk that cannot be read
            # or is not mounted pass, and the message must still be there then (A73).
            is_gone = error.errno == errno.ELOOP or (
                error.errno == errno.ENOENT and is_directory(self._disk, self.path(queue_id).parent)
            )
            trouble = StoreTrouble.DAMAGED if is_gone else StoreTrouble.FAILED
            raise StoreError(trouble, f"the content of {queue_id} cannot be opened: {error}") from error
        why = strange(self._disk.status(fd))
        if why:
            self._disk.close(fd)
            raise StoreError(StoreTrouble.DAMAGED, f"the content of {queue_id} {why}")
        return fd
