"""Floor 1 · message — builds a whole notice: a multipart/report for people and programs.

Pure: the same Report gives the same bytes. What we write keeps within 998 octets a line and
CRLF, whatever the original and the peer's words were (A15, A65). Only an address that is not
ASCII makes a notice need SMTPUTF8; everything else that is not ASCII stands in bodies, which
any hop can be given, by conversion if it must.
Source: RFC 3464, RFC 6522, RFC 6533, RFC 3834 §3.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from mailrail.message.conversion import LINE_OCTETS, Obstacle, convert, has_clean_lines, needs_smtputf8
from mailrail.message.dates import date_text
from mailrail.message.dsn import DeliveryStatus, format_status
from mailrail.message.headers import find_field, header_end, text_of
from mailrail.message.notice_text import explain, subject
from mailrail.message.trace import message_id
from mailrail.message.transfer_encoding import quoted_printable
from mailrail.model import Address, QueueId

FROM_NAME: Final = "Mail Delivery System"
_WHOLE: Final = ("message/rfc822", "message/global")
_MESSAGE_ID: Final = re.compile(rb"<[!-;=?-~]{1,250}>")
_NEEDS_QUOTES: Final = re.compile(r"[^A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]")
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A notice to be written.

    Attributes:
        queue_id: of the notice itself; makes its Message-ID and boundary.
        to: whom it is for.
        status: what it tells; its reporting_mta also signs as MAILER-DAEMON.
        made_us: its Date, microseconds UTC.
        original: the message it is about, from its first octet; with is_full the whole of it,
            else at least its header section.
        is_full: return the whole message, where that can be done unaltered; else its header.
        smtputf8: the original came with SMTPUTF8: use the forms of RFC 6533.
        from_name: printable ASCII.
        note: one more sentence in the text, for a reader who did not send the message.
    """

    queue_id: QueueId
    to: Address
    status: DeliveryStatus
    made_us: int
    original: bytes
    is_full: bool = False
    smtputf8: bool = False
    from_name: str = FROM_NAME
    note: str = ""


class _Part(NamedTuple):
    content_type: str
    encoding: str
    body: bytes

    @property
    def wire(self) -> bytes:
        head = f"Content-Type: {self.content_type}\r\nContent-Transfer-Encoding: {self.encoding}\r\n\r\n"
        return head.encode("ascii") + self.body


def build_notice(report: Report) -> bytes:
    """Write *report* as a complete message, CRLF line ends.

    Unless its recipient's address is not ASCII, a hop without any extension can be given it.
    """
    content = _build(report)
    if not report.is_full or content.isascii() or report.to.needs_smtputf8:
        return content
    if isinstance(convert(content, may_8bit=False), Obstacle):
        # An original whose parts cannot be told apart must not keep the notice from its reader.
        return _build(replace(report, is_full=False))
    return content


def _build(report: Report) -> bytes:
    returned = _returned(report)
    text = _text(report, is_full=returned.content_type in _WHOLE)
    parts = [text, _status(report), returned]
    boundary = _boundary(report.queue_id, [part.body for part in parts])
    encoding = "8bit" if any(part.encoding == "8bit" for part in parts) else "7bit"
    delimiter = f"\r\n--{boundary}".encode("ascii")
    body = b"".join(delimiter + b"\r\n" + part.wire for part in parts)
    return _header(report, boundary, encoding) + body + delimiter + b"--\r\n"


def _header(report: Report, boundary: str, encoding: str) -> bytes:
    hostname = report.status.reporting_mta
    name = report.from_name
    if _NEEDS_QUOTES.search(name):
        name = '"' + _NEEDS_BACKSLASH.sub(r"\\\1", name) + '"'
    lines = [
        f"From: {name} <MAILER-DAEMON@{hostname}>",
        f"To: <{report.to}>",
        f"Subject: {subject(report.status)}",
        f"Date: {date_text(report.made_us)}",
        f"Message-ID: {message_id(report.queue_id, hostname)}",
        *_references(report.original),
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
        f"Content-Transfer-Encoding: {encoding}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def _references(original: bytes) -> list[str]:
    """Name the original, so that the notice stands beside it in the reader's list (RFC 3834 §3.1.5)."""
    field = find_field(original, b"message-id")
    if field is None or not _MESSAGE_ID.fullmatch(field.value):
        return []
    original_id = field.value.decode("ascii")
    return [f"In-Reply-To: {original_id}", f"References: {original_id}"]


def _text(report: Report, *, is_full: bool) -> _Part:
    field = find_field(report.original, b"subject")
    title = text_of(field.raw) if field else ""
    body = explain(report.status, title=title, is_full=is_full, note=report.note).encode()
    if body.isascii():
        return _Part("text/plain; charset=us-ascii", "7bit", body)
    return _Part("text/plain; charset=utf-8", "quoted-printable", quoted_printable(body))


def _status(report: Report) -> _Part:
    is_global = report.smtputf8 or any(not one.final_recipient.isascii() for one in report.status.recipients)
    body = format_status(report.status, utf8=is_global).encode()
    kind = "message/global-delivery-status" if is_global else "message/delivery-status"
    return _Part(kind, "7bit" if body.isascii() else "8bit", body)


def _returned(report: Report) -> _Part:
    """Return the original whole if it can travel unaltered, else its header section."""
    original = report.original
    if report.is_full and _is_plain(original):
        kind = _WHOLE[needs_smtputf8(original)]
        return _Part(kind, "7bit" if original.isascii() else "8bit", original)
    header = original[: header_end(original)[0]]
    header, end, _ = header.rpartition(b"\r\n")  # where only the front was read, its last line may be cut
    header += end
    is_global = report.smtputf8 and not header.isascii()
    kind = "message/global-headers" if is_global else "text/rfc822-headers"
    if _is_plain(header) and (is_global or header.isascii()):
        return _Part(kind, "8bit" if is_global else "7bit", header)
    return _Part(kind, "quoted-printable", quoted_printable(header))


def _is_plain(octets: bytes) -> bool:
    """Tell whether *octets* may stand in a message as they are: clean line ends, no overlong line."""
    return has_clean_lines(octets) and max(map(len, octets.split(b"\r\n"))) <= LINE_OCTETS


def _boundary(queue_id: QueueId, bodies: Iterable[bytes]) -> str:
    """Make a boundary that stands nowhere in *bodies* (RFC 2046 §5.1.1), the same for the same notice."""
    whole = b"".join(bodies)
    number = 0
    while f"--=_{queue_id}.{number}".encode() in whole:
        number += 1
    return f"=_{queue_id}.{number}"
