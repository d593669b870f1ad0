"""Floor 3 · spool — one process per spool (A71).

flock: the kernel frees it when the process ends, however it ends, so there is no stale lock.
The text inside only names the owner in the message to the second one.
"""

import os
import socket
from pathlib import Path

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool.disk import Disk


class Lock:
    """The exclusive right to a spool directory, held until `release`."""

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk = disk
        self._fd = fd

    def release(self) -> None:
        """Let the next process in; idempotent."""
        if self._fd >= 0:
            self._disk.close(self._fd)
            self._fd = -1


def lock(disk: Disk, directory: Path) -> Lock:
    """Take the spool for this process.

    Raises:
        StoreError: LOCKED when another process has it.
    """
    fd = disk.open_or_create(directory / "lock")
    try:
        disk.lock(fd)
    except OSError as error:
        owner = disk.read(fd, 200, 0).decode("ascii", "replace").strip() or "an unknown process"
        disk.close(fd)
        raise StoreError(
            StoreTrouble.LOCKED,
            f"{directory} is in use by {owner}: stop that one, or give this one another spool.path",
        ) from error
    disk.truncate(fd)
    owner = f"process {os.getpid()} on {socket.gethostname()}\n"
    disk.write(fd, memoryview(owner.encode("ascii", "replace")))
    return Lock(disk, fd)
