"""Whatever bytes a message is made of:

- the fields of its header section are the header section, without a gap;
- the watch over its header sees the same in whatever pieces it comes, and keeps no more than its limit;
- the parts of its tree lie inside one another and in order, bounded in depth and number;
- text made for people is printable and bounded;
- made to fit a 7-bit hop it is 7-bit with clean lines, decodes to the same content, and fits as it is from then on.

Input: eight sizes of pieces, then the message.
"""

import binascii
from collections.abc import Iterator

from tests.fuzz.seeds import files
from tests.fuzz.tape import Tape, cut

from mailrail.message import (
    HeaderWatch,
    Obstacle,
    Part,
    convert,
    fields,
    header_end,
    needs_smtputf8,
    read_tree,
    text_of,
)
from mailrail.message.headers import SHOWN_OCTETS
from mailrail.message.mime import IDENTITY_ENCODINGS, MAX_DEPTH, MAX_PARTS


def check(data: bytes) -> None:
    tape = Tape(data)
    sizes, content = tape.take(8), tape.rest()
    _check_fields(content)
    _check_watch(content, sizes)
    tree = read_tree(content)
    _check_part(tree, 0)
    assert sum(1 for _ in tree.walk()) <= MAX_PARTS + 1
    assert not needs_smtputf8(content) or not content.isascii()
    for may_8bit in (False, True):
        _check_conversion(content, tree, may_8bit=may_8bit)


def _check_fields(content: bytes) -> None:
    end, body = header_end(content)
    assert end <= body <= len(content)
    at = 0
    for field in fields(content):
        assert field.start == at < field.end
        at = field.end
        shown = text_of(field.raw)
        assert shown.isprintable()
        assert len(shown) <= SHOWN_OCTETS
    assert at == end


def _check_watch(content: bytes, sizes: bytes) -> None:
    seen = []
    for pieces in ((content,), cut(content, b""), cut(content, sizes)):
        watch = HeaderWatch(1000, 20)
        for piece in pieces:
            watch.feed(piece)
        facts = (
            watch.is_complete,
            watch.has_8bit,
            watch.header_has_nul,
            watch.lines,
            watch.received_count,
            watch.has(b"date"),
        )
        seen.append((watch.is_too_big, *(() if watch.is_too_big else (watch.header, *facts))))
        assert len(watch.header) <= 1000
    assert seen[0] == seen[1] == seen[2], seen


def _check_part(part: Part, depth: int) -> None:
    assert depth <= MAX_DEPTH
    at = part.body
    assert part.start <= part.header_end <= part.body <= part.end
    for inner in part.parts:
        assert at <= inner.start
        assert inner.end <= part.end
        at = inner.end
        _check_part(inner, depth + 1)


def _check_conversion(content: bytes, tree: Part, *, may_8bit: bool) -> None:
    converted = convert(content, may_8bit=may_8bit)
    if isinstance(converted, Obstacle):
        return
    assert may_8bit or converted.isascii()
    assert b"\0" not in converted
    assert converted.replace(b"\r\n", b"").translate(None, b"\r\n") == converted.replace(b"\r\n", b"")
    assert convert(converted, may_8bit=may_8bit) == converted
    before = [_decoded(content, part) for part in tree.walk() if not part.parts]
    after = [_decoded(converted, part) for part in read_tree(converted).walk() if not part.parts]
    assert len(before) == len(after), converted
    for old, new in zip(before, after, strict=True):
        assert old == new or old + b"\r\n" == new, (old, new, converted)


def _decoded(content: bytes, part: Part) -> bytes:
    body = content[part.body : part.end]
    match part.encoding:
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "base64":
            try:
                return binascii.a2b_base64(body)
            except binascii.Error:
                return body
        case encoding:
            assert encoding in IDENTITY_ENCODINGS or body == content[part.body : part.end]
            return body


def seeds() -> Iterator[bytes]:
    for folder in ("messages", "notices"):
        for message in files(folder, "*.eml"):
            yield b"\0\3\1\x10\0\0\7\1" + message[:3000]
    yield b"\0" * 8 + b"Subject: =?cp65001?q?a=ff?= =?utf-8?b?w6Q?=\r\nDate: x\r\n y\r\n\r\n\xc3\xa4\r\n"
    yield (
        b"\0" * 8
        + b'Content-Type: multipart/mixed; boundary="b" (c)\r\n\r\n--b\r\n\r\n\xff\r\n--b\r\n\r\n--b--\r\n'
    )
    yield b"\0" * 8 + b"Content-Type: message/rfc822\r\n\r\nContent-Type: image/png\r\n\r\n\xff\0\r\n"
