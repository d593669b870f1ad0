"""Floor 1 · message — reads delivery reports, whoever wrote them.

A report decides nothing by itself: anybody can send one. Every text comes out printable, on one
line and bounded; what does not read is left out (A65, A80).
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final

from mailrail.message.dates import parse_date
from mailrail.message.dsn import Action, DeliveryStatus, RecipientStatus, one_line
from mailrail.message.headers import fields, header_end
from mailrail.message.mime import Part, read_tree

READ_OCTETS: Final = 1024 * 1024  # of a status part; behind that nothing is read
READ_RECIPIENTS: Final = 1000  # of one report
_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}", re.ASCII)  # RFC 3463 §2
_ACTIONS: Final = {action.value: action for action in Action}
_HEXPOINT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def parse_report(content: bytes) -> DeliveryStatus | None:
    """Return what the delivery report *content* tells; None when it is no report or names nobody.

    LENIENT: seen from OpenSMTPD, the status part inside a multipart/mixed.
    """
    part = next((part for part in read_tree(content).walk() if part.content_type in _STATUS_TYPES), None)
    if part is None:
        return None
    groups = _groups(_decoded_body(content, part))
    about = next(groups, {})
    recipients = []
    for group in groups:
        recipient = _read_recipient(group)
        if recipient is not None:
            recipients.append(recipient)
        if len(recipients) == READ_RECIPIENTS:
            break
    if not recipients:
        return None
    return DeliveryStatus(
        reporting_mta=_behind_type(about.get(b"reporting-mta", "")),
        recipients=tuple(recipients),
        envid=about.get(b"original-envelope-id", ""),
        arrival_us=parse_date(about.get(b"arrival-date", "")) or 0,
    )


def _decoded_body(content: bytes, part: Part) -> bytes:
    body = content[part.body : min(part.end, part.body + READ_OCTETS)]
    if part.encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if part.encoding == "base64":
        try:
            return binascii.a2b_base64(body)
        except binascii.Error:
            return b""
    return body


def _groups(body: bytes) -> Iterator[dict[bytes, str]]:
    """Go through the groups of fields, which empty lines part (RFC 3464 §2.1)."""
    start = 0
    while start < len(body):
        end, behind = header_end(body, start)
        group: dict[bytes, str] = {}
        for field in fields(body, start, end):
            value = field.value.decode("utf-8", "replace")
            group.setdefault(field.name, one_line(value, utf8=True))
        if group:
            yield group
        start = behind


def _read_recipient(group: dict[bytes, str]) -> RecipientStatus | None:
    final_recipient = _read_typed(group.get(b"final-recipient", ""))
    action = _ACTIONS.get(group.get(b"action", "").split(" ")[0].lower())
    if not final_recipient or action is None:
        return None
    status = _STATUS.match(group.get(b"status", ""))
    return RecipientStatus(
        final_recipient=final_recipient,
        action=action,
        status=status[0] if status else "",
        original_recipient=_read_typed(group.get(b"original-recipient", "")),
        remote_mta=_behind_type(group.get(b"remote-mta", "")),
        diagnostic=_behind_type(group.get(b"diagnostic-code", "")),
        last_attempt_us=parse_date(group.get(b"last-attempt-date", "")) or 0,
        will_retry_until_us=parse_date(group.get(b"will-retry-until", "")) or 0,
    )


def _behind_type(value: str) -> str:
    """Return what stands behind "dns;" or "smtp;"; the whole where no type is told."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon else kind


def _read_typed(value: str) -> str:
    kind, semicolon, address = value.partition(";")
    if not semicolon or not address.strip():
        return ""
    kind = kind.strip().lower()
    if kind == "utf-8":
        address = one_line(_HEXPOINT.sub(_from_hexpoint, address), utf8=True)
    return f"{kind};{address.strip()}"


def _from_hexpoint(found: re.Match[str]) -> str:
    point = int(found[1], 16)
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else "\ufffd"
