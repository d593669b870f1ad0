"""Floor 2 · maildrop — writes a file and makes it one that will be taken: under another name first, synced, then renamed."""

import os
from zlib import crc32

from mailrail.maildrop.dropfile import Handed, format_head, format_trailer
from mailrail.maildrop.place import NEW

# The directory gives its files its own group (set-group-id), which is the server's: so it can read them, and others cannot.
_MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DropWriter:
    """A message on its way into the maildrop at *directory*; nothing of it is there before `finish`.

    Args:
        directory: the maildrop.
        name: for the file; nobody can guess it.
        handed: what stands in front of the content.

    Raises:
        OSError: it cannot be made there.
        ValueError: *handed* cannot be written down.
    """

    def __init__(self, directory: str, name: str, handed: Handed) -> None:
        head = format_head(handed)
        self.name = name
        self.size_bytes = 0
        self._directory = os.path.join(directory, NEW)
        self._path = f"{self._directory}/.{name}"
        self._crc = 0
        self._fd = os.open(self._path, _FLAGS, _MODE)
        try:
            self._share()
            self._put(head)
        except BaseException:
            self.discard()
            raise

    def _share(self) -> None:
        """Let the server read the file, whatever the umask; root can also mend a group that the directory does not give."""
        wanted = os.stat(self._directory).st_gid
        if os.fstat(self._fd).st_gid != wanted and os.geteuid() == 0:
            os.fchown(self._fd, -1, wanted)
        os.fchmod(self._fd, _MODE)

    def write(self, content: bytes) -> None:
        """Add content, every line ended by CRLF.

        Raises:
            OSError: it cannot be written.
        """
        self.size_bytes += len(content)
        self._put(content)

    def _put(self, octets: bytes) -> None:
        self._crc = crc32(octets, self._crc)
        left = memoryview(octets)
        while left:
            left = left[os.write(self._fd, left) :]

    def finish(self) -> None:
        """Put it on stable storage, then give it its name: now it will be taken.

        Raises:
            OSError: it is not handed in.
        """
        self._put(format_trailer(self.size_bytes, self._crc))
        os.fsync(self._fd)
        final = f"{self._directory}/{self.name}"
        os.rename(self._path, final)
        self._path = final
        try:
            self._sync_name()
        except OSError:
            try:
                os.unlink(final)
            except FileNotFoundError:
                pass  # the server has it already: then it is handed in
            else:
                self._path = ""
                raise
        self._close()

    def _sync_name(self) -> None:
        try:
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            # Who may make files there need not be able to list them, and so cannot sync the names. ext4, XFS and Btrfs put the
            # new name of a file on disk with the file.
            os.fsync(self._fd)
            return
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)

    def discard(self) -> None:
        """Leave nothing behind; no effect after `finish`."""
        if self._fd < 0:
            return
        self._close()
        if self._path:
            os.unlink(self._path)
