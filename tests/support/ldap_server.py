"""LDAP servers for a network in memory; they share no code with mailrail's client.

`LdapServer` says what it is told to: the first of its answers to the first question, and so on. `People` is a small directory, which takes
binds and searches for one attribute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailrail.model import NetError
from mailrail.net import Connection, Network
from mailrail.net import Endpoint as At

PLACE = At("192.0.2.7", 389)


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    return bytes([tag, size]) + content if size < 128 else bytes([tag, 0x82]) + size.to_bytes(2) + content


def answer(number: int, tag: int, *contents: bytes) -> bytes:
    return tlv(0x30, tlv(2, bytes([number])), tlv(tag, *contents))


def result(number: int, tag: int, code: int, text: str = "") -> bytes:
    return answer(number, tag, tlv(0x0A, bytes([code])), tlv(4), tlv(4, text.encode()))


def bound(number: int, code: int = 0, text: str = "") -> bytes:
    return result(number, 0x61, code, text)


def done(number: int, code: int = 0, text: str = "") -> bytes:
    return result(number, 0x65, code, text)


def extended(number: int, code: int = 0, text: str = "") -> bytes:
    return result(number, 0x78, code, text)


def entry(number: int, dn: str, **attributes: Sequence[str]) -> bytes:
    parts = (
        tlv(0x30, tlv(4, name.encode()), tlv(0x31, *(tlv(4, value.encode()) for value in values)))
        for name, values in attributes.items()
    )
    return answer(number, 0x64, tlv(4, dn.encode()), tlv(0x30, *parts))


def reference(number: int) -> bytes:
    return answer(number, 0x73, tlv(4, b"ldap://elsewhere.example/"))


@dataclass
class LdapServer:
    """Listens on PLACE.

    Attributes:
        answers: what each question gets, connection for connection.
        asked: the questions so far.
    """

    answers: list[bytes]
    asked: list[bytes] = field(default_factory=list)

    def listen(self, network: Network) -> None:
        network.listen(PLACE, self._accept)

    def answer(self, _question: bytes) -> bytes:
        return self.answers.pop(0) if self.answers else b""

    def _accept(self, connection: Connection) -> None:
        connection.attach(_Talk(self, connection))


class _Talk:
    def __init__(self, server: LdapServer, connection: Connection) -> None:
        self._server = server
        self._connection = connection

    def received(self, data: bytes, /) -> None:
        self._server.asked.append(data)
        self._connection.write(self._server.answer(data))

    def writable(self) -> None: ...

    def ended(self, error: NetError | None, /) -> None:
        self._connection.close()


BASE = "ou=people,dc=example"


def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        head, size = 2, data[1]
        if size >= 128:
            head, size = 2 + size % 128, int.from_bytes(data[2 : 2 + size % 128])
        yield data[0], data[head : head + size]
        data = data[head + size :]


class People(LdapServer):
    """Knows the passwords of people, whose entries are `uid=NAME` below BASE; a search must be for (uid=NAME)."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        super().__init__([])
        self._passwords = passwords

    def answer(self, question: bytes) -> bytes:
        ((_, message),) = parts(question)
        (_, number), (tag, content), *_ = parts(message)
        match tag, list(parts(content)):
            case 0x60, [_, (_, dn), (0x80, password)]:
                # As real servers do, to whoever shows no password: yes, you are nobody (RFC 4513 §5.1.2).
                known = {f"uid={_escaped(name)},{BASE}": word for name, word in self._passwords.items()}
                is_right = not password or known.get(dn.decode()) == password.decode()
                return bound(number[0], 0 if is_right else 49)
            case 0x63, [(_, base), *_, (0xA3, wanted), _]:
                (_, attribute), (_, value) = parts(wanted)
                name = value.decode()
                is_there = (base, attribute) == (BASE.encode(), b"uid") and name in self._passwords
                found = entry(number[0], f"uid={_escaped(name)},{BASE}") if is_there else b""
                return found + done(number[0])
            case 0x42, _:
                return b""
            case other:
                raise AssertionError(other)


def _escaped(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "@." else f"\\{ord(sign):02x}" for sign in name)
