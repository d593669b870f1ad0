"""Floor 3 · spool — the directory itself: ours alone, and nothing in it is a link (A70).

A spool that someone else can write to is a way to read and forge mail (CVE-2020-28014 and its
family), so a wrong owner is refused, what is inside is private, and links are never followed.
"""

import os
import stat
from pathlib import Path

from mailrail.model import StoreError, StoreTrouble


def prepare_directory(path: Path) -> Path:
    """Make *path* if it is not there and return its real place.

    Raises:
        StoreError: UNSUITABLE when it belongs to somebody else or is no directory, FAILED when
            it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        real = path.resolve(strict=True)
        _check(real)
        if real.lstat().st_mode & 0o022:
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


def prepare_inner(path: Path) -> None:
    """Make a directory inside the spool, and make sure that it stays after a power cut.

    Raises:
        StoreError: UNSUITABLE when something else, a link for instance, has its place.
    """
    try:
        path.mkdir(mode=0o700)
        sync_directory(path.parent)
    except FileExistsError:
        _check(path)
        path.chmod(0o700)


def prepare_file(path: Path) -> None:
    """Make the file *path*, private, if it is not there.

    Raises:
        StoreError: UNSUITABLE when it is a link or somebody else's, or has a second name.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise StoreError(StoreTrouble.UNSUITABLE, f"{path} is a link") from error
        raise
    try:
        why = strange(os.fstat(fd))
        if why:
            raise StoreError(StoreTrouble.UNSUITABLE, f"{path} {why}")
        os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def strange(status: os.stat_result) -> str:
    """Tell what makes a file none of ours: "" if nothing does."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}, not to {os.geteuid()}"
    if status.st_nlink > 1:
        return "has a second name (hard link)"
    return ""


def sync_directory(path: Path) -> None:
    """Put the names in *path* on stable storage."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _check(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(StoreTrouble.UNSUITABLE, f"{path} is not a directory")
    if status.st_uid != os.geteuid():
        raise StoreError(
            StoreTrouble.UNSUITABLE,
            f"{path} belongs to user {status.st_uid}, mailrail runs as {os.geteuid()}: chown it",
        )
