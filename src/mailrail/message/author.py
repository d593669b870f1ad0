"""Floor 1 · message — a From field for a message of a program that wrote none."""

import binascii
import re
from typing import Final

from mailrail.model import Address

WORD_OCTETS: Final = 45  # of UTF-8; an encoded word has 75 characters at most (RFC 2047 §2)
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')


def from_line(name: str, address: Address) -> bytes:
    """Build a From field, CRLF at its end.

    Args:
        name: of the author, for people; "" for none. What cannot be shown in it is left out.
    """
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not name:
        return f"From: {address}\r\n".encode()
    return f"From: {_phrase(name)} <{address}>\r\n".encode()


def _phrase(name: str) -> str:
    """Return *name* as atoms, as a quoted string or as encoded words (RFC 5322 §3.2.5, RFC 2047 §5)."""
    if name.isascii():
        if _ATOMS.fullmatch(name) and "=?" not in name:
            return name
        return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", name[: WORD_OCTETS * 10]) + '"'
    words, rest = [], name.encode()[: WORD_OCTETS * 10]
    while rest:
        end = min(len(rest), WORD_OCTETS)
        while end < len(rest) and rest[end] & 0xC0 == 0x80:
            end -= 1
        coded = binascii.b2a_base64(rest[:end].decode(errors="ignore").encode(), newline=False).decode()
        words.append(f"=?utf-8?b?{coded}?=")
        rest = rest[end:]
    return "\r\n ".join(words)
