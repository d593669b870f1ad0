"""Floor 0 · model — domain names: one spelling for policy, routing and delivery.

A domain is kept as lower-case A-labels (RFC 5890 §2.3.2.1), an address literal as
`[192.0.2.1]` or `[IPv6:2001:db8::1]` in canonical form. Whoever compares two domains
compares two strings made here, so what policy saw is what routing gets.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna

from mailrail.model.errors import AddressError

DOMAIN_OCTETS: Final = 255  # RFC 5321 §4.5.3.1.2
LABEL_OCTETS: Final = 63  # RFC 1035 §2.3.4
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@lru_cache(maxsize=4096)  # a pure function; the same few thousand domains come again and again
def parse_domain(text: str) -> str:
    """Return the domain or address literal *text* in its one canonical spelling.

    Raises:
        AddressError: it is none (RFC 5321 §4.1.2 and §4.1.3, RFC 5891 for U-labels).
    """
    if text.startswith("["):
        return _parse_literal(text)
    domain = text.lower()
    if not text.isascii():
        _check_u_labels(text, domain)
        try:
            # strict IDNA 2008, no UTS 46 mapping, no dot but ".": a mapped name is another name (RFC 6531 §3.2).
            domain = idna.encode(domain, strict=True, uts46=False, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError, RecursionError) as error:
            raise AddressError(f"{text!r} is not an internationalised domain: {error}") from None
    if len(domain) > DOMAIN_OCTETS:
        raise AddressError(f"a domain has at most {DOMAIN_OCTETS} octets, this one {len(domain)}")
    if _DOMAIN.fullmatch(domain) is None:
        raise AddressError(f"{text!r} is not a domain")
    return domain


def _check_u_labels(text: str, lowered: str) -> None:
    """Refuse what idna need not see, or would not see: *text* has a letter above US-ASCII."""
    # An A-label is longer than its U-label; and the work of punycode grows with the square of a label.
    if len(text) > DOMAIN_OCTETS or max(map(len, text.split("."))) > LABEL_OCTETS:
        raise AddressError(f"a domain has at most {DOMAIN_OCTETS} octets, a label {LABEL_OCTETS}")
    # U+212A, the Kelvin sign, is "k" in lower case: a domain of plain letters, told by another name.
    if lowered.isascii():
        raise AddressError(f"{text!r} is not the name of {lowered}, and of no other domain")


def _parse_literal(text: str) -> str:
    """Read an address literal (RFC 5321 §4.1.3); tags other than IPv6 are not in use."""
    if not text.endswith("]"):
        raise AddressError(f"{text!r} is not an address literal: ']' is missing")
    inner = text[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:
                raise AddressError(f"{text!r}: a zone index has no place in an address literal")
            return f"[IPv6:{IPv6Address(inner[5:]).compressed}]"
        return f"[{IPv4Address(inner)}]"
    except AddressValueError as error:
        raise AddressError(f"{text!r} is not an address literal: {error}") from None


def literal_address(domain: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a canonical literal, or None when *domain* is a name."""
    if not domain.startswith("["):
        return None
    inner = domain[1:-1]
    return IPv6Address(inner[5:]) if inner.startswith("IPv6:") else IPv4Address(inner)


def show_domain(domain: str) -> str:
    """Return *domain* as people write it, with U-labels; unchanged where it has none."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
