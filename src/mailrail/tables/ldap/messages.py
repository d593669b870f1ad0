"""Floor 2 · tables.ldap — what is asked and answered, as octets (RFC 4511 §4). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from mailrail.tables.ldap import ber

START_TLS: Final = "1.3.6.1.4.1.1466.20037"  # RFC 4511 §4.14
NO_ATTRIBUTES: Final = "1.1"  # RFC 4511 §4.5.1.8
_VERSION: Final = 3
_BIND, _BOUND, _UNBIND = 0x60, 0x61, 0x42
_SEARCH, _ENTRY, _DONE = 0x63, 0x64, 0x65
_EXTENDED, _EXTENDED_DONE = 0x77, 0x78
_PASSWORD, _NAME = 0x80, 0x80
_RESULTS: Final = frozenset({_BOUND, _DONE, _EXTENDED_DONE})

# RFC 4511 §A.1
SUCCESS: Final = 0
SIZE_LIMIT_EXCEEDED: Final = 4
NO_SUCH_OBJECT: Final = 32
INAPPROPRIATE_AUTHENTICATION: Final = 48
INVALID_CREDENTIALS: Final = 49
_WORDS: Final = {
    1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded", 7: "authMethodNotSupported",
    8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded", 13: "confidentialityRequired", 16: "noSuchAttribute",
    17: "undefinedAttributeType", 18: "inappropriateMatching", 32: "noSuchObject", 34: "invalidDNSyntax",
    48: "inappropriateAuthentication", 49: "invalidCredentials", 50: "insufficientAccessRights", 51: "busy",
    52: "unavailable", 53: "unwillingToPerform", 80: "other",
}  # fmt: skip


class Scope(Enum):
    """How deep is searched (RFC 4511 §4.5.1.2)."""

    BASE = "base"
    ONE = "one"
    SUBTREE = "subtree"


_SCOPES: Final = {Scope.BASE: 0, Scope.ONE: 1, Scope.SUBTREE: 2}


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Attributes:
        base: a DN.
        filter: as octets.
        attributes: those that are wanted; none: only whether there is an entry.
        most: entries at most.
    """

    base: str
    scope: Scope
    filter: bytes
    attributes: tuple[str, ...]
    most: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was found.

    Attributes:
        attributes: by their names in small letters; values in the server's order.
    """

    dn: str
    attributes: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def texts(self, attribute: str) -> tuple[str, ...]:
        """Return the values of *attribute*."""
        return tuple(value.decode("utf-8", "replace") for value in self.attributes.get(attribute.lower(), ()))


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended.

    Attributes:
        code: RFC 4511 §A.1.
        text: the server's words, for the log.
    """

    code: int
    text: str

    def __str__(self) -> str:
        word = _WORDS.get(self.code, f"result {self.code}")
        return f"{word} ({self.text})" if self.text else word


Answer = Entry | Result | None  # None: something that we pass over, a reference to elsewhere for instance


def bind(dn: str, password: str) -> bytes:
    """Write a simple bind."""
    return ber.element(_BIND, ber.integer(_VERSION), ber.text(dn), ber.text(password, _PASSWORD))


def unbind() -> bytes:
    """Write the goodbye; it has no answer."""
    return ber.element(_UNBIND)


def start_tls() -> bytes:
    """Write the wish for TLS."""
    return ber.element(_EXTENDED, ber.text(START_TLS, _NAME))


def search(wanted: Search) -> bytes:
    """Write a search. Aliases are not followed: they would lead out of the base."""
    return ber.element(
        _SEARCH,
        ber.text(wanted.base),
        ber.integer(_SCOPES[wanted.scope], ber.ENUMERATED),
        ber.integer(0, ber.ENUMERATED),
        ber.integer(wanted.most),
        ber.integer(0),  # our own deadline holds
        ber.boolean(False),
        wanted.filter,
        ber.element(ber.SEQUENCE, *map(ber.text, wanted.attributes or (NO_ATTRIBUTES,))),
    )


def message(number: int, operation: bytes) -> bytes:
    """Write the envelope around *operation*."""
    return ber.element(ber.SEQUENCE, ber.integer(number), operation)


def read_message(data: bytes) -> tuple[int, Answer]:
    """Read a whole message: its number and what it says.

    Raises:
        BerError: it is none.
    """
    (content,) = ber.fields(data, ber.SEQUENCE)
    parts = list(ber.read(content))
    if len(parts) < 2 or parts[0][0] != ber.INTEGER:
        raise ber.BerError("a message without number or operation")
    return ber.to_integer(parts[0][1]), _answer(*parts[1])


def _answer(tag: int, content: bytes) -> Answer:
    if tag == _ENTRY:
        dn, attributes = ber.fields(content, ber.OCTETS, ber.SEQUENCE)
        return Entry(dn.decode("utf-8", "replace"), dict(_attributes(attributes)))
    if tag in _RESULTS:
        code, _matched, text = ber.fields(content, ber.ENUMERATED, ber.OCTETS, ber.OCTETS)
        return Result(ber.to_integer(code), text.decode("utf-8", "replace").strip("\0 \r\n"))
    return None


def _attributes(content: bytes) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    for tag, attribute in ber.read(content):
        if tag != ber.SEQUENCE:
            raise ber.BerError("an attribute that is none")
        name, values = ber.fields(attribute, ber.OCTETS, ber.SET)
        yield name.decode("utf-8", "replace").lower(), tuple(value for _, value in ber.read(values))
