"""Floor 2 · tables.ldap — the part of BER that LDAP uses (RFC 4511 §5.1): definite lengths, tags of one octet. Pure."""

from collections.abc import Iterator
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTETS: Final = 0x04
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31
_MOST_LENGTH_OCTETS: Final = 4
_LONG: Final = 0x80


class BerError(ValueError):
    """Octets are no BER as LDAP has it."""


def element(tag: int, *contents: bytes) -> bytes:
    """Write an element of these *contents*."""
    content = b"".join(contents)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(length))) + length + content


def text(value: str, tag: int = OCTETS) -> bytes:
    """Write a text."""
    return element(tag, value.encode("utf-8", "surrogateescape"))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Write a number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1))


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    """Write a truth."""
    return element(tag, b"\xff" if value else b"\x00")


def size_of(data: bytes | bytearray) -> int | None:
    """Return how many octets the first element of *data* has, head included; None while that cannot be told.

    Raises:
        BerError: it has no length that may be.
    """
    place = _content(data, 0)
    return None if place is None else place[1]


def _content(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """Return where the content of the element at *start* begins and ends; None while that cannot be told."""
    if len(data) < start + 2:
        return None
    first, begin = data[start + 1], start + 2
    if first < _LONG:
        return begin, begin + first
    count = first & 0x7F
    if not 1 <= count <= _MOST_LENGTH_OCTETS:
        raise BerError(f"a length of {count} octets")
    if len(data) < begin + count:
        return None
    return begin + count, begin + count + int.from_bytes(data[begin : begin + count])


def read(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element in *data*.

    Raises:
        BerError: one is cut off.
    """
    start = 0
    while start < len(data):
        place = _content(data, start)
        if place is None or place[1] > len(data):
            raise BerError("an element is cut off")
        yield data[start], data[slice(*place)]
        start = place[1]


def fields(data: bytes, *tags: int) -> tuple[bytes, ...]:
    """Return the contents of the first elements in *data*, which must have these *tags*; what follows is left.

    Raises:
        BerError: they have not.
    """
    found = []
    elements = read(data)
    for tag in tags:
        got, content = next(elements, (None, b""))
        if got != tag:
            raise BerError(f"{'nothing' if got is None else hex(got)} where {hex(tag)} must be")
        found.append(content)
    return tuple(found)


def to_integer(content: bytes) -> int:
    """Read a number.

    Raises:
        BerError: it has more octets than any in LDAP.
    """
    if not 1 <= len(content) <= _MOST_LENGTH_OCTETS:
        raise BerError(f"a number of {len(content)} octets")
    return int.from_bytes(content, signed=True)
