"""Floor 3 · spool — content above SMALL_BYTES: one file a message, in `blobs/XX/`.

The database row is the truth: a file without a row was never acknowledged (or is done) and is
reaped; a row without its file is damage. So a file has its final name from the start; it is
synced, and its directory with it, before the row is committed. Everything here blocks and
runs in an executor. Links are never followed, and nothing is opened that exists already.
"""

import errno
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mailrail.model import QueueId, StoreError, StoreTrouble, parse_id
from mailrail.spool.ground import prepare_inner, strange, sync_directory

_NODE_BITS: Final = 12  # below them an id's time begins; its low bits spread files over directories
DIRECTORIES: Final = 64
_READ_BYTES: Final = 256 * 1024


class Blobs:
    """The files of one spool.

    Args:
        root: the spool's directory.
    """

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._corrupt = root / "corrupt"

    def prepare(self) -> None:
        """Make the directories.

        Raises:
            StoreError: UNSUITABLE when something else has their place.
        """
        for path in (self._corrupt, self._blobs):
            prepare_inner(path)
        for number in range(DIRECTORIES):
            prepare_inner(self._directory(number))

    def path(self, queue_id: QueueId) -> Path:
        """Return where the content of *queue_id* is."""
        return self._directory(parse_id(queue_id) >> _NODE_BITS & DIRECTORIES - 1) / queue_id

    def create(self, queue_id: QueueId) -> int:
        """Begin a file; return its descriptor."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self.path(queue_id), flags, 0o600)

    def finish(self, queue_id: QueueId, fd: int) -> None:
        """Put the file and its name on stable storage and close it."""
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_directory(self.path(queue_id).parent)

    def read(self, queue_id: QueueId, offset: int, length: int) -> bytes:
        """Return bytes from the middle.

        Raises:
            StoreError: DAMAGED when the file is not there or not ours, FAILED when it cannot be opened now.
            OSError: it cannot be read now.
        """
        fd = self._open(queue_id)
        try:
            return os.pread(fd, length, offset)
        finally:
            os.close(fd)

    def verify(self, queue_id: QueueId, size_bytes: int, crc: int) -> None:
        """Read the whole file and compare it with what was acknowledged, so that never half is delivered.

        Raises:
            StoreError: DAMAGED when it differs, FAILED when it cannot be opened now.
            OSError: it cannot be read now.
        """
        fd = self._open(queue_id)
        try:
            found, length = 0, 0
            while piece := os.read(fd, _READ_BYTES):
                found, length = zlib.crc32(piece, found), length + len(piece)
        finally:
            os.close(fd)
        if (found, length) != (crc, size_bytes):
            raise StoreError(
                StoreTrouble.DAMAGED, f"the content of {queue_id} is not what was stored ({length} bytes)"
            )

    def remove(self, queue_ids: Sequence[QueueId]) -> None:
        """Delete files; those that are gone already are passed over."""
        for queue_id in queue_ids:
            self.path(queue_id).unlink(missing_ok=True)

    def set_aside(self, queue_id: QueueId) -> None:
        """Move a damaged message's file to `corrupt/`, if there is one."""
        try:
            self.path(queue_id).rename(self._corrupt / queue_id)
        except FileNotFoundError:
            return

    def names(self, number: int) -> list[str]:
        """Return what is in directory *number* (below DIRECTORIES)."""
        return sorted(os.listdir(self._directory(number)))

    def banish(self, number: int, names: Sequence[str]) -> list[tuple[str, str]]:
        """Move what mailrail did not put into directory *number* to `corrupt/`; return paths and reasons."""
        banished = []
        for name in names:
            path = self._directory(number) / name
            try:
                why = strange(path.lstat()) or self._misplaced(path)
                if why:
                    path.rename(self._corrupt / f"{path.parent.name}-{name}")
                    banished.append((str(path), why))
            except FileNotFoundError:
                continue  # a message that was done meanwhile
        return banished

    def _directory(self, number: int) -> Path:
        return self._blobs / f"{number:02x}"

    def _misplaced(self, path: Path) -> str:
        try:
            return "" if self.path(QueueId(path.name)) == path else "does not belong here"
        except ValueError:
            return "has not the name of a message"

    def _open(self, queue_id: QueueId) -> int:
        try:
            fd = os.open(self.path(queue_id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            # Only what is surely not there is damage. Descriptors that ran out, a disk that cannot be read
            # or is not mounted pass, and the message must still be there then (A73).
            is_gone = error.errno == errno.ELOOP or (
                error.errno == errno.ENOENT and self.path(queue_id).parent.is_dir()
            )
            trouble = StoreTrouble.DAMAGED if is_gone else StoreTrouble.FAILED
            raise StoreError(trouble, f"the content of {queue_id} cannot be opened: {error}") from error
        why = strange(os.fstat(fd))
        if why:
            os.close(fd)
            raise StoreError(StoreTrouble.DAMAGED, f"the content of {queue_id} {why}")
        return fd
