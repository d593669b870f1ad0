"""Floor 1 · message — making content fit a next hop that cannot take it as it is.

The law: only bodies that do not fit are encoded, by RFC 2045, and only the labels that say so
are changed; every other octet stays. What cannot be done so is an Obstacle, and the message
goes back to its sender: a signature is never broken, an 8th bit never stripped, a header
never rewritten (A29, A30). A DKIM signature over a converted body no longer verifies.

Works on whole bytes: where one label changes at the front is known only after the last octet.
CONVERT_BYTES bounds it; above a few hundred KiB the caller runs it in an executor.
Source: RFC 6152 §3, RFC 3030 §3 and §4, RFC 1428 for text without MIME labels.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from mailrail.message.headers import fields
from mailrail.message.mime import IDENTITY_ENCODINGS, Part, read_tree
from mailrail.message.transfer_encoding import base64_lines, quoted_printable

CONVERT_BYTES: Final = 64 * 1024 * 1024  # ours; above the default message limit of 35 MiB
LINE_OCTETS: Final = 998  # RFC 5322 §2.1.1
_LABEL: Final = b"content-transfer-encoding"
_SEALED: Final = frozenset({"multipart/signed", "multipart/encrypted"})  # RFC 1847 §2
# RFC 6532 §3.7, RFC 6533 §4: unlike message/rfc822 these may be encoded.
_ENCODABLE_MESSAGES: Final = frozenset(
    {"message/global", "message/global-headers", "message/global-delivery-status"}
)


class Obstacle(Enum):
    """Why content cannot be made to fit; the value is the enhanced code of the bounce."""

    HEADER = "5.6.7"  # a header is not ASCII: only a hop with SMTPUTF8 can take it
    SEALED = "5.6.3"  # signed or encrypted: changing it would break it
    BROKEN = "5.6.1"  # labels that contradict the octets, or structure that cannot be read
    TOO_BIG = "5.3.4"  # too much to convert in memory


def convert(content: bytes, *, may_8bit: bool, max_bytes: int = CONVERT_BYTES) -> bytes | Obstacle:
    """Make *content* fit a hop without BINARYMIME, and without 8BITMIME unless *may_8bit*.

    Text becomes quoted-printable, all else base64. Content that fits already comes back as it is.

    Args:
        may_8bit: the hop offers 8BITMIME: only NUL, bare CR, bare LF and overlong lines of binary parts must go.
        max_bytes: longer content is an Obstacle.
    """
    if len(content) > max_bytes:
        return Obstacle.TOO_BIG
    conversion = _Conversion(content, may_8bit)
    obstacle = conversion.take(read_tree(content), is_message=True)
    if obstacle is not None:
        return obstacle
    converted = b"".join(conversion.pieces)
    # BDAT content need not end a line, DATA must (RFC 5321 §4.1.1.4).
    return converted if converted.endswith(b"\r\n") else converted + b"\r\n"


def needs_smtputf8(content: bytes) -> bool:
    """Tell whether some header in *content*, those of its parts included, is not ASCII (RFC 6531 §3.2)."""
    if content.isascii():
        return False
    return any(not content[part.start : part.header_end].isascii() for part in read_tree(content).walk())


class _Conversion:
    """One run over one message: collects the pieces of the result in order."""

    def __init__(self, content: bytes, may_8bit: bool) -> None:
        self._content = content
        self._may_8bit = may_8bit
        self.pieces: list[bytes] = []

    def take(self, part: Part, *, is_message: bool) -> Obstacle | None:
        """Add *part*, converted where it must be."""
        content = self._content
        if self._fits(content[part.start : part.end], is_binary=part.encoding == "binary"):
            self.pieces.append(content[part.start : part.end])
            return None
        header = content[part.start : part.header_end]
        if not self._fits(header):
            return Obstacle.HEADER if has_clean_lines(header) else Obstacle.BROKEN
        if part.content_type in _SEALED:
            return Obstacle.SEALED
        if part.is_opaque or part.encoding not in IDENTITY_ENCODINGS:
            return Obstacle.BROKEN
        return self._take_parts(part, is_message) if part.parts else self._take_leaf(part, is_message)

    def _take_parts(self, part: Part, is_message: bool) -> Obstacle | None:
        label = "7bit" if part.encoding == "7bit" or not self._may_8bit else "8bit"
        self._put_header(part, label, is_message)
        position = part.body
        for inner in part.parts:
            if not self._put_between(position, inner.start):
                return Obstacle.BROKEN
            obstacle = self.take(inner, is_message=not part.is_multipart)
            if obstacle is not None:
                return obstacle
            position = inner.end
        return None if self._put_between(position, part.end) else Obstacle.BROKEN

    def _put_between(self, start: int, end: int) -> bool:
        """Add what stands between parts (delimiters, preamble, epilogue), which cannot be encoded."""
        between = self._content[start:end]
        self.pieces.append(between)
        return self._fits(between)

    def _take_leaf(self, part: Part, is_message: bool) -> Obstacle | None:
        kind = part.content_type
        if kind.startswith("message/") and kind not in _ENCODABLE_MESSAGES:
            return Obstacle.BROKEN
        body = self._content[part.body : part.end]
        if kind.startswith("text/") and has_clean_lines(body):
            self._put_header(part, "quoted-printable", is_message)
            self.pieces.append(quoted_printable(body))
        else:
            self._put_header(part, "base64", is_message)
            self.pieces.append(base64_lines(body).removesuffix(b"\r\n"))
        return None

    def _put_header(self, part: Part, encoding: str, is_message: bool) -> None:
        """Add the header section with *encoding* as label, and the empty line behind it."""
        self.pieces.extend(self._header_pieces(part, encoding, is_message))
        self.pieces.append(self._content[part.header_end : part.body])

    def _header_pieces(self, part: Part, encoding: str, is_message: bool) -> Iterator[bytes]:
        label = f"Content-Transfer-Encoding: {encoding}\r\n".encode("ascii")
        names = set()
        for field in fields(self._content, part.start, part.header_end):
            if field.name != _LABEL:
                yield self._content[field.start : field.end]
            elif _LABEL not in names:
                yield label
            names.add(field.name)
        if is_message and b"mime-version" not in names:
            yield b"MIME-Version: 1.0\r\n"
        if b"content-type" not in names and not part.parts:
            yield b"Content-Type: text/plain; charset=unknown-8bit\r\n"
        if _LABEL not in names:
            yield label

    def _fits(self, octets: bytes, *, is_binary: bool = False) -> bool:
        if not self._may_8bit and not octets.isascii():
            return False
        if not has_clean_lines(octets):
            return False
        return not is_binary or all(len(line) <= LINE_OCTETS for line in octets.split(b"\r\n"))


def has_clean_lines(octets: bytes) -> bool:
    """Tell whether there is no NUL, and CR and LF stand only together."""
    ends = octets.count(b"\r\n")
    return ends == octets.count(b"\r") == octets.count(b"\n") and b"\0" not in octets
