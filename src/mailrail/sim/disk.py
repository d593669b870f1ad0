"""Floor 5 · sim — the disk of a simulated machine: it outlives processes, and has its faults by script or by seed.

A process sees it by a `Mount`, which is the `Disk` that a spool is given; SQLite is on it through vfs.py. `crash` is the power cut:
the mount is dead from then on, and what was not synced is lost, kept or torn as the seed says (platter.py). `kill`
ends the process alone: nothing is lost, for the system still has it all.

How slow a disk is, is not known here: a job for a thread takes as long as the simulated loop says.
"""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from mailrail.sim.platter import Fate, SimDirectory, SimFile

_SIZE_BYTES: Final = 100 * 1000**3


class Mortal(Protocol):
    """What ends with the process: a mount."""

    def die(self) -> None:
        """Do nothing any more."""
        ...


class SimDisk:
    """A disk in memory.

    Args:
        rng: decides what survives a crash, and which bit flips.

    Attributes:
        free_bytes: what can still be written; set it to fill the disk, now or some bytes from now.
        is_read_only: every change fails (EROFS).
        failing_syncs: so many syncs fail (EIO), and of what they should have written the next crash loses a part or all.
        operations: how many changes and syncs there were.
        watch: called before each of them, with what it is and where.
    """

    def __init__(self, rng: random.Random, root: SimDirectory | None = None) -> None:
        self.root = SimDirectory(0o755) if root is None else root
        self.free_bytes = _SIZE_BYTES
        self.is_read_only = False
        self.failing_syncs = 0
        self.operations = 0
        self.watch: Callable[[str], None] | None = None
        self._rng = rng
        self._mounts: list[Mortal] = []

    def attach(self, mount: Mortal) -> None:
        """Note a process that sees the disk."""
        self._mounts.append(mount)

    def kill(self) -> None:
        """End every process on it: nothing is lost, and nothing more is done."""
        for mount in self._mounts:
            mount.die()
        self._mounts.clear()

    def crash(self) -> None:
        """Cut the power: end every process, and lose what was not synced, as chance has it."""
        self.kill()
        self.root = self.root.survivor(self.fate())

    def fork(self, rng: random.Random) -> "SimDisk":
        """Return another disk: what would be left if the power were cut now, with the chance of *rng*."""
        other = SimDisk(rng, self.root.survivor(Fate(rng)))
        other.free_bytes = self.free_bytes
        return other

    def flip(self, path: Path) -> None:
        """Turn over some bit of a file."""
        file = self.find(path)
        assert isinstance(file, SimFile)
        file.flip(self._rng.randrange(8 * len(file.content)))

    def find(self, path: Path) -> SimFile | SimDirectory:
        """Return what is at *path*.

        Raises:
            OSError: ENOENT, ENOTDIR.
        """
        node: SimFile | SimDirectory = self.root
        for name in path.parts[1:]:
            if not isinstance(node, SimDirectory):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            if name not in node.names:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            node = node.names[name]
        return node

    # -- for mounts ----------------------------------------------------------------------------

    def begin(self, what: str, path: Path) -> None:
        """Note that something is to be changed or synced.

        Raises:
            OSError: EROFS.
        """
        if self.watch is not None:
            self.watch(f"{what} {path}")
        self.operations += 1
        if self.is_read_only and what not in ("sync", "sync names"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def fails_sync(self) -> bool:
        """Tell whether the sync that is about to happen is to fail."""
        if self.failing_syncs == 0:
            return False
        self.failing_syncs -= 1
        return True

    def fate(self) -> Fate:
        """Draw what becomes of changes that are not synced."""
        return Fate(self._rng)

    def allot(self, wanted_bytes: int) -> int:
        """Use up to *wanted_bytes* of the free space, and return how many there were.

        Raises:
            OSError: ENOSPC, when there are none.
        """
        if wanted_bytes <= 0:
            self.free_bytes -= wanted_bytes
            return 0
        if self.free_bytes <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        given = min(wanted_bytes, self.free_bytes)
        self.free_bytes -= given
        return given

    def space(self) -> os.statvfs_result:
        """Tell how large it is, and how much is free."""
        free, inodes = self.free_bytes // 4096, 10**7
        return os.statvfs_result(
            (4096, 4096, _SIZE_BYTES // 4096, free, free, inodes, inodes, inodes, 0, 255)
        )
