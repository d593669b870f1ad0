"""Floor 0 · model — one strict parser for mail addresses.

Envelope, header, policy and delivery all use this one (A24), so a quoted local part
cannot mean one mailbox to the check and another to the router. `email.utils` is never
used for a decision.
"""

import re
from dataclasses import field
from functools import lru_cache
from typing import Final

from mailrail.model.domain import parse_domain, show_domain
from mailrail.model.errors import AddressError
from mailrail.model.value import value

LOCAL_PART_OCTETS: Final = 64  # RFC 5321 §4.5.3.1.1
# RFC 5321 §4.5.1, RFC 2142: these must be reachable at every domain that takes mail.
ROLE_MAILBOXES: Final = frozenset({"postmaster", "abuse"})
PATH_OCTETS: Final = 256  # RFC 5321 §4.5.3.1.3, brackets included

# RFC 5322 §3.2.3 atext; RFC 6531 §3.3 adds every character above US-ASCII.
_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]"
_UATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_UDOT_STRING: Final = re.compile(rf"{_UATEXT}+(?:\.{_UATEXT}+)*")
# RFC 5321 §4.1.2 qtextSMTP / quoted-pairSMTP: printable US-ASCII only, no controls.
_QUOTED: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"')
_UQUOTED: Final = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*)"')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
# LENIENT: seen from postsrsd, libsrs2, Exim and whoever tags by BATV: a return address that holds another, with its domain, passes
# 64 octets often, and a server that refuses it refuses forwarded mail. RFC 5321 §4.5.3.1 would have no limits at all.
_HOLDS_ANOTHER: Final = re.compile(r"\"?(?:SRS[01][=+-]|prvs=)", re.IGNORECASE | re.ASCII)
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')
# C1 controls, separators and bidirectional overrides: never in a name that people read (A29).
_INVISIBLE: Final = re.compile(
    "[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@value
class Address:
    """A mailbox: what stands before the @ and after it.

    Attributes:
        local_part: the meaning, quotes and backslashes removed; case kept.
        domain: lower-case A-labels or an address literal; empty only for the bare
            `<Postmaster>` of RFC 5321 §4.1.1.3.
        text: the address as it stands in a path.
        folded: the address as it is looked for: without quotes, in lower case.
    """

    local_part: str
    domain: str
    text: str = field(init=False, compare=False, repr=False)
    folded: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Written down half a dozen times a message: in commands, rows, trace and log.
        local_part = quote_local_part(self.local_part)
        self.text = f"{local_part}@{self.domain}" if self.domain else local_part  # type: ignore[misc]  # frozen for others
        self.folded = f"{self.local_part}@{self.domain}".lower()  # type: ignore[misc]  # as above

    @property
    def needs_smtputf8(self) -> bool:
        """Tell whether the address cannot be written in US-ASCII (RFC 6531 §3.2)."""
        return not self.local_part.isascii()

    def shown(self) -> str:
        """Return the address for people: U-labels instead of A-labels."""
        return (
            f"{quote_local_part(self.local_part)}@{show_domain(self.domain)}"
            if self.domain
            else self.local_part
        )

    def __str__(self) -> str:
        return self.text


def quote_local_part(local_part: str) -> str:
    """Return *local_part* as it stands in a path, quoted only where it must be."""
    # Most are plain letters and digits.
    if local_part.isalnum() or _UDOT_STRING.fullmatch(local_part):
        return local_part
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", local_part) + '"'


def detail_at(local_part: str, separators: str) -> int | None:
    """Return where the detail of a sub-address begins, its separator included; None without one.

    Args:
        separators: characters, the first of any of which begins it; one in front begins a name, no detail (RFC 5233 §4).
    """
    ends = [end for end in (local_part.find(mark, 1) for mark in separators) if end > 0]
    return min(ends, default=None)


def parse_local_part(text: str, *, utf8: bool = True) -> str:
    """Return what the local part *text* means.

    Args:
        utf8: whether characters above US-ASCII may stand (the transaction has SMTPUTF8).

    Raises:
        AddressError: not a Dot-string or Quoted-string, or over 64 octets (where it holds another address: 256).
    """
    if text.startswith('"'):
        quoted = (_UQUOTED if utf8 else _QUOTED).fullmatch(text)
        if quoted is None:
            raise AddressError(f"{text!r} is not a quoted local part")
        local_part = _QUOTED_PAIR.sub(r"\1", quoted[1])
    elif (_UDOT_STRING if utf8 else _DOT_STRING).fullmatch(text):
        local_part = text
    else:
        raise AddressError(f"{text!r} is not a local part")
    octets = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if octets > LOCAL_PART_OCTETS and (octets > PATH_OCTETS or not _HOLDS_ANOTHER.match(text)):
        raise AddressError(f"a local part has at most {LOCAL_PART_OCTETS} octets, this one {octets}")
    if not text.isascii() and _INVISIBLE.search(text):
        raise AddressError("a local part may not contain invisible or direction-changing characters")
    return local_part


@lru_cache(maxsize=4096)  # a pure function; senders and mailboxes come again and again
def parse_address(text: str, *, utf8: bool = True) -> Address:
    """Read `local-part@domain`.

    Args:
        utf8: whether characters above US-ASCII may stand; the domain may then have U-labels.

    Raises:
        AddressError: *text* is not a Mailbox of RFC 5321 §4.1.2 / RFC 6531 §3.3.
    """
    # The last @: a quoted local part may contain one, a domain never.
    local_text, at, domain_text = text.rpartition("@")
    if not at:
        raise AddressError(f"{text!r} has no @")
    if not utf8 and not text.isascii():
        raise AddressError(f"{text!r} needs SMTPUTF8")
    address = Address(parse_local_part(local_text, utf8=utf8), parse_domain(domain_text))
    if len(local_text.encode()) + len(address.domain) + 3 > PATH_OCTETS:
        raise AddressError(f"a path has at most {PATH_OCTETS} octets")
    return address
