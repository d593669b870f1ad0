"""Floor 3 · addresses — bounce address tag validation: our users' reverse-paths leave signed, so that a bounce can prove itself. Pure.

    user@ours   ->   prvs=KDDDSSSSSS=user@ours

K is the number of a key, DDD the last three digits of the day on which the tag ends, counted from 1970, and SSSSSS the first
three octets of HMAC-SHA1 over `KDDD` and the address. We try all keys, so K is always 0; the address is signed in small letters, for a
hop that changes the case of a local part must not make a bounce a lie. Nobody but us ever checks a tag.

*Source:* draft-levine-smtp-batv-01 §4, which expired and is what everybody does.
"""

import hmac
import re
from collections.abc import Iterable
from typing import Final

from mailrail.addresses.srs import Flaw
from mailrail.model import PATH_OCTETS, Address

_TAG: Final = re.compile(
    r"prvs=(?P<signed>[0-9]{4})(?P<proof>[0-9a-f]{6})=(?P<user>.*)", re.IGNORECASE | re.ASCII | re.DOTALL
)
_CYCLE_DAYS: Final = 1000
_PROOF_OCTETS: Final = 3


def is_tagged(address: Address) -> bool:
    """Tell whether *address* has the form of a tagged one."""
    return _TAG.fullmatch(address.local_part) is not None


def sign(address: Address, key: bytes, *, day: int, max_age_days: int) -> Address | None:
    """Return *address* with a tag that ends *max_age_days* from *day*; None if there is no room for it.

    Args:
        day: today, days since 1970-01-01 UTC.
        max_age_days: less than 1000.
    """
    signed = f"0{(day + max_age_days) % _CYCLE_DAYS:03}"
    made = Address(f"prvs={signed}{_proof(key, signed, address)}={address.local_part}", address.domain)
    return made if len(made.text.encode()) + 2 <= PATH_OCTETS else None


def verify(address: Address, keys: Iterable[bytes], *, day: int, max_age_days: int) -> Address | Flaw:
    """Return the address that a tagged one is of.

    Args:
        keys: any of them may have signed it.
        day: today, days since 1970-01-01 UTC.
        max_age_days: for how long tags are made.
    """
    found = _TAG.fullmatch(address.local_part)
    if found is None:
        return Flaw.FORGED
    plain = Address(found["user"], address.domain)
    given = found["proof"].lower()
    if not any(hmac.compare_digest(_proof(key, found["signed"], plain), given) for key in keys):
        return Flaw.FORGED
    # Whoever signs and whoever checks may be on two sides of midnight.
    days_left = (int(found["signed"][1:]) - day) % _CYCLE_DAYS
    return plain if days_left <= max_age_days + 1 else Flaw.EXPIRED


def _proof(key: bytes, signed: str, address: Address) -> str:
    """Return the tag's last six digits."""
    words = f"{signed}{address.local_part}@{address.domain}".encode().lower()
    return hmac.digest(key, words, "sha1")[:_PROOF_OCTETS].hex()
