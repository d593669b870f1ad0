"""Floor 4 · agents — a message as a mailbox keeps it: our lines in front, line ends as the system has them. Pure.

RFC 5321 §4.4: who makes final delivery puts the return path in front, and one is enough: those that came along are taken
out. `Delivered-To` says where the message was delivered, so that it is known when it comes round again (A64).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from mailrail.message import Field, fields, header_end, return_path_line
from mailrail.model import Address, Envelope, Recipient
from mailrail.spool import SMALL_BYTES

HEADER_OCTETS: Final = (
    SMALL_BYTES  # of the content, looked at for a header section; the rest goes through as it is
)


def our_lines(envelope: Envelope, recipients: Sequence[Recipient]) -> bytes:
    """Return the lines that go in front, with CRLF; to several recipients one must not tell of the others."""
    lines = []
    if len(recipients) == 1:
        recipient = recipients[0]
        original = recipient.orcpt.partition(";")
        if original[0].lower() == "rfc822" and original[2].isprintable():
            lines.append(f"X-Original-To: {original[2]}")
        lines.append(f"Delivered-To: {recipient.forward_path.text}")
    ours = "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")
    return return_path_line(sender_for(envelope, recipients[0])) + ours


def sender_for(envelope: Envelope, recipient: Recipient) -> Address | None:
    """Return the reverse-path as it is for *recipient*."""
    return recipient.returns_to or envelope.reverse_path


def was_here(beginning: bytes, recipient: Recipient) -> bool:
    """Tell whether a message that begins with *beginning* has been delivered to *recipient* before."""
    text = recipient.forward_path.text.lower().encode("utf-8", "replace")
    return any(field.name == b"delivered-to" and field.value.lower() == text for field in _fields(beginning))


def without_return_path(beginning: bytes) -> bytes:
    """Return *beginning*, the content's first HEADER_OCTETS, without the return paths that came along."""
    end = header_end(beginning)[0]
    gone = [field for field in fields(beginning, 0, end) if field.name == b"return-path"]
    if not gone:
        return beginning
    kept, at = [], 0
    for field in gone:
        kept.append(beginning[at : field.start])
        at = field.end
    return b"".join((*kept, beginning[at:]))


def _fields(beginning: bytes) -> Iterator[Field]:
    return fields(beginning, 0, header_end(beginning)[0])


class LineEnds:
    """Turns CRLF into LF, piece by piece: a CR at the end of a piece waits for what follows."""

    __slots__ = ("_has_cr",)

    def __init__(self) -> None:
        self._has_cr = False

    def feed(self, piece: bytes) -> bytes:
        """Return *piece* with LF line ends, but for a last CR."""
        if self._has_cr:
            piece = b"\r" + piece
        self._has_cr = piece.endswith(b"\r")
        if self._has_cr:
            piece = piece[:-1]
        return piece.replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """Return what is left."""
        return b"\r" if self._has_cr else b""
