"""Floor 3 · directory — the user file on disk: read as soon as it changes, changed by one writer at a time.

A reader sees the old file or the new one: a change is written beside it, put on stable storage and renamed over it. Writers wait for
one another at a lock file, which stays; a lock on the file itself would be lost with the rename. A file that others
than owner and group may read is refused, for its hashes could be guessed at leisure. Everything here blocks.
"""

import contextlib
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mailrail.directory.records import Users, read_users
from mailrail.model import SettingsError
from mailrail.tables import Stamp, stamp_of

MOST_BYTES: Final = 16 * 1024 * 1024  # ours: some 50,000 users; more belong into a database
_OTHERS: Final = stat.S_IRWXO


class UserFile:
    """The users in a file, as they are now. Any thread may ask."""

    def __init__(self, path: Path, told: Callable[[int, str], None] = lambda count, reason: None) -> None:
        """Read nothing yet.

        Args:
            path: the file; one that is not there has no users.
            told: hears after each reading how many users there are, or why the old ones stay.
        """
        self.path = path
        self._told = told
        self._stamp: Stamp | None = None
        self._users: Users = {}
        self._lock = threading.Lock()

    def begin(self) -> Users:
        """Read the file for the first time.

        Raises:
            SettingsError: it cannot be used; the message names it.
        """
        with self._lock:
            self._stamp, self._users = stamp_of(self.path), read_file(self.path)
            self._told(len(self._users), "")
            return self._users

    def known(self) -> Users:
        """Return the users as they were read last."""
        return self._users

    def stamp(self) -> Stamp:
        """Return what tells that the file is another."""
        return stamp_of(self.path)

    def users(self) -> Users:
        """Return the users, read anew if the file is another; those before if it cannot be used."""
        with self._lock:
            stamp = stamp_of(self.path)
            if stamp != self._stamp:
                self._stamp = stamp  # of a bad file too: it is told once
                self._look()
            return self._users

    def _look(self) -> None:
        try:
            self._users = read_file(self.path)
        except SettingsError as error:
            self._told(len(self._users), str(error))
        else:
            self._told(len(self._users), "")


def read_file(path: Path) -> Users:
    """Read the users in *path*; none where there is no such file.

    Raises:
        SettingsError: it cannot be used; the message names it.
    """
    try:
        return read_users(_read_text(path))
    except SettingsError as error:
        raise SettingsError(f"user file {path} {error}") from None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & _OTHERS:
                raise SettingsError(f"can be read by everybody; mend it: chmod 600 {path}")
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise SettingsError(f"is over {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"is not UTF-8 (byte {error.start})") from None


def change_file(path: Path, change: Callable[[str, Users], str]) -> None:
    """Change the file, made if need be, while nobody else does.

    Args:
        change: gets its text and the users in it, and returns the new text; what it raises leaves the file as it was.

    Raises:
        SettingsError: the file cannot be used.
        OSError: it cannot be written.
    """
    with _only_writer(path):
        text = _text_to_change(path)
        _replace(path, change(text, read_users(text)))


def _text_to_change(path: Path) -> str:
    try:
        return _read_text(path)
    except SettingsError as error:
        raise SettingsError(f"user file {path} {error}") from None


@contextlib.contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    target = path.resolve()  # through a link: the file changes, not the link
    mode, owner = _ownership(target)
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)  # of a process that died
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as stream:
        if os.geteuid() == 0:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
        stream.write(text.encode())
        stream.flush()
        os.fsync(descriptor)
    fresh.rename(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _ownership(path: Path) -> tuple[int, tuple[int, int]]:
    """Return mode and owner for the new file: those of the old, else of whom the directory belongs to.

    So root can add the first user to a file that the server, which is not root, must read.
    """
    try:
        old = path.stat()
    except FileNotFoundError:
        above = path.parent.stat()
        return 0o600, (above.st_uid, above.st_gid)
    return stat.S_IMODE(old.st_mode) & 0o640, (old.st_uid, old.st_gid)
