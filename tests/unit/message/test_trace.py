"""The trace lines are well-formed whatever the peer called itself."""

import re
from email.parser import BytesParser
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import message_id, protocol_keyword, received_line, return_path_line
from mailrail.model import Address, Origin, QueueId

DATE = "Mon, 23 Nov 2026 12:22:47 +0000"
ID = QueueId("0123456789B")
USER = Address("user", "example.org")


def line(origin: Origin, *, tls: str = "", recipient: Address | None = None) -> str:
    return received_line(origin, "mx1.example.org", ID, DATE, tls=tls, recipient=recipient).decode()


def test_a_plain_session_is_told_on_folded_lines() -> None:
    origin = Origin(client="192.0.2.1", helo="mail.example.com", protocol="ESMTP")
    assert line(origin, recipient=USER) == (
        "Received: from mail.example.com ([192.0.2.1])\r\n"
        "\tby mx1.example.org with ESMTP id 0123456789B\r\n"
        "\tfor <user@example.org>;\r\n"
        "\tMon, 23 Nov 2026 12:22:47 +0000\r\n"
    )


def test_a_priority_stands_behind_the_recipient_and_0_goes_without_saying() -> None:
    origin = Origin(helo="app", protocol="ESMTP")

    def text(priority: int) -> str:
        return received_line(origin, "mx1.example.org", ID, DATE, recipient=USER, priority=priority).decode()

    assert "\tfor <user@example.org>\r\n\tPRIORITY -3;\r\n" in text(-3)
    assert "PRIORITY" not in text(0)


def test_tls_facts_stand_in_a_comment() -> None:
    origin = Origin(client="2001:db8::1", helo="a", protocol="ESMTPS")
    text = line(origin, tls="TLSv1.3 with (evil)\r\nX: y")
    assert "from a ([IPv6:2001:db8::1])\r\n\t(using TLSv1.3 with ?evil???X: y)\r\n\tby" in text


def test_a_peer_on_this_machine_has_no_address() -> None:
    assert line(Origin(helo="app", protocol="LMTP")).startswith("Received: from app\r\n\tby ")
    assert line(Origin(protocol="ESMTP")).startswith("Received: by mx1.example.org with ")


def test_an_address_that_is_not_ascii_is_told_only_under_smtputf8() -> None:
    user = Address("jörg", "example.org")
    assert "for" not in line(Origin(client="::1", helo="a", protocol="ESMTP"), recipient=user)
    assert "for <jörg@example.org>;" in line(
        Origin(client="::1", helo="a", protocol="UTF8SMTP"), recipient=user
    )


@given(st.text(max_size=600), st.text(max_size=200))
def test_a78_no_helo_breaks_out_of_the_field(helo: str, tls: str) -> None:
    raw = received_line(
        Origin(client="192.0.2.1", helo=helo, protocol="ESMTP"), "mx1.example.org", ID, DATE, tls=tls
    )
    assert raw.isascii()
    assert max(len(part) for part in raw.split(b"\r\n")) < 998
    assert re.fullmatch(rb"Received: from [^\s()]+ \(\[192\.0\.2\.1\]\)\r\n(?:\t[^\r\n]+\r\n)+", raw)
    parsed = BytesParser(policy=compat32).parsebytes(raw + b"\r\n")
    assert list(parsed.keys()) == ["Received"]


@pytest.mark.parametrize(
    ("lmtp", "extended", "utf8", "tls", "auth", "keyword"),
    [
        (False, False, False, False, False, "SMTP"),
        (False, False, False, True, False, "SMTP"),
        (False, True, False, False, False, "ESMTP"),
        (False, True, False, True, False, "ESMTPS"),
        (False, True, False, False, True, "ESMTPA"),
        (False, True, False, True, True, "ESMTPSA"),
        (False, True, True, True, True, "UTF8SMTPSA"),
        (True, True, False, False, False, "LMTP"),
        (True, True, False, True, True, "LMTPSA"),
        (True, True, True, False, False, "UTF8LMTP"),
    ],
)
def test_the_keyword_tells_how_the_message_came(
    lmtp: bool, extended: bool, utf8: bool, tls: bool, auth: bool, keyword: str
) -> None:
    assert protocol_keyword(lmtp=lmtp, extended=extended, utf8=utf8, tls=tls, auth=auth) == keyword


def test_the_return_path_is_told_and_may_be_null() -> None:
    assert return_path_line(USER) == b"Return-Path: <user@example.org>\r\n"
    assert return_path_line(None) == b"Return-Path: <>\r\n"


def test_a_message_id_is_made_of_queue_id_and_host() -> None:
    assert message_id(ID, "mx1.example.org") == "<0123456789B@mx1.example.org>"
