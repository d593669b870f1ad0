"""Floor 2 · net — read a TLS ClientHello before OpenSSL does. Pure.

Two reasons. Python cannot refuse an ALPN mismatch: it goes on as if nothing had been offered, and so a
browser's request can be played to a mail server (ALPACA). And Python's SNI callback prints a traceback for a
hostile name. Both are plain bytes in the first message of the client, so we look there.

Everything is bounded by MAX_BYTES; names are hostile input and only ever looked up in a dict.
Source: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3, RFC 7301 §3.1.
"""

from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 16 * 1024  # real ones take 200 to 2,000 bytes, with post-quantum key shares
_RECORD_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_ALPN: Final = 16
_DECODE_ERROR: Final = 50


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client asks for.

    Attributes:
        server_name: host name of the SNI extension in lower case, or None.
        protocols: what it offers by ALPN, empty if it does not use it.
    """

    server_name: str | None
    protocols: tuple[bytes, ...]


class HelloError(Exception):
    """This is no ClientHello; *alert* is the TLS alert to answer with, None for a peer that speaks no TLS."""

    def __init__(self, text: str, alert: int | None) -> None:
        super().__init__(text)
        self.alert = alert


class _Cut(Exception):  # noqa: N818 - not an error: the length fields lead past the end
    """A length field leads past the end of its container."""


class _Reader:
    """Walks over length-prefixed fields."""

    __slots__ = ("_data", "at")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def __bool__(self) -> bool:
        return self.at < len(self._data)

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self._data):
            raise _Cut
        part = self._data[self.at : end]
        self.at = end
        return part

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def vector(self, octets: int) -> bytes:
        return self.take(self.number(octets))


class HelloReader:
    """Reads a ClientHello as it comes, however it is cut into segments and records.

    No record is walked twice: a hello in thousands of records, an octet a segment, costs no more than another (A39).
    """

    __slots__ = ("_message", "_records", "_size")

    def __init__(self) -> None:
        self._records = b""  # the record that has not come whole
        self._message = b""
        self._size = 0

    def feed(self, data: bytes) -> Hello | None:
        """Take more bytes and return the hello, or None while it is not complete.

        Raises:
            HelloError: it is something else, malformed, or longer than MAX_BYTES.
        """
        if not self._size and data[:1] and data[0] != _RECORD_HANDSHAKE:
            raise HelloError("the peer does not speak TLS", None)
        room = MAX_BYTES - self._size
        self._size += len(data)
        hello = self._join(self._records + data[:room])
        if hello is None and self._size > MAX_BYTES:
            raise HelloError("ClientHello is too long", _DECODE_ERROR)
        return hello

    def _join(self, data: bytes) -> Hello | None:
        """Add record after record to the message until that is whole: what stands behind it is for OpenSSL."""
        records, end = _Reader(data), 0
        try:
            while records:
                if records.number(1) != _RECORD_HANDSHAKE or records.number(1) != 3:
                    raise HelloError("no TLS handshake record", _DECODE_ERROR)
                records.take(1)
                self._message += records.vector(2)
                end = records.at
                hello = self._read_message()
                if hello is not None:
                    return hello
        except _Cut:
            pass
        self._records = data[end:]
        return None

    def _read_message(self) -> Hello | None:
        message = self._message
        if message[:1] and message[0] != _CLIENT_HELLO:
            raise HelloError("the handshake does not begin with a ClientHello", _DECODE_ERROR)
        if len(message) < 4:
            return None
        length = int.from_bytes(message[1:4], "big")
        if length > MAX_BYTES:
            raise HelloError("ClientHello is too long", _DECODE_ERROR)
        return _parse(message[4 : 4 + length]) if len(message) >= 4 + length else None


def _parse(body: bytes) -> Hello:
    try:
        reader = _Reader(body)
        reader.take(2 + 32)  # version, random
        reader.vector(1)  # session id
        reader.vector(2)  # cipher suites
        reader.vector(1)  # compression methods
        extensions = _Reader(reader.vector(2)) if reader else _Reader(b"")
        name: str | None = None
        protocols: tuple[bytes, ...] = ()
        while extensions:
            kind, content = extensions.number(2), extensions.vector(2)
            if kind == _SERVER_NAME:
                name = _server_name(content)
            elif kind == _ALPN:
                protocols = _protocols(content)
    except _Cut:
        raise HelloError("malformed ClientHello", _DECODE_ERROR) from None
    return Hello(name, protocols)


def _server_name(content: bytes) -> str | None:
    names = _Reader(_Reader(content).vector(2))
    while names:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name.decode("ascii").lower() if name.isascii() else None
    return None


def _protocols(content: bytes) -> tuple[bytes, ...]:
    names, protocols = _Reader(_Reader(content).vector(2)), []
    while names:
        protocols.append(names.vector(1))
    return tuple(protocols)
