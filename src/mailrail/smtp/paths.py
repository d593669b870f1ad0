"""Floor 1 · smtp — reverse-path and forward-path as they stand in MAIL and RCPT (RFC 5321 §4.1.2)."""

import re
from typing import Final

from mailrail.model import Address, AddressError, parse_address, parse_domain

# A path's text up to its ">", quoted strings passed over whole: <"a>b"@example.org>
# LENIENT: seen from Outlook and many scripts: a space between the colon and the path.
_PATH: Final = re.compile(r' *<((?:[^<>"\\]+|"(?:[^"\\]|\\.)*")*+)>')


def split_path(text: str) -> tuple[str, str]:
    """Cut `<path> parameters` in two.

    Returns:
        What stands between the brackets, and the rest without its leading space.

    Raises:
        AddressError: no path in brackets, or no space behind it.
    """
    found = _PATH.match(text)
    if found is None:
        raise AddressError("a path stands in one pair of <brackets>")
    rest = text[found.end() :]
    if rest and not rest.startswith(" "):
        raise AddressError("a space must stand between the path and its parameters")
    return found[1], rest.strip(" ")


def parse_path(inner: str) -> Address:
    """Read the inside of a path; a source route before it is dropped (RFC 5321 appendix C, F.2).

    Raises:
        AddressError: it is not a mailbox, or its route is none.
    """
    if inner.startswith("@"):
        route, colon, inner = inner.partition(":")
        if not colon:
            raise AddressError("a source route ends with a colon")
        for hop in route.split(","):
            if not hop.startswith("@"):
                raise AddressError("a source route is a list of @domains")
            parse_domain(hop[1:])
    return parse_address(inner)


def parse_reverse_path(inner: str) -> Address | None:
    """Read the path of MAIL; None is the null reverse-path.

    Raises:
        AddressError: neither empty nor a mailbox.
    """
    return parse_path(inner) if inner else None


def parse_forward_path(inner: str) -> Address:
    """Read the path of RCPT; `<Postmaster>` without a domain is allowed (RFC 5321 §4.1.1.3).

    Raises:
        AddressError: not a mailbox.
    """
    if inner.lower() == "postmaster":
        return Address(inner, "")
    return parse_path(inner)
