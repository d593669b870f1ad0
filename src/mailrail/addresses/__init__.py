"""Floor 3 · addresses — who can be written to, and in whose name what leaves us travels on."""

from mailrail.addresses.signed_paths import DAY_US, Returned, SignedPaths
from mailrail.addresses.signing_keys import (
    SIGNING_KEYS,
    SigningKey,
    SigningKeys,
    keep_keys,
    new_secret,
    read_keys,
    write_keys,
)
from mailrail.addresses.srs import Flaw, is_srs
from mailrail.addresses.tag_settings import BatvSettings, SrsSettings

__all__ = [
    "DAY_US",
    "SIGNING_KEYS",
    "BatvSettings",
    "Flaw",
    "Returned",
    "SignedPaths",
    "SigningKey",
    "SigningKeys",
    "SrsSettings",
    "is_srs",
    "keep_keys",
    "new_secret",
    "read_keys",
    "write_keys",
]
