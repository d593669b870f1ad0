"""A notice is a well-formed multipart/report whatever it tells; golden ones lie in tests/corpus/notices."""

from dataclasses import replace
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import SMTP, compat32
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import (
    Action,
    DeliveryStatus,
    RecipientStatus,
    Report,
    build_notice,
    convert,
    needs_smtputf8,
    parse_report,
    typed_address,
)
from mailrail.model import Address, QueueId

CORPUS = Path(__file__).parents[2] / "corpus" / "notices"
SECOND = 1_000_000
ARRIVED = 1_795_436_567 * SECOND
SENDER = Address("sender", "example.com")
ORIGINAL = (
    b"Received: from a by b; Mon, 23 Nov 2026 12:22:47 +0000\r\n"
    b"From: Sender <sender@example.com>\r\nTo: user@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.com>\r\n\r\nHello,\r\n.\r\n"
)
GONE = RecipientStatus(
    "rfc822;user@example.org",
    Action.FAILED,
    "5.1.1",
    original_recipient="rfc822;alias@example.org",
    remote_mta="mail.example.org",
    diagnostic="550 5.1.1 <user@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
    last_attempt_us=ARRIVED + 60 * SECOND,
)
LATE = RecipientStatus(
    "rfc822;late@example.net",
    Action.DELAYED,
    "4.4.1",
    diagnostic="451 4.4.1 No answer from the next hop",
    last_attempt_us=ARRIVED + 14_400 * SECOND,
    will_retry_until_us=ARRIVED + 432_000 * SECOND,
)


def report(*recipients: RecipientStatus, original: bytes = ORIGINAL, is_full: bool = True) -> Report:
    status = DeliveryStatus("mx1.example.org", recipients, envid="QQ314159", arrival_us=ARRIVED)
    return Report(
        queue_id=QueueId("0123456789B"),
        to=SENDER,
        status=status,
        made_us=ARRIVED + 61 * SECOND,
        original=original,
        is_full=is_full,
    )


INTERNATIONAL = replace(
    report(
        replace(GONE, final_recipient="utf-8;jörg@xn--bcher-kva.example", original_recipient="utf-8;jörg@bücher.example"),
        original="From: Jürgen <jürgen@example.com>\r\nSubject: Grüße\r\n\r\nÄ\r\n".encode(),
    ),
    to=Address("jürgen", "example.com"),
    smtputf8=True,
)  # fmt: skip
GOLDEN = {
    "failed-full": report(GONE),
    "failed-headers": report(GONE, replace(GONE, final_recipient="rfc822;b@example.org"), is_full=False),
    "delayed": report(LATE, is_full=False),
    "delivered": report(replace(GONE, action=Action.DELIVERED, status="2.0.0", diagnostic="250 2.0.0 Ok")),
    "relayed": report(replace(GONE, action=Action.RELAYED, status="2.0.0", diagnostic="250 2.0.0 Ok")),
    "international": INTERNATIONAL,
}


def parsed(notice: bytes) -> Message:
    message = BytesParser(policy=compat32).parsebytes(notice)
    assert not message.defects
    return message


def parts_of(message: Message) -> list[Message]:
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_notices_in_the_corpus_are_what_is_written(name: str) -> None:
    """To take a wanted change over: write `build_notice(GOLDEN[name])` to the file and read the difference."""
    assert build_notice(GOLDEN[name]) == (CORPUS / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", GOLDEN)
def test_a_notice_reads_back(name: str) -> None:
    assert parse_report(build_notice(GOLDEN[name])) == GOLDEN[name].status


@pytest.mark.parametrize("name", GOLDEN)
def test_a65_a_notice_is_a_multipart_report_with_three_parts(name: str) -> None:
    message = parsed(build_notice(GOLDEN[name]))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    text, status, _ = parts_of(message)
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() in ("message/delivery-status", "message/global-delivery-status")


def test_the_notice_names_the_message_it_is_about() -> None:
    message = parsed(build_notice(report(GONE)))
    assert (message["In-Reply-To"], message["References"]) == ("<1@example.com>", "<1@example.com>")
    hostile = parsed(build_notice(report(GONE, original=b"Message-ID: <a\r\n b>\r\n\r\n")))
    assert hostile["In-Reply-To"] is None


def test_a_whole_original_comes_back_octet_by_octet() -> None:
    assert (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + ORIGINAL + b"\r\n--=_"
        in (build_notice(report(GONE)))
    )
    eight = ORIGINAL + "ü\r\n".encode()
    notice = build_notice(report(GONE, original=eight))
    assert eight in notice
    assert parsed(notice)["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize("rest", [b"x" * 999, b"bare \n line", b"\0"])
def test_a15_what_cannot_travel_unaltered_comes_back_as_header_only(rest: bytes) -> None:
    notice = build_notice(report(GONE, original=ORIGINAL + rest))
    assert b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n" in notice
    assert b"Hello," not in notice
    assert b"the header of your message" in notice


def test_a_header_cut_in_a_line_loses_that_line_only() -> None:
    notice = build_notice(report(GONE, original=b"A: b\r\nSubject: cu", is_full=False))
    assert b"\r\n\r\nA: b\r\n\r\n--=_" in notice
    assert build_notice(report(GONE, original=b"no line end", is_full=False))


def test_a_header_with_odd_octets_comes_back_encoded() -> None:
    notice = build_notice(
        report(GONE, original=b"Subject: \xfc\0" + b"x" * 2000 + b"\r\n\r\n", is_full=False)
    )
    assert notice.isascii()
    assert (
        b"text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =FC=00xx"
        in notice
    )


def test_a_boundary_in_the_original_is_passed_over() -> None:
    own = report(GONE, original=ORIGINAL + b"--=_0123456789B.0\r\n--=_0123456789B.1--\r\n")
    assert parsed(build_notice(own)).get_boundary() == "=_0123456789B.2"
    assert len(parts_of(parsed(build_notice(own)))) == 3


def test_a65_an_international_notice_needs_smtputf8_only_for_its_addressee() -> None:
    """RFC 6533: the octets that are not ASCII stand in bodies, so an ASCII sender can be reached anywhere."""
    notice = build_notice(replace(INTERNATIONAL, to=SENDER))
    assert not needs_smtputf8(notice)
    assert needs_smtputf8(build_notice(INTERNATIONAL))
    plain = convert(notice, may_8bit=False)
    assert isinstance(plain, bytes)
    assert plain.isascii()
    assert parse_report(plain) == INTERNATIONAL.status


def test_an_international_address_survives_in_an_ascii_report() -> None:
    """utf-8-addr-xtext of RFC 6533 §3."""
    one = replace(GONE, original_recipient="utf-8;jö+=\\rg@example.org")
    notice = build_notice(report(one))
    assert rb"Original-Recipient: utf-8; j\x{F6}\x{2B}\x{3D}\x{5C}rg@example.org" in notice
    assert parse_report(notice) == report(one).status


def test_what_ourselves_say_is_not_called_smtp() -> None:
    assert b"\r\nDiagnostic-Code: x-mailrail; 451 4.4.1 No answer" in build_notice(report(LATE))


def test_a_sender_name_is_quoted_where_it_must_be() -> None:
    assert b'From: "Mail \\"Bot\\", Inc." <MAILER-DAEMON@' in (
        build_notice(replace(report(GONE), from_name='Mail "Bot", Inc.'))
    )


TEXT = st.text(max_size=300) | st.sampled_from(
    ["a\r\nAction: delivered", "x" * 5000, "ü" * 3000, "\ud800", "\x1b[31m"]
)
TIMES = st.integers(0, 4_000_000_000).map(lambda second: second * SECOND)
HOSTILE = st.builds(
    RecipientStatus,
    final_recipient=TEXT.map(lambda text: f"rfc822;{text}@example.org"),
    action=st.sampled_from(Action),
    status=st.sampled_from(["5.1.1", "4.0.0", "2.1.5"]),
    original_recipient=TEXT,
    remote_mta=TEXT,
    diagnostic=TEXT,
    last_attempt_us=TIMES,
    will_retry_until_us=TIMES,
)


@given(st.lists(HOSTILE, min_size=1, max_size=3), st.booleans(), st.binary(max_size=300), st.booleans())
def test_a65_whatever_peers_said_a_notice_is_well_formed(
    recipients: list[RecipientStatus], smtputf8: bool, original: bytes, is_full: bool
) -> None:
    made = replace(report(*recipients, original=original, is_full=is_full), smtputf8=smtputf8)
    notice = build_notice(made)
    assert notice.count(b"\r\n") == notice.count(b"\r") == notice.count(b"\n")
    assert max(map(len, notice.split(b"\r\n"))) <= 998
    assert b"\0" not in notice
    assert len(parts_of(parsed(notice))) == 3
    read = parse_report(notice)
    assert read is not None
    assert [one.action for one in read.recipients] == [one.action for one in recipients]


WORDS = st.lists(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30), max_size=40
)
LOCAL = st.text("abcxyz0123456789-_.+=", min_size=1, max_size=40)
PLAIN = st.builds(
    RecipientStatus,
    final_recipient=LOCAL.map(lambda local: typed_address(Address(local, "example.org"))),
    action=st.sampled_from(Action),
    status=st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    original_recipient=st.just("") | st.text("äöüßabc\\+=", min_size=1, max_size=60).map(lambda local: f"utf-8;{local}@ß.example"),
    remote_mta=st.sampled_from(["mail.example.org", "[192.0.2.1]"]),
    diagnostic=WORDS.map(" ".join),
    last_attempt_us=TIMES,
    will_retry_until_us=TIMES,
)  # fmt: skip


@given(st.lists(PLAIN, min_size=1, max_size=4), st.booleans())
def test_what_is_written_reads_back(recipients: list[RecipientStatus], smtputf8: bool) -> None:
    made = replace(report(*recipients), smtputf8=smtputf8)
    assert parse_report(build_notice(made)) == made.status


@pytest.mark.parametrize(
    "content",
    [
        b"",
        ORIGINAL,
        b"Content-Type: message/delivery-status\r\n\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; a@b\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nFinal-Recipient: a@b\r\nAction: failed\r\n",
        b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nA",
    ],
)
def test_what_is_no_report_is_none(content: bytes) -> None:
    assert parse_report(content) is None


def test_reports_of_others_are_read_with_their_habits() -> None:
    """LENIENT: OpenSMTPD's multipart/mixed; comments behind the action; types in capitals."""
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Reporting-MTA: mail.example\r\n\r\n\r\nFinal-Recipient: RFC822;a=40b\r\nAction: Failed (bad)\r\n"
        b"Status: 5.1.1 (unknown)\r\nLast-Attempt-Date: never\r\n\r\n--b--\r\n"
    )
    assert parse_report(content) == DeliveryStatus(
        "mail.example", (RecipientStatus("rfc822;a@b", Action.FAILED, "5.1.1"),)
    )


def test_a80_a_million_recipients_are_read_to_a_number() -> None:
    group = b"Final-Recipient: rfc822; a@b\r\nAction: failed\r\n\r\n"
    read = parse_report(b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\n" + group * 100_000)
    assert read is not None
    assert len(read.recipients) == 1000


@given(st.binary(max_size=300))
def test_reading_never_raises(body: bytes) -> None:
    parse_report(b"Content-Type: message/delivery-status\r\n\r\n" + body)


def test_the_standard_library_reads_the_modern_way_too() -> None:
    message = BytesParser(policy=SMTP).parsebytes(build_notice(INTERNATIONAL))
    assert isinstance(message, EmailMessage)
    assert str(message["To"]) == "jürgen@example.com"


SEALED = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n"
NO_BOUNDARY = b"Content-Type: multipart/mixed\r\n\r\n\xc3\xbc\r\n"


def nested(levels: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\n\xc3\xbc\r\n"


@pytest.mark.parametrize("original", [SEALED, NO_BOUNDARY, nested(48), nested(49), nested(60)])
def test_a30_a65_an_original_that_cannot_be_converted_does_not_keep_the_notice_from_any_hop(
    original: bytes,
) -> None:
    content = build_notice(report(GONE, original=b"Subject: odd\r\n" + original))
    assert isinstance(convert(content, may_8bit=False), bytes)
    assert b"Subject: odd" in content


@given(st.binary(max_size=300), st.sampled_from([SEALED, NO_BOUNDARY, ORIGINAL, b""]))
def test_a30_a65_whatever_the_original_is_any_hop_can_be_given_the_notice(
    octets: bytes, start: bytes
) -> None:
    content = build_notice(report(GONE, original=start + octets))
    assert isinstance(convert(content, may_8bit=False), bytes)
