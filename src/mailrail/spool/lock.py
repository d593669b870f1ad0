"""Floor 3 · spool — one process per spool (A71).

flock: the kernel frees it when the process ends, however it ends, so there is no stale lock.
The text inside only names the owner in the message to the second one.
"""

import fcntl
import os
import socket
from pathlib import Path

from mailrail.model import StoreError, StoreTrouble


class Lock:
    """The exclusive right to a spool directory, held until `release`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Let the next process in; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def lock(directory: Path) -> Lock:
    """Take the spool for this process.

    Raises:
        StoreError: LOCKED when another process has it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(directory / "lock", flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(fd, 200, 0).decode("ascii", "replace").strip() or "an unknown process"
        os.close(fd)
        raise StoreError(
            StoreTrouble.LOCKED,
            f"{directory} is in use by {owner}: stop that one, or give this one another spool.path",
        ) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"process {os.getpid()} on {socket.gethostname()}\n".encode("ascii", "replace"), 0)
    return Lock(fd)
