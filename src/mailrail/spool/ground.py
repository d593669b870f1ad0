"""Floor 3 · spool — the directory itself: ours alone, and nothing in it is a link (A70).

A spool that someone else can write to is a way to read and forge mail (CVE-2020-28014 and its
family), so a wrong owner is refused, what is inside is private, and links are never followed.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool.disk import Disk

_COPY_BYTES: Final = 256 * 1024


def prepare_directory(disk: Disk, path: Path) -> Path:
    """Make *path* if it is not there and return its real place.

    Raises:
        StoreError: UNSUITABLE when it belongs to somebody else or is no directory, FAILED when
            it cannot be made.
    """
    try:
        _make(disk, path)
        real = disk.real_path(path)
        _check(disk, real)
        if disk.status(real).st_mode & 0o022:
            # Not ours to close: it may be a directory that others need, named here by mistake.
            raise StoreError(
                StoreTrouble.UNSUITABLE,
                f"others may write to {path}: chmod 700 it, or name another spool.path",
            )
    except FileExistsError as error:
        raise StoreError(StoreTrouble.UNSUITABLE, f"{path} is not a directory") from error
    except OSError as error:
        raise StoreError(
            StoreTrouble.FAILED, f"the spool directory {path} cannot be used: {error}"
        ) from error
    return real


def secure_directory(disk: Disk, path: Path) -> None:
    """Put the names that lead to *path* on stable storage: with any of them all mail would go.

    All of them, and whoever made them: it may have been a process that was killed before it came to that.

    Raises:
        OSError: a directory cannot be synced.
    """
    for parent in path.parents:
        try:
            disk.sync_directory(parent)
        except OSError as error:
            # One that we may not look into, or that cannot be synced, is none that we made.
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS):
                raise


def prepare_inner(disk: Disk, path: Path) -> None:
    """Make a directory inside the spool; the one above is still to be synced.

    Raises:
        StoreError: UNSUITABLE when something else, a link for instance, has its place.
    """
    try:
        disk.make_directory(path)
    except FileExistsError:
        _check(disk, path)
        disk.set_mode(path, 0o700)


def prepare_file(disk: Disk, path: Path) -> None:
    """Make the file *path*, private, if it is not there.

    Raises:
        StoreError: UNSUITABLE when it is a link or somebody else's, or has a second name.
    """
    try:
        fd = disk.open_or_create(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StoreError(StoreTrouble.UNSUITABLE, f"{path} is a link") from error
        raise
    try:
        why = strange(disk.status(fd))
        if why:
            raise StoreError(StoreTrouble.UNSUITABLE, f"{path} {why}")
        disk.set_mode(fd, 0o600)
    finally:
        disk.close(fd)


def rewrite(disk: Disk, path: Path) -> None:
    """Write the file *path* over itself and sync it, so that what reads well is also on stable storage.

    After a sync that failed it may not be: the system shows what was written, and no later sync writes it.
    Whoever wrote it may have been killed, so that nobody remembers. The power may fail here, too: the same is written.
    """
    fd = disk.open_or_create(path)
    try:
        at = 0
        while chunk := disk.read(fd, _COPY_BYTES, at):
            at += disk.write(fd, memoryview(chunk))
        disk.sync(fd)
    finally:
        disk.close(fd)


def strange(status: os.stat_result) -> str:
    """Tell what makes a file none of ours: "" if nothing does."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}, not to {os.geteuid()}"
    if status.st_nlink > 1:
        return "has a second name (hard link)"
    return ""


def is_directory(disk: Disk, path: Path) -> bool:
    """Tell whether *path*, with links followed, is a directory that can be seen now."""
    try:
        return stat.S_ISDIR(disk.status(disk.real_path(path)).st_mode)
    except OSError:
        return False


def _make(disk: Disk, path: Path) -> None:
    """Make the directory *path* and those above it, where they are not there."""
    try:
        disk.make_directory(path)
    except FileNotFoundError:
        _make(disk, path.parent)
        disk.make_directory(path)
    except OSError:
        # A file system may refuse what is there for another reason than that it is there.
        if not is_directory(disk, path):
            raise


def _check(disk: Disk, path: Path) -> None:
    status = disk.status(path)
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(StoreTrouble.UNSUITABLE, f"{path} is not a directory")
    if status.st_uid != os.geteuid():
        raise StoreError(
            StoreTrouble.UNSUITABLE,
            f"{path} belongs to user {status.st_uid}, mailrail runs as {os.geteuid()}: chown it",
        )
