"""Floor 3 · addresses — the keys that reverse-paths are signed by, and the file that all workers read them from.

A line for each, the newest first: the moment from which it signs, and the key. Every key that is there verifies. A new one begins
to sign a few minutes after it was written, when every worker has read it: so no bounce meets a worker that does not know its key.
"""

import hmac
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from mailrail.model import SECOND_US, Rng, SettingsError, utc
from mailrail.net import create_private, write_private

SIGNING_KEYS: Final = (
    "signing-keys"  # the file, in the spool's directory; of several workers, in the first one's
)
KEY_OCTETS: Final = 32
LEAST_OCTETS: Final = 16  # those that postsrsd makes have 24
LEAD_US: Final = 5 * 60 * SECOND_US  # workers look at the file every minute
MOST_KEYS: Final = 100  # each costs a hash for an address that was forged
_MOST_BYTES: Final = 64 * 1024
_HEAD: Final = "# Keys of reverse-paths: from when it signs, and the key; each verifies. `mailrail srs rotate` adds one.\n"


@dataclass(frozen=True, slots=True, order=True)
class SigningKey:
    """One key.

    Attributes:
        since_us: from when on it signs, microseconds UTC.
        secret: the key itself.
    """

    since_us: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """All keys, at least one; the newest first."""

    keys: tuple[SigningKey, ...]

    @classmethod
    def of(cls, keys: Iterable[SigningKey]) -> Self:
        """Return *keys* in order."""
        return cls(tuple(sorted(keys, reverse=True)))

    def signing(self, now_us: int) -> bytes:
        """Return the key that signs at *now_us*."""
        return next((key.secret for key in self.keys if key.since_us <= now_us), self.keys[-1].secret)

    @property
    def verifying(self) -> tuple[bytes, ...]:
        """Every key."""
        return tuple(key.secret for key in self.keys)

    def derived(self, purpose: bytes) -> "SigningKeys":
        """Return keys for another purpose, so that what is signed for one proves nothing for the other."""
        return SigningKeys(
            tuple(SigningKey(key.since_us, hmac.digest(key.secret, purpose, "sha256")) for key in self.keys)
        )

    def rotated(self, secret: bytes, now_us: int, keep_us: int) -> "SigningKeys":
        """Return the keys with *secret* as the next to sign, without those that nothing can be signed by any more.

        Args:
            keep_us: how long something signed is good.
        """
        begin_us = (now_us + LEAD_US) // SECOND_US * SECOND_US  # the file tells seconds
        kept = [SigningKey(begin_us, secret)]
        for key in self.keys:
            if len(kept) == MOST_KEYS:
                break
            kept.append(key)
            if key.since_us <= now_us - keep_us:  # all before it ended their time when this one began
                break
        return SigningKeys.of(kept)


def parse_keys(text: str) -> SigningKeys:
    """Read what `format_keys` wrote.

    Raises:
        ValueError: a line that is none, or no key at all; never tells what stands there.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            since, secret = line.split()
            moment = datetime.fromisoformat(since)
            keys.append(SigningKey(round(moment.timestamp()) * SECOND_US, bytes.fromhex(secret)))
        except ValueError:
            raise ValueError(f"line {number} is not a moment and a key in hexadecimal digits") from None
        if moment.tzinfo is None or len(keys[-1].secret) < LEAST_OCTETS:
            raise ValueError(
                f"line {number}: a moment is in UTC, and a key has at least {LEAST_OCTETS} octets"
            )
    if not keys:
        raise ValueError("there is no key in it")
    return SigningKeys.of(keys)


def format_keys(keys: SigningKeys) -> str:
    """Write *keys* down."""
    lines = (f"{utc(key.since_us).isoformat(timespec='seconds')} {key.secret.hex()}\n" for key in keys.keys)
    return _HEAD + "".join(lines)


def read_keys(file: Path) -> SigningKeys | None:
    """Return the keys in *file*, None if there is no such file. Blocks.

    Raises:
        SettingsError: it cannot be read, holds something else, or everybody can read it.
    """
    try:
        with file.open("rb") as stream:
            is_open = os.fstat(stream.fileno()).st_mode & stat.S_IRWXO
            keys = parse_keys(stream.read(_MOST_BYTES).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"the keys in {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"the keys in {file} cannot be used: {error}") from error
    if is_open:
        raise SettingsError(f"the keys in {file} can be read by everybody; mend it: chmod 600 {file}")
    return keys


def keep_keys(file: Path, rng: Rng, now_us: int) -> SigningKeys:
    """Return the keys in *file*, one made if there is no such file; of several who make one, one wins. Blocks.

    Raises:
        SettingsError: they can be neither read nor written.
    """
    if (found := read_keys(file)) is not None:
        return found
    made = SigningKeys.of([SigningKey(now_us // SECOND_US * SECOND_US, new_secret(rng))])
    try:
        create_private(file, format_keys(made).encode())
    except OSError as error:
        raise SettingsError(f"a key cannot be kept in {file}: {error.strerror}") from error
    return read_keys(file) or made


def write_keys(file: Path, keys: SigningKeys) -> None:
    """Put *keys* into *file* instead of those that are there. Blocks.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    write_private(file, format_keys(keys).encode())


def new_secret(rng: Rng) -> bytes:
    """Return a key."""
    return rng.getrandbits(8 * KEY_OCTETS).to_bytes(KEY_OCTETS, "big")
