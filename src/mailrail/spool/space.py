"""Floor 3 · spool — is there room for a message (A69)?"""

from pathlib import Path
from typing import Final

from mailrail.spool.disk import Disk
from mailrail.spool.settings import SpoolSettings

_GOOD_FOR_S: Final = 1.0
# Content, its copy in the log, and the notice that may come of it. Source: Postfix, Exim use 1.5.
_COPIES: Final = 1.5


class Space:
    """Free space on the spool's disk, asked at most once a second."""

    def __init__(self, disk: Disk, directory: Path, settings: SpoolSettings) -> None:
        self._disk = disk
        self._directory = directory
        self._settings = settings
        self._good_until_s = float("-inf")
        self._spare_bytes = 0

    def allows(self, size_bytes: int, now_s: float) -> bool:
        """Tell whether a message of *size_bytes* leaves the reserve untouched.

        Args:
            now_s: the loop's time, which never goes back.
        """
        if now_s >= self._good_until_s:
            self._good_until_s = now_s + _GOOD_FOR_S
            self._spare_bytes = self._ask()
        return size_bytes * _COPIES <= self._spare_bytes

    def _ask(self) -> int:
        """Return the bytes above the reserve, negative when it is touched or inodes run out."""
        try:
            status = self._disk.space(self._directory)
        except OSError:
            return -1
        # Some file systems (btrfs) count no inodes.
        if status.f_files and status.f_favail < self._settings.reserve_inodes:
            return -1
        reserve = max(
            self._settings.reserve_bytes,
            int(status.f_blocks * status.f_frsize * self._settings.reserve_share),
        )
        return status.f_bavail * status.f_frsize - reserve
