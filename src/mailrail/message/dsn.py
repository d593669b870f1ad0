"""Floor 1 · message — what a delivery report says, as values, and its machine-readable part.

`DeliveryStatus` is both what we write into a report and what is read from one; the report's
other parts are made in `notice.py`. Every text that came from a peer is made harmless here: it
cannot begin a field or a line of its own (A65; Exim's CVE-2020-28026 was a newline in ORCPT).
Source: RFC 3464; RFC 6533 for addresses that are not ASCII.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mailrail.message.dates import date_text
from mailrail.model import Address

VALUE_CHARACTERS: Final = 1000  # of one field; a peer may have talked for pages
FOLD_AT: Final = 76  # characters; RFC 5322 §2.1.1 recommends at most 78
WORD_OCTETS: Final = 900  # a longer word is cut, so that every line stays within RFC 5322 §2.1.1's 998
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
# What utf-8-addr-xtext and utf-8-addr-unitext write as \x{HEX} (RFC 6533 §3).
_XTEXT: Final = re.compile(r"[^\x21-\x7e]|[\\+=]")
_UNITEXT: Final = re.compile(r"[\x00-\x20\x7f\\+=]")


class Action(Enum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"  # to a hop that sends no reports
    EXPANDED = "expanded"  # to several addresses, of which no more is told


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What became of one recipient.

    Attributes:
        final_recipient: "type;address", for instance "rfc822;user@example.org".
        status: enhanced code, "5.1.1".
        original_recipient: "type;address" as the sender gave it, xtext decoded; "" if not.
        remote_mta: the host that said so; "" when it was ourselves.
        diagnostic: what it said, code first; "" if nothing.
        last_attempt_us: microseconds UTC; 0 when not told.
        will_retry_until_us: for DELAYED; 0 when not told.
    """

    final_recipient: str
    action: Action
    status: str
    original_recipient: str = ""
    remote_mta: str = ""
    diagnostic: str = ""
    last_attempt_us: int = 0
    will_retry_until_us: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a report tells.

    Attributes:
        reporting_mta: host name of who reports.
        envid: the sender's own name for the transaction; "" if none was given.
        hold: what the sender asked for by FUTURERELEASE, "for;3600" or "until;..." (RFC 4865); "" nothing.
        arrival_us: when the message arrived there, microseconds UTC; 0 when not told.
        deliver_by_us: by when it was to be delivered (RFC 2852 §5); 0 when not told.
    """

    reporting_mta: str
    recipients: tuple[RecipientStatus, ...]
    envid: str = ""
    arrival_us: int = 0
    hold: str = ""
    deliver_by_us: int = 0


def typed_address(address: Address) -> str:
    """Return *address* with its address-type (RFC 3464 §2.1.2, RFC 6533 §3)."""
    return f"{'utf-8' if address.needs_smtputf8 else 'rfc822'};{address}"


def one_line(text: str, *, utf8: bool) -> str:
    """Make *text* harmless in a field: one line, printable, single spaces, at most VALUE_CHARACTERS.

    Args:
        utf8: whether characters above US-ASCII may stand; else they become "?".
    """
    text = " ".join(text[:VALUE_CHARACTERS].split())
    if not utf8:
        return _UNPRINTABLE.sub("?", text)
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)


def fold(text: str, *, first: int = 0, indent: str = " ") -> str:
    """Break *text* at spaces so that lines stay near FOLD_AT characters; CRLF between them.

    Args:
        first: characters already on the first line.
        indent: begins every line but the first, in place of a space.
    """
    lines, start, room = [], 0, FOLD_AT - first
    while len(text) - start > room:
        space = text.rfind(" ", start + 1, start + room + 1)
        if space < 0:  # a word longer than the line
            space = text.find(" ", start + room)
        if space < 0:
            break
        lines.append(text[start:space])
        start, room = space + 1, FOLD_AT - len(indent)
    lines.append(text[start:])
    return f"\r\n{indent}".join(piece for line in lines for piece in _cut(line))


def _cut(line: str) -> list[str]:
    step = WORD_OCTETS // 4  # characters: UTF-8 needs at most four octets for one
    if len(line) <= step or len(line.encode()) <= WORD_OCTETS:
        return [line]
    return [line[start : start + step] for start in range(0, len(line), step)]


def format_status(status: DeliveryStatus, *, utf8: bool) -> str:
    """Write the body of a message/delivery-status part, or with *utf8* of its global form."""
    groups = [_message_fields(status), *(_recipient_fields(one, utf8) for one in status.recipients)]
    return "\r\n".join("".join(_format_field(*field, utf8=utf8) for field in group) for group in groups)


def _format_field(name: str, value: str, *, utf8: bool) -> str:
    safe = one_line(value, utf8=utf8)
    return f"{name}: {fold(safe, first=len(name) + 2)}\r\n" if safe else ""


def _message_fields(status: DeliveryStatus) -> Iterator[tuple[str, str]]:
    yield "Original-Envelope-Id", status.envid
    yield "Reporting-MTA", f"dns; {status.reporting_mta}"
    if status.arrival_us:
        yield "Arrival-Date", date_text(status.arrival_us)
    if status.deliver_by_us:
        yield "Deliver-by-date", date_text(status.deliver_by_us)
    yield "Future-Release-Request", status.hold


def _recipient_fields(one: RecipientStatus, utf8: bool) -> Iterator[tuple[str, str]]:
    yield "Original-Recipient", _format_typed(one.original_recipient, utf8)
    yield "Final-Recipient", _format_typed(one.final_recipient, utf8)
    yield "Action", one.action.value
    yield "Status", one.status
    if one.remote_mta:
        yield "Remote-MTA", f"dns; {one.remote_mta}"
    if one.diagnostic:
        # RFC 3464 §2.3.6: "smtp" only for what an SMTP server said.
        yield "Diagnostic-Code", f"{'smtp' if one.remote_mta else 'x-mailrail'}; {one.diagnostic}"
    if one.last_attempt_us:
        yield "Last-Attempt-Date", date_text(one.last_attempt_us)
    if one.will_retry_until_us:
        yield "Will-Retry-Until", date_text(one.will_retry_until_us)


def _format_typed(typed: str, utf8: bool) -> str:
    kind, _, address = typed.partition(";")
    if kind.strip().lower() != "utf-8":
        return f"{kind}; {address.strip()}" if address else ""
    escaped = _UNITEXT if utf8 else _XTEXT
    return "utf-8; " + escaped.sub(_hexpoint, address.strip())


def _hexpoint(found: re.Match[str]) -> str:
    return f"\\x{{{ord(found[0]):02X}}}"
