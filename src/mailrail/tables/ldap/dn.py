"""Floor 2 · tables.ldap — names of entries as text (RFC 4514). Pure."""

import re
from typing import Final

_SPECIAL: Final = re.compile(r'[\\,+"<>;=\x00-\x1f\x7f]|^[ #]| $')


def escape_value(value: str) -> str:
    """Write *value* so that it is one value in a DN, whatever signs are in it (RFC 4514 §2.4)."""
    return _SPECIAL.sub(lambda sign: f"\\{ord(sign[0]):02x}", value)
