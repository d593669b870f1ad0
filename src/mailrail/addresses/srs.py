"""Floor 3 · addresses — the Sender Rewriting Scheme: a reverse-path of ours that leads back to another. Pure.

Who forwards a message sends in the name of a domain that does not know him, and SPF tells on him. So the message leaves with
a reverse-path in the forwarder's domain, which holds the sender's, signed, so that nobody can have us send mail to an address of his choice:

    user@host                 ->  SRS0=hash=stamp=host=user@ours           stamp: the day, so that it ends some time
    SRS0=rest@host            ->  SRS1=hash=host==rest@ours                forwarded once more: only the two ends are kept
    SRS1=hash=host=rest@any   ->  SRS1=hash'=host=rest@ours

The hash is base64 of HMAC-SHA1, cut short, over everything behind it in small letters: a hop that changes the case of a local part
must not break the way back, so it is compared without case, too. What SRS1 wraps is not ours to read: who made it checks it.

The addresses pass the 64 octets of RFC 5321 §4.5.3.1.1 easily. That is how everybody does it, for nothing shorter works without a store.

*Source:* Meng Weng Wong, "SRS: Sender Rewriting Scheme"; Shevek's libsrs2 and Mail::SRS, which all others follow.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable
from enum import Enum
from typing import Final

from mailrail.model import PATH_OCTETS, Address, AddressError, parse_domain

_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CYCLE_DAYS: Final = len(_BASE32) ** 2
# Whoever signs and whoever checks may be on two sides of midnight.
_AHEAD_DAYS: Final = 1
_FLAGS: Final = re.IGNORECASE | re.ASCII | re.DOTALL
_ANY: Final = re.compile(r"SRS[01][=+-]", _FLAGS)
_SRS0: Final = re.compile(
    r"SRS0[=+-](?P<hash>[^=]+)=(?P<stamp>[A-Z2-7]{2})=(?P<host>[^=]+)=(?P<user>.*)", _FLAGS
)
_SRS1: Final = re.compile(r"SRS1[=+-](?P<hash>[^=]+)=(?P<host>[^=]+)=(?P<rest>[=+-].*)", _FLAGS)


class Flaw(Enum):
    """Why a signed address leads nowhere, in words for who sent to it."""

    FORGED = "was not made here, or has been changed since"
    EXPIRED = "was made here too long ago"


def is_srs(address: Address) -> bool:
    """Tell whether *address* has the form of one that SRS made, here or elsewhere."""
    return _ANY.match(address.local_part) is not None


def forward(sender: Address, domain: str, key: bytes, *, day: int, hash_length: int) -> Address | None:
    """Return the reverse-path in *domain* that leads back to *sender*, None if there is no room for it.

    Args:
        day: today, days since 1970-01-01 UTC.
        hash_length: characters of base64, 1 to 27.
    """
    local_part = sender.local_part
    wrapped = _SRS1.fullmatch(local_part)
    if wrapped is not None:
        signed = _wrap(wrapped["host"], wrapped["rest"], key, hash_length)
    elif is_srs(sender) and local_part[3] == "0":
        signed = _wrap(sender.domain, local_part[4:], key, hash_length)
    else:
        stamp = _stamp(day)
        digest = _digest(key, stamp, sender.domain, local_part)[:hash_length]
        signed = f"SRS0={digest}={stamp}={sender.domain}={local_part}"
    made = Address(signed, domain)
    return made if len(made.text.encode()) + 2 <= PATH_OCTETS else None


def reverse(
    address: Address, keys: Iterable[bytes], *, day: int, max_age_days: int, hash_length: int
) -> Address | Flaw:
    """Return the address that *address*, made by `forward`, leads back to.

    Args:
        keys: any of them may have signed it.
        day: today, days since 1970-01-01 UTC.
        max_age_days: how old it may be; one that wraps another has no age.
        hash_length: the shortest hash that proves anything.
    """
    local_part = address.local_part
    if (found := _SRS1.fullmatch(local_part)) is not None:
        is_good = _is_signed(found["hash"], keys, hash_length, found["host"], found["rest"])
        return _address(f"SRS0{found['rest']}", found["host"]) if is_good else Flaw.FORGED
    if (found := _SRS0.fullmatch(local_part)) is None:
        return Flaw.FORGED
    if not _is_signed(found["hash"], keys, hash_length, found["stamp"], found["host"], found["user"]):
        return Flaw.FORGED
    if not _is_recent(found["stamp"].upper(), day, max_age_days):
        return Flaw.EXPIRED
    return _address(found["user"], found["host"])


def _wrap(host: str, rest: str, key: bytes, hash_length: int) -> str:
    return f"SRS1={_digest(key, host, rest)[:hash_length]}={host}={rest}"


def _address(local_part: str, host: str) -> Address | Flaw:
    try:
        return Address(local_part, parse_domain(host))
    except AddressError:  # signed by a key of somebody who takes anything for a domain
        return Flaw.FORGED


def _stamp(day: int) -> str:
    return _BASE32[day // len(_BASE32) % len(_BASE32)] + _BASE32[day % len(_BASE32)]


def _is_recent(stamp: str, day: int, max_age_days: int) -> bool:
    made = _BASE32.index(stamp[0]) * len(_BASE32) + _BASE32.index(stamp[1])
    return (day + _AHEAD_DAYS - made) % _CYCLE_DAYS <= max_age_days + _AHEAD_DAYS


def _digest(key: bytes, *parts: str) -> str:
    return b64encode(hmac.digest(key, _small("".join(parts)), "sha1")).decode()


def _small(text: str) -> bytes:
    """Return *text* in small letters, those of US-ASCII only: what `tolower` does in the C locale."""
    return text.encode().lower()


def _is_signed(proof: str, keys: Iterable[bytes], hash_length: int, *parts: str) -> bool:
    if len(proof) < hash_length:
        return False
    given = _small(proof)
    return any(hmac.compare_digest(_small(_digest(key, *parts)[: len(proof)]), given) for key in keys)
