"""Floor 1 · message — the addresses in a field such as From, for decisions: what cannot be read for sure is not read at all.

Mail programs guess at broken fields, each in its own way. A decision must not: whoever may only write as himself could else show one address to
the check and another to the reader. So this takes the grammar of RFC 5322 §3.4 with folding and comments, and of the obsolete forms nothing.
One pass over the octets, without going back.
"""

import re
from typing import Final

from mailrail.message.headers import unfold
from mailrail.model import Address, AddressError, parse_address

_PIECE: Final = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|\[[^\[\]\\]*\]|[^\s()<>\[\]:;,\\"]+|[<>:;,]', re.DOTALL)
_COMMENT_MARK: Final = re.compile(r"[()\\]")
_MOST_OCTETS: Final = 64 * 1024


class MailboxError(ValueError):
    """A field whose addresses cannot be told for sure."""


def mailboxes(raw: bytes) -> tuple[Address, ...]:
    """Return every address in the value of an address field, those in groups too.

    Args:
        raw: what stands behind the colon, folded or not.

    Raises:
        MailboxError: it cannot be read for sure, or names nobody.
    """
    if len(raw) > _MOST_OCTETS:
        raise MailboxError("too long")
    try:
        text = unfold(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise MailboxError("neither ASCII nor UTF-8") from None
    found = tuple(_address(pieces) for pieces in _split(_pieces(text)))
    if not found:
        raise MailboxError("no address")
    return found


def _pieces(text: str) -> list[str]:
    """Cut *text* into words, quoted strings and marks; a comment is a space (RFC 5322 §3.2.2)."""
    pieces, at = [], 0
    while at < len(text):
        if text[at] == "(":
            at = _behind_comment(text, at)
            pieces.append(" ")
            continue
        piece = _PIECE.match(text, at)
        if piece is None:
            raise MailboxError(f"{text[at]!r} where none may stand")
        pieces.append(piece[0])
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


def _split(pieces: list[str]) -> list[list[str]]:
    """Return the pieces of each mailbox; a group is those in it, its name nothing."""
    found: list[list[str]] = [[]]
    is_inside = is_group = False
    for piece in pieces:
        match piece:
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
                raise MailboxError(f"{piece!r} where none may stand")
        found[-1].append(piece)
    if is_inside or is_group:
        raise MailboxError("no end")
    return [pieces for pieces in found if any(not piece.isspace() for piece in pieces)]


def _address(pieces: list[str]) -> Address:
    """Return the address of one mailbox: in brackets behind a name, or alone."""
    if "<" in pieces:
        begin, end = pieces.index("<"), pieces.index(">")
        if any(not piece.isspace() for piece in pieces[end + 1 :]):
            raise MailboxError("something behind an address")
        # RFC 5322 §3.2.5: an @ in a name stands in quotes. Without, some programs take it for the address.
        if any("@" in piece and not piece.startswith('"') for piece in pieces[:begin]):
            raise MailboxError("an address in place of a name")
        pieces = pieces[begin + 1 : end]
    text = "".join(pieces).strip()
    try:
        return parse_address(text)
    except AddressError as error:
        raise MailboxError(str(error)) from None
