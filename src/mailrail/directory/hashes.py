"""Floor 3 · directory — stored passwords: made with Argon2id, read also as other programs left them. Pure.

A stored password is `{SCHEME}` and what the scheme says, as LDAP and Dovecot write it, so that hashes can be taken over as
they are. What we make ourselves is always {ARGON2ID}.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailrail.model import MailrailError, Rng
from mailrail.sasl import ScramKeys, parse_keys

# OWASP's first choice for Argon2id: 19 MiB, two passes. Ten logins at a time then take a fifth of a gigabyte; with
# RFC 9106 §4's 64 MiB and four lanes, a crowd of guessers would take the memory that mail needs.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
_SALT_OCTETS: Final = 16  # RFC 9106 §4
# A hash that asks for more than this is no hash but an attack on our memory.
_MOST_MEMORY_KIB: Final = 1024 * 1024
_MOST_PASSES: Final = 64
_MOST_ITERATIONS: Final = 10_000_000
LONGEST: Final = 1024  # octets of a stored password

_HASHER: Final = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
_SCHEME: Final = re.compile(r"\{([A-Z0-9-]{1,32})\}(.+)", re.DOTALL | re.ASCII)
_ARGON2: Final = re.compile(r"\$argon2id?\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$\S+", re.ASCII)
_BCRYPT: Final = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9])\$[./A-Za-z0-9]{53}", re.ASCII)
# What is made for a user who does not exist, so that finding nobody takes as long as finding somebody.
NOBODY: Final = (
    f"{{ARGON2ID}}$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1"
    "$bm9ib2R5J3Mgc2FsdC4uLg$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"
)


class HashError(MailrailError, ValueError):
    """A stored password that cannot be used; the message says why and never contains it."""


def make_hash(password: str, rng: Rng) -> str:
    """Return what to store of *password*; takes some 30 ms and MEMORY_KIB.

    Args:
        password: as PRECIS prepares it (`sasl.opaque_string`).
        rng: one that nobody can predict.
    """
    salt = rng.getrandbits(8 * _SALT_OCTETS).to_bytes(_SALT_OCTETS, "big")
    return "{ARGON2ID}" + _HASHER.hash(password, salt=salt)


def scheme_of(stored: str) -> str:
    """Return the scheme of a stored password: "ARGON2ID"."""
    return _split(stored)[0]


def is_password(stored: str, password: str) -> bool:
    """Tell whether *password* is the one that was stored; takes as long as its scheme wants.

    Raises:
        HashError: *stored* cannot be used.
    """
    scheme, value = _split(stored)
    return _SCHEMES[scheme].is_password(value, password)


def check_hash(stored: str) -> None:
    """Find out whether a stored password could be used, without a password and at no cost.

    Raises:
        HashError: it could not.
    """
    scheme, value = _split(stored)
    _SCHEMES[scheme].check(value)


def _split(stored: str) -> tuple[str, str]:
    found = _SCHEME.fullmatch(stored)
    if found is None or len(stored) > LONGEST:
        raise HashError("is no stored password: one looks like {ARGON2ID}$argon2id$...")
    if found[1] not in _SCHEMES:
        raise HashError(f"has a scheme that is not known, {{{found[1]}}}; known are: {', '.join(_SCHEMES)}")
    return found[1], found[2]


def _check_argon2(value: str) -> None:
    found = _ARGON2.fullmatch(value)
    if found is None:
        raise HashError("is no hash of Argon2: one begins with $argon2id$v=19$m=")
    if int(found[1]) > _MOST_MEMORY_KIB or int(found[2]) > _MOST_PASSES:
        raise HashError(f"wants more than {_MOST_MEMORY_KIB} KiB or {_MOST_PASSES} passes")


def _is_argon2(value: str, password: str) -> bool:
    _check_argon2(value)
    try:
        return _HASHER.verify(value, password)
    except (VerificationError, InvalidHashError):
        return False


def _check_nothing(value: str) -> None:
    pass


def _is_plain(value: str, password: str) -> bool:
    return hmac.compare_digest(value.encode(), password.encode())


def _salted(value: str, digest: str) -> tuple[bytes, bytes]:
    """Return digest and salt of {SSHA...}: base64 of the digest over password and salt, then the salt (RFC 2307 §5.3)."""
    try:
        raw = b64decode(value, validate=True)
    except ValueError:
        raise HashError("is no base64 behind its scheme") from None
    size = hashlib.new(digest).digest_size
    if len(raw) < size:
        raise HashError(f"is shorter than a digest of {digest}")
    return raw[:size], raw[size:]


def _is_salted(value: str, password: str, digest: str) -> bool:
    made, salt = _salted(value, digest)
    return hmac.compare_digest(made, hashlib.new(digest, password.encode() + salt).digest())


def _keys(value: str) -> ScramKeys:
    try:
        keys = parse_keys(f"{{SCRAM-SHA-256}}{value}")
    except ValueError as error:
        raise HashError(f"is wrong: {error}") from None
    if keys.iterations > _MOST_ITERATIONS:
        raise HashError(f"wants more than {_MOST_ITERATIONS} iterations")
    return keys


def _check_bcrypt(value: str) -> None:
    if find_spec("bcrypt") is None:
        raise HashError("needs bcrypt: pip install 'mailrail[bcrypt]'")
    if _BCRYPT.fullmatch(value) is None:
        raise HashError("is no hash of bcrypt with 4 to 19 rounds: one begins with $2y$")


def _is_bcrypt(value: str, password: str) -> bool:
    _check_bcrypt(value)
    import bcrypt  # noqa: PLC0415 -- an extra, for hashes of others

    # bcrypt itself never saw more than 72 octets; newer libraries refuse what others have cut off.
    return bcrypt.checkpw(password.encode()[:72], value.encode())


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How stored passwords of one kind are looked at; both functions raise HashError."""

    check: Callable[[str], object]
    is_password: Callable[[str, str], bool]


def _ssha(digest: str) -> _Scheme:
    return _Scheme(partial(_salted, digest=digest), partial(_is_salted, digest=digest))


_SCHEMES: Final[dict[str, _Scheme]] = {
    "ARGON2ID": _Scheme(_check_argon2, _is_argon2),
    "ARGON2I": _Scheme(_check_argon2, _is_argon2),
    "SCRAM-SHA-256": _Scheme(_keys, lambda value, password: _keys(value).is_of(password)),
    "BLF-CRYPT": _Scheme(_check_bcrypt, _is_bcrypt),
    "SSHA512": _ssha("sha512"),
    "SSHA256": _ssha("sha256"),
    "SSHA": _ssha("sha1"),
    "PLAIN": _Scheme(_check_nothing, _is_plain),
}
