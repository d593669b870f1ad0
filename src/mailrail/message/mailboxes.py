"""Floor 1 · message — the addresses in a field such as From, for decisions: what cannot be read for sure is not read at all.

Mail programs guess at broken fields, each in its own way. A decision must not: whoever may only write as himself could else show one address to
the check and another to the reader. So this takes the grammar of RFC 5322 §3.4 with folding and comments, and of the obsolete forms nothing.
One pass over the octets, without going back.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from mailrail.model import Address, AddressError, parse_address

_PIECE: Final = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|\[[^\[\]\\]*\]|[^\s()<>\[\]:;,\\"]+|[<>:;,]', re.DOTALL)
_COMMENT_MARK: Final = re.compile(r"[()\\]")
_MOST_OCTETS: Final = 64 * 1024


class MailboxError(ValueError):
    """A field whose addresses cannot be told for sure."""


class Mailbox(NamedTuple):
    """An address in a field, and where it stands.

    Attributes:
        start, end: offsets into the field's text, of the address alone.
    """

    address: Address
    start: int
    end: int


class _Piece(NamedTuple):
    text: str
    start: int
    end: int


def mailboxes(raw: bytes) -> tuple[Address, ...]:
    """Return every address in the value of an address field, those in groups too.

    Args:
        raw: what stands behind the colon, folded or not.

    Raises:
        MailboxError: it cannot be read for sure, or names nobody.
    """
    return tuple(one.address for one in _read(_text(raw)))


def replace_mailboxes(raw: bytes, other: Callable[[Address], Address]) -> bytes:
    """Return *raw* with another address in place of each; names, comments and folding stay as they are.

    Args:
        raw: what stands behind the colon, folded or not.

    Raises:
        MailboxError: it cannot be read for sure, or names nobody.
    """
    text = _text(raw)
    written, at = [], 0
    for one in _read(text):
        address = other(one.address)
        if address != one.address:
            written += [text[at : one.start], address.text]
            at = one.end
    return raw if not written else "".join((*written, text[at:])).encode()


def _text(raw: bytes) -> str:
    if len(raw) > _MOST_OCTETS:
        raise MailboxError("too long")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MailboxError("neither ASCII nor UTF-8") from None


def _read(text: str) -> list[Mailbox]:
    found = [_mailbox(pieces) for pieces in _split(_pieces(text))]
    if not found:
        raise MailboxError("no address")
    return found


def _pieces(text: str) -> list[_Piece]:
    """Cut *text* into words, quoted strings and marks; a comment is a space (RFC 5322 §3.2.2)."""
    pieces, at = [], 0
    while at < len(text):
        if text[at] == "(":
            end = _behind_comment(text, at)
            pieces.append(_Piece(" ", at, end))
            at = end
            continue
        piece = _PIECE.match(text, at)
        if piece is None:
            raise MailboxError(f"{text[at]!r} where none may stand")
        # Inside a field every CRLF is a fold (RFC 5322 §2.2.3).
        pieces.append(_Piece(piece[0].replace("\r\n", ""), at, piece.end()))
        at = piece.end()
    return pieces


def _behind_comment(text: str, at: int) -> int:
    depth = 0
    while True:
        mark = _COMMENT_MARK.search(text, at)
        if mark is None:
            raise MailboxError("a comment without an end")
        at = mark.end() + (mark[0] == "\\")
        depth += {"(": 1, ")": -1, "\\": 0}[mark[0]]
        if depth == 0:
            return at


def _split(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Return the pieces of each mailbox; a group is those in it, its name nothing."""
    found: list[list[_Piece]] = [[]]
    is_inside = is_group = False
    for piece in pieces:
        match piece.text:
            case "," if not is_inside:
                found.append([])
                continue
            case ":" if not is_inside and not is_group:
                is_group, found[-1] = True, []
                continue
            case ";" if not is_inside and is_group:
                is_group = False
                found.append([])
                continue
            case "<" if not is_inside:
                is_inside = True
            case ">" if is_inside:
                is_inside = False
            case "<" | ">" | "," | ":" | ";":
                raise MailboxError(f"{piece.text!r} where none may stand")
        found[-1].append(piece)
    if is_inside or is_group:
        raise MailboxError("no end")
    return [pieces for pieces in found if not all(_is_space(piece) for piece in pieces)]


def _is_space(piece: _Piece) -> bool:
    return not piece.text or piece.text.isspace()


def _mailbox(pieces: list[_Piece]) -> Mailbox:
    """Return the address of one mailbox: in brackets behind a name, or alone."""
    texts = [piece.text for piece in pieces]
    if "<" in texts:
        begin, end = texts.index("<"), texts.index(">")
        if not all(map(_is_space, pieces[end + 1 :])):
            raise MailboxError("something behind an address")
        # RFC 5322 §3.2.5: an @ in a name stands in quotes. Without, some programs take it for the address.
        if any("@" in text and not text.startswith('"') for text in texts[:begin]):
            raise MailboxError("an address in place of a name")
        pieces = pieces[begin + 1 : end]
    text = "".join(piece.text for piece in pieces).strip()
    try:
        address = parse_address(text)
    except AddressError as error:
        raise MailboxError(str(error)) from None
    solid = [piece for piece in pieces if not _is_space(piece)]
    return Mailbox(address, solid[0].start, solid[-1].end)
