"""Floor 1 · sasl — SASLprep (RFC 4013): the one form of a name or password in SCRAM.

Which preparation is used where, and why there are two:

- SASLprep here, for SCRAM alone, because RFC 5802 §2.2 names it: both sides hash what it returns, so another
  form would be another password. It is frozen at Unicode 3.2, as the standard library's `stringprep` is.
- PRECIS (`precis.py`), its successor (RFC 8265 §1), for everything else: names and passwords of PLAIN and LOGIN
  before they are looked up, and passwords before they are hashed for storage.

Input is bounded before anything is computed: `OCTETS`.
"""

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

from mailrail.model import MailrailError

# RFC 4616 §2 wants 255 octets taken; a password that a machine made may be longer.
OCTETS: Final = 1024

_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (  # RFC 4013 §2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class PreparationError(MailrailError, ValueError):
    """A name or password that no profile allows; the message says why and never contains it."""


def saslprep(text: str, *, is_stored: bool = False) -> str:
    """Prepare *text*.

    Args:
        text: at most OCTETS octets in UTF-8.
        is_stored: it is to be hashed or stored, so that unassigned code points are refused (RFC 3454 §7).

    Raises:
        PreparationError: too long, empty, or with code points that are not allowed.

    *Source:* RFC 4013 §2.
    """
    bounded(text)
    if text.isascii():
        prepared = text
    else:
        mapped = "".join(
            " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
        )
        prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
        _check_direction(prepared)
    if any(is_in(c) for c in prepared for is_in in _PROHIBITED):
        raise PreparationError("a control or other prohibited character (RFC 4013 §2.3)")
    if is_stored and any(stringprep.in_table_a1(c) for c in prepared):
        raise PreparationError("a character that Unicode 3.2 does not know (RFC 4013 §2.5)")
    if not prepared:
        raise PreparationError("nothing is left of it (RFC 5802 §5.1)")
    return prepared


def bounded(text: str) -> None:
    """Refuse what is too long to be looked at.

    Raises:
        PreparationError: more than OCTETS octets, or no UTF-8.
    """
    # A character has one octet at least: the first test keeps the second from encoding a megabyte.
    try:
        is_short = len(text) <= OCTETS and len(text.encode()) <= OCTETS
    except UnicodeEncodeError:
        raise PreparationError("half a surrogate pair is no character (RFC 3629 §3)") from None
    if not is_short:
        raise PreparationError(f"more than {OCTETS} octets")


def _check_direction(text: str) -> None:
    """Refuse mixed writing directions (RFC 3454 §6)."""
    rights = [stringprep.in_table_d1(c) for c in text]
    if not any(rights):
        return
    if any(stringprep.in_table_d2(c) for c in text) or not (rights[0] and rights[-1]):
        raise PreparationError("writing directions are mixed (RFC 3454 §6)")
