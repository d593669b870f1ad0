"""Whatever a client sends where a TLS ClientHello is awaited, in whatever pieces:

- it is a hello, something that is still to come, or a HelloError; nothing else is raised;
- the pieces do not change which;
- no more than the longest hello is kept; a server name is lower-case ASCII.

Input: eight sizes of pieces, then the bytes.
"""

from collections.abc import Iterable, Iterator

from tests.fuzz.tape import Tape, cut

from mailrail.net.hello import MAX_BYTES, Hello, HelloError, HelloReader


def check(data: bytes) -> None:
    tape = Tape(data)
    sizes, wire = tape.take(8), tape.rest()
    whole = _read([wire])
    assert whole == _read(cut(wire, b"")) == _read(cut(wire, sizes))
    if isinstance(whole, Hello) and whole.server_name is not None:
        assert whole.server_name.isascii()
        assert whole.server_name == whole.server_name.lower()


def _read(pieces: Iterable[bytes]) -> Hello | str | None:
    reader = HelloReader()
    try:
        for piece in pieces:
            hello = reader.feed(piece)
            if hello is not None:
                return hello
            assert len(reader._records) + len(reader._message) <= MAX_BYTES
    except HelloError:
        return "error"
    return None


def _record(content: bytes) -> bytes:
    return b"\x16\3\1" + len(content).to_bytes(2, "big") + content


def _hello(extensions: bytes) -> bytes:
    body = (
        b"\3\3"
        + b"r" * 32
        + b"\0"
        + b"\0\2\x13\1"
        + b"\1\0"
        + len(extensions).to_bytes(2, "big")
        + extensions
    )
    return b"\1" + len(body).to_bytes(3, "big") + body


def seeds() -> Iterator[bytes]:
    name = b"\0\0\0\x0f\0\x0d\0\0\x0amx.Example"
    alpn = b"\0\x10\0\x0b\0\x09\4smtp\3xyz"
    for hello in (_hello(b""), _hello(name), _hello(name + alpn)):
        yield b"\0" * 8 + _record(hello)
        yield b"\5" * 8 + _record(hello[:3]) + _record(b"") + _record(hello[3:9]) + _record(hello[9:])
    yield b"\0" * 8 + b"EHLO a\r\n"
