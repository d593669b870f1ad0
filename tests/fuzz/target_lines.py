"""Whatever bytes are content, in whatever pieces:

- data ends where a search through the whole finds CRLF.CRLF, and holds what a line-by-line reading gives;
- what is stuffed, in pieces or whole, is read back as it was, with a CRLF at its end;
- chunks come out as they went in; a bare CR or LF is seen exactly where there is one;
- what is repaired is clean, and what is clean is not changed.

Input: eight sizes of pieces, then the content.
"""

import re
from collections.abc import Iterable, Iterator

from tests.fuzz.tape import Tape, cut

from mailrail.smtp.lines import ChunkReader, DotReader, DotWriter, is_clean, repaired, stuffed

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def check(data: bytes) -> None:
    tape = Tape(data)
    sizes, text = tape.take(8), tape.rest()
    assert is_clean(text) is not bool(_BARE.search(text))
    mended = repaired(text)
    assert is_clean(mended)
    assert (mended == text) is is_clean(text)
    for pieces in (b"\xff" * 20, b"", sizes):
        _check_dots(text, pieces)
        _check_chunks(text, pieces)
        _check_writing(mended, pieces)


def _check_dots(text: bytes, sizes: bytes) -> None:
    reader = DotReader()
    expected, rest, end = _naive(text)
    got, behind = _feed(reader, cut(text, sizes))
    assert (got, behind) == (expected, rest)
    if end is not None:
        assert reader.has_bare is not is_clean(text[:end])
        assert reader.has_nul is (b"\0" in text[:end])


def _naive(text: bytes) -> tuple[bytes | None, bytes | None, int | None]:
    """Read by the letter of RFC 5321 §4.5.2; without an end nothing is certain."""
    at = (b"\r\n" + text).find(b"\r\n.\r\n")
    if at < 0:
        return None, None, None
    lines = text[:at].split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines), text[at + 3 :], at


def _feed(reader: DotReader, pieces: Iterable[bytes]) -> tuple[bytes | None, bytes | None]:
    content, rest = b"", None
    for piece in pieces:
        if rest is not None:
            rest += piece
            continue
        more, rest = reader.feed(piece)
        content += more
    return (content if rest is not None else None), rest


def _check_chunks(text: bytes, sizes: bytes) -> None:
    reader = ChunkReader()
    assert b"".join([*(reader.feed(piece) for piece in cut(text, sizes)), reader.finish()]) == text
    assert reader.has_bare is not is_clean(text)
    assert reader.has_nul is (b"\0" in text)


def _check_writing(content: bytes, sizes: bytes) -> None:
    writer = DotWriter()
    wire = b"".join([*(writer.feed(piece) for piece in cut(content, sizes)), writer.finish()])
    assert wire == stuffed(content)
    whole = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert _feed(DotReader(), [wire + b"QUIT"]) == (whole, b"QUIT")


def seeds() -> Iterator[bytes]:
    for text in (
        b".\r\n",
        b"..a\r\n.\r\nQUIT\r\n",
        b"a\n.\r\n\r\n.\rb\r\n.\n\r\n.\r\n",
        b"\r\n.\r\n.\r\n",
        b"\0\r.\r\n.",
        b"",
    ):
        yield b"\0\1\2\3\0\0\4\1" + text
