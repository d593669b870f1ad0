"""Floor 2 · net — files with a private key in them that we write ourselves.

Key and certificate stand in one file, so that they change together: a reader sees the old pair or the new one,
never half of each. The file is private from its first moment (0600), and on stable storage under its name before
anybody is told of it.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from mailrail.model import SECOND_US, Clock, SettingsError
from mailrail.net.certificates import certificate_facts, self_signed
from mailrail.net.settings import CertificateFiles

SELF_SIGNED: Final = "self-signed.pem"
_RENEW_US: Final = 30 * 86_400 * SECOND_US  # ours; nobody verifies it, so early costs nothing


def write_private(file: Path, content: bytes) -> None:
    """Put *content* into *file*, readable by its owner only; its directory is made if need be (0700).

    Blocks. The directory above that one must be there.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    directory = file.parent
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    fresh = directory / f".{file.name}.new"
    fresh.unlink(missing_ok=True)  # of a process that died
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.rename(file)
    _sync_directory(directory)


def create_private(file: Path, content: bytes) -> None:
    """Do as `write_private`, unless there is such a file already, whoever made it: what that holds stays. Blocks.

    Raises:
        OSError: it cannot be written.
    """
    directory = file.parent
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=directory)  # 0600
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)
    finally:
        os.unlink(fresh)
    _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_self_signed(directory: Path, hostname: str, clock: Clock) -> CertificateFiles:
    """Return a self-signed certificate for *hostname* in *directory*, made if there is no good one. Blocks.

    It is made anew for another name, a month before its end, and when it cannot be read.

    Raises:
        SettingsError: it cannot be written; the message names the mend.
    """
    file = directory / SELF_SIGNED
    if not _is_good(file, hostname, clock):
        chain_pem, key_pem = self_signed(hostname, clock)
        try:
            write_private(file, key_pem + chain_pem)
        except OSError as error:
            raise SettingsError(
                f"a self-signed certificate cannot be kept in {directory}: {error.strerror}; mend it: name a "
                "directory of ours by tls.directory, or a certificate, or set tls.self_signed = false"
            ) from error
    return CertificateFiles(chain=file, key=file)


def _is_good(file: Path, hostname: str, clock: Clock) -> bool:
    try:
        facts = certificate_facts(file)
    except SettingsError:
        return False
    return facts.names == (hostname.lower(),) and facts.ends_us - clock.now_us() > _RENEW_US
