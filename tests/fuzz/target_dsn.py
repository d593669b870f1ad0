"""Whatever bytes claim to be a delivery report:

- they are read as one or not, and nothing is raised;
- every text that comes out is printable, one line, and bounded; every status a status;
- what was read, written by us as a notice about any message, is a clean message of printable lines under 998 octets,
  and reads back as the same.

Input: the report; it also serves as the message that the notice is about.
"""

from collections.abc import Iterator
from dataclasses import astuple

from tests.fuzz.seeds import files

from mailrail.message import DeliveryStatus, Report, build_notice, parse_report
from mailrail.message.dsn import VALUE_CHARACTERS
from mailrail.message.dsn_read import READ_RECIPIENTS
from mailrail.model import Address, QueueId
from mailrail.smtp import is_clean

_OURS = DeliveryStatus("mx.example", ())


def check(data: bytes) -> None:
    status = parse_report(data)
    if status is None:
        return
    assert 0 < len(status.recipients) <= READ_RECIPIENTS
    for text in (status.reporting_mta, status.envid, *_texts(status)):
        assert text.isprintable()
        assert len(text) <= VALUE_CHARACTERS
    for is_full in (True, False):
        for smtputf8 in (True, False):
            _check_notice(status, data, is_full=is_full, smtputf8=smtputf8)


def _texts(status: DeliveryStatus) -> Iterator[str]:
    for one in status.recipients:
        yield from (value for value in astuple(one) if isinstance(value, str))


def _check_notice(status: DeliveryStatus, original: bytes, *, is_full: bool, smtputf8: bool) -> None:
    notice = build_notice(
        Report(
            queue_id=QueueId("q1"),
            to=Address("ann", "example.org"),
            status=status,
            made_us=0,
            original=original,
            is_full=is_full,
            smtputf8=smtputf8,
        )
    )
    assert is_clean(notice)
    assert b"\0" not in notice
    assert max(map(len, notice.split(b"\r\n"))) <= 998
    again = parse_report(notice)
    assert again is not None
    assert len(again.recipients) == len(status.recipients)
    for old, new in zip(status.recipients, again.recipients, strict=True):
        assert (new.action, new.status) == (old.action, old.status)


def seeds() -> Iterator[bytes]:
    yield from (notice[:3500] for notice in files("notices", "*.eml"))
    yield (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.1.1 (x)\r\n\r\n"
        b"Final-Recipient: utf-8; \\x{E4}@b\r\nAction: delayed\r\nDiagnostic-Code: smtp; 450 later\r\n--b--\r\n"
    )
    yield (
        b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"RmluYWwtUmVjaXBpZW50OiB4OyBhQGIKQWN0aW9uOiBmYWlsZWQNCg==\r\n"
    )
