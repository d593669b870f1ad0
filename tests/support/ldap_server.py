"""An LDAP server for a network in memory, which says what it is told to; shares no code with mailrail's client.

It answers the first question with the first of its answers, and so on; `Hang` is none at all.
"""

from collections.abc import Sequence
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

    def _accept(self, connection: Connection) -> None:
        connection.attach(_Talk(self, connection))


class _Talk:
    def __init__(self, server: LdapServer, connection: Connection) -> None:
        self._server = server
        self._connection = connection

    def received(self, data: bytes, /) -> None:
        self._server.asked.append(data)
        if self._server.answers:
            self._connection.write(self._server.answers.pop(0))

    def writable(self) -> None: ...

    def ended(self, error: NetError | None, /) -> None:
        self._connection.close()
