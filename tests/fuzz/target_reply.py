"""Whatever a server sends as replies, in whatever pieces:

- it is replies, or a RemoteProtocolError; the pieces change nothing;
- a reply is printable ASCII, bounded, its code 200 to 599; written by us it is read as the same, space at the front
  of a line excepted;
- its extensions, if it were the answer to EHLO, read without an error and within their bounds.

Input: eight sizes of pieces, then the bytes.
"""

from collections.abc import Iterable, Iterator

from tests.fuzz.seeds import said
from tests.fuzz.tape import Tape, cut

from mailrail.model import RemoteProtocolError, Reply
from mailrail.smtp import parse_extensions
from mailrail.smtp.replies import LINE_OCTETS, REPLY_LINES, REPLY_OCTETS, ReplyReader


def check(data: bytes) -> None:
    tape = Tape(data)
    sizes, wire = tape.take(8), tape.rest()
    whole = _read([wire])
    assert whole == _read(cut(wire, b"")) == _read(cut(wire, sizes))
    for reply in whole[0]:
        _check_reply(reply)


def _read(pieces: Iterable[bytes]) -> tuple[list[Reply], bool]:
    reader, replies = ReplyReader(), []
    try:
        for piece in pieces:
            reader.receive(piece)
            while reader.ready or reader.read_on():
                replies.append(reader.ready.popleft())
            assert len(reader._buffer) - reader._start <= LINE_OCTETS
            assert len(reader._lines) <= REPLY_LINES
    except RemoteProtocolError:
        return replies, True
    return replies, False


def _check_reply(reply: Reply) -> None:
    lines = reply.text.split("\n")
    assert 200 <= reply.code <= 599
    assert len(lines) <= REPLY_LINES
    assert len(reply.text) <= REPLY_OCTETS
    assert all(line.isascii() and line.isprintable() for line in lines)
    if max(map(len, lines)) < 490:  # we write no longer lines
        (again,), is_broken = _read([reply.wire])
        assert (again.code, again.enhanced_code, is_broken) == (reply.code, reply.enhanced_code, False)
        # Space in front of a line is not told from the one behind an enhanced code.
        assert [line.lstrip() for line in again.text.split("\n")] == [line.lstrip() for line in lines]
    offered = parse_extensions(reply)
    assert offered.size_bytes is None or 0 < offered.size_bytes < 10**20
    assert all(limit is None or 0 < limit < 10**6 for limit in (offered.rcpt_max, offered.mail_max))


def seeds() -> Iterator[bytes]:
    for wire in said("client", "S"):
        yield b"\0" * 8 + wire
    yield b"\0\3\1\2\7\0\0\1250-mx\r\n250-SIZE 99999999999999999999\r\n250-LIMITS RCPTMAX=5 X=\r\n250 AUTH=LOGIN\r\n"
    yield b"\5" * 8 + b"550-5.1.1 a\r\n550-5.1.2 b\r\n550 5.1.1\r\n250\r\n354-\xff\x1b[1m\r\n354 go\r\n"
