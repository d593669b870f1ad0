"""Floor 1 · message — header fields read from bytes, in place and in one pass.

Nothing is re-serialised: a field knows where it stands, so that whoever must change one cuts
there and leaves the rest alone. Any bytes are accepted: what is no field comes out as one
without a name, an odd name as it stands (A16). Source: RFC 5322 §2.2.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

SHOWN_OCTETS: Final = 4096  # of a field, decoded for people; RFC 5322 §2.1.1 knows 998 a line

# RFC 2047 §2. Each repetition ends at a "?", so matching is linear.
_ENCODED_WORD: Final = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS: Final = re.compile(r"(\?=)\s+(?==\?)")
_Q_OCTET: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
# Only these: Python's codec registry also knows names that are no charset at all (A80).
_CHARSET: Final = re.compile(
    r"utf-?8|us-ascii|iso-?8859-\d{1,2}|windows-\d{3,4}|cp\d{3,5}|koi8-[ru]|gb2312|gbk|gb18030"
    r"|big5|shift_jis|euc-(?:jp|kr)|iso-2022-(?:jp|kr)",
    re.IGNORECASE,
)


class Field(NamedTuple):
    """One header field and where it stands.

    Attributes:
        name: in lower case, space before the colon removed; empty when the line has no colon.
        raw: behind the colon, its last CRLF excluded, still folded.
        start: offset of its first octet.
        end: offset behind its last CRLF.
    """

    name: bytes
    raw: bytes
    start: int
    end: int

    @property
    def value(self) -> bytes:
        """The value unfolded, surrounding space removed (RFC 5322 §2.2.3)."""
        return unfold(self.raw)


def header_end(content: bytes, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Find where the header section that begins at *start* ends.

    Args:
        end: look no further than this offset; default: the whole content.

    Returns:
        The offsets behind the last field's CRLF and of the body. Without an empty line all is header.
    """
    if end is None:
        end = len(content)
    if content.startswith(b"\r\n", start, end):
        return start, start + 2
    found = content.find(b"\r\n\r\n", start, end)
    return (end, end) if found < 0 else (found + 2, found + 4)


def fields(content: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Go through the fields of the header section at *start*:*end*, in order, in O(n).

    Args:
        end: from `header_end`; default: found here.
    """
    if end is None:
        end = header_end(content, start)[0]
    while start < end:
        stop = _field_end(content, start, end)
        colon = content.find(b":", start, stop)
        line_end = stop - 2 if content.endswith(b"\r\n", start, stop) else stop
        if colon < 0 or content[start] in b" \t":
            yield Field(b"", content[start:line_end], start, stop)
        else:
            name = content[start:colon].rstrip(b" \t").lower()
            yield Field(name, content[colon + 1 : line_end], start, stop)
        start = stop


def _field_end(content: bytes, start: int, end: int) -> int:
    """Return the offset behind the field at *start*: lines that begin with space belong to it."""
    while True:
        found = content.find(b"\r\n", start, end)
        if found < 0:
            return end
        start = found + 2
        if start >= end or content[start] not in b" \t":
            return start


def find_field(content: bytes, name: bytes, start: int = 0, end: int | None = None) -> Field | None:
    """Return the first field called *name* (in lower case), or None."""
    return next((field for field in fields(content, start, end) if field.name == name), None)


def unfold(raw: bytes) -> bytes:
    """Undo the folding of a field's value; inside a field every CRLF is a fold."""
    return raw.replace(b"\r\n", b"").strip(b" \t")


def text_of(raw: bytes) -> str:
    """Return a field's value as text for people; never raises, never longer than SHOWN_OCTETS.

    Encoded words are decoded (RFC 2047), what cannot be shown or is no text becomes U+FFFD.
    Nothing may be decided by it: two different values can look alike.
    """
    text = unfold(raw[:SHOWN_OCTETS]).decode("utf-8", "replace")
    text = _ENCODED_WORD.sub(_decode_word, _BETWEEN_WORDS.sub(r"\1", text))
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text.replace("\t", " "))


def _decode_word(word: re.Match[str]) -> str:
    charset, encoding, coded = word.groups()
    if not _CHARSET.fullmatch(charset) or not coded.isascii():
        return word[0]
    octets = coded.encode("ascii")
    decoded = _decode_q(octets) if encoding in "qQ" else _decode_b(octets)
    try:
        return decoded.decode(charset, "replace")
    except LookupError:  # iso-8859-99
        return word[0]


def _decode_q(octets: bytes) -> bytes:
    return _Q_OCTET.sub(lambda found: bytes([int(found[1], 16)]), octets.replace(b"_", b" "))


def _decode_b(octets: bytes) -> bytes:
    try:
        return binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))
    except binascii.Error:
        return "\ufffd".encode()
