"""Whatever an LDAP server says: a message is read or is a BerError, without much work; and what an operator writes as a filter is one or is told, and
what fills its holes changes nothing but values.

Input: which of both; then octets of a message, or the text of a filter and of a key behind a NUL.
"""

from collections.abc import Iterator

from mailrail.model import SettingsError
from mailrail.tables.ldap import SearchFilter
from mailrail.tables.ldap.ber import SEQUENCE, SET, BerError, element, read, size_of, text
from mailrail.tables.ldap.messages import message, read_message


def check(data: bytes) -> None:
    if data[:1] == b"m":
        _check_message(data[1:])
    else:
        _check_filter(*data[1:].decode("utf-8", "replace").partition("\0")[::2])


def _check_message(data: bytes) -> None:
    try:
        size = size_of(data)
        assert size is None or size >= 2
        read_message(data)
    except BerError:
        pass


def _check_filter(text: str, key: str) -> None:
    try:
        found = SearchFilter(text, ("key",))
    except SettingsError:
        return
    assert _shape(found.write({"key": key})) == _shape(found.write({"key": "k"}))


def _shape(octets: bytes) -> list[object]:
    """Return the tags as they are nested; values are all alike."""
    return [(tag, _shape(content) if tag & 0x20 else None) for tag, content in read(octets)]


def seeds() -> Iterator[bytes]:
    yield b"m" + bytes.fromhex("300c02010161070a010004000400")
    attributes = element(SEQUENCE, element(SEQUENCE, text("mail"), element(SET, text("ann@example.org"))))
    yield b"m" + message(1, element(0x64, text("uid=ann"), attributes))
    yield b"m\x30\x84\x7f\xff\xff\xff"
    yield b"f(&(objectClass=person)(|(mail={key})(uid=a*{key}*\\2a))(!(cn:dn:1.2:=x)))\0ann*)("
    yield b"f(((((\0"
