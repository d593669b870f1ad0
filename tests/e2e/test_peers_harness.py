"""The real peers themselves: each starts on loopback beside the others, takes a mail, and is gone afterwards."""

import smtplib
import socket
from email.message import EmailMessage

import pytest
from tests.support.peers import postfix as postfix_tools
from tests.support.peers.exim import exim
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import postfix
from tests.support.peers.processes import PeerError
from tests.support.peers.smtp_sink import smtp_sink
from tests.support.peers.smtp_source import smtp_source
from tests.support.peers.swaks import swaks

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def letter(recipient: str, subject: str = "hello") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "ann@sender.example"
    message["To"] = recipient
    message["Subject"] = subject
    message.set_content("A line.\n.\nA line after a dot.\n")
    return message


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(server: MailServer, message: EmailMessage) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=10) as client:
        client.send_message(message)


def test_postfix_takes_a_mail_keeps_it_and_stops() -> None:
    with postfix(accept=["kept.example"]) as server:
        send(server, letter("bob@kept.example"))
        (kept,) = server.wait_for_mail(1)
        assert b"X-Original-To: bob@kept.example" in kept
        assert b"\n.\nA line after a dot.\n" in kept
        server.wait_for_log("status=sent")
    assert not is_listening(server.port)
    assert server.program.exit_code() is not None


def test_postfix_offers_what_the_tests_of_relaying_need() -> None:
    with (
        postfix(accept=["kept.example"]) as server,
        smtplib.SMTP(server.host, server.port, timeout=10) as client,
    ):
        client.ehlo()
        offered = set(client.esmtp_features)
        assert {
            "pipelining",
            "dsn",
            "smtputf8",
            "8bitmime",
            "starttls",
            "size",
            "enhancedstatuscodes",
        } <= offered


def test_postfix_as_source_relays_to_the_host_it_is_given() -> None:
    with smtp_sink(capture=True) as sink, postfix(relay_to=(sink.host, sink.port)) as server:
        send(server, letter("bob@elsewhere.example"))
        sink.wait_for(1)
        (taken,) = sink.mail()
        assert b"X-Rcpt-Args: <bob@elsewhere.example>" in taken
        assert b"by postfix.example (Postfix)" in taken
        assert "Mail queue is empty" in postfix_tools.command(server, "postqueue", "-p")


def test_postfix_and_exim_run_side_by_side_with_starttls() -> None:
    with exim(accept=("kept.example",)) as last, postfix(relay_to=(last.host, last.port)) as first:
        send(first, letter("bob@kept.example"))
        (kept,) = last.wait_for_mail(1)
        assert b"Envelope-to: bob@kept.example" in kept
        assert b"with esmtps" in kept


def test_exim_takes_a_mail_from_swaks_over_tls_and_stops() -> None:
    with exim(accept=("kept.example",)) as server:
        dialogue = swaks(
            server.host, server.port, "--to", "bob@kept.example", "--tls", "--h-Subject", "by swaks"
        )
        assert dialogue.exit_code == 0, dialogue.transcript
        assert dialogue.has_reply("250 OK id=")
        (kept,) = server.wait_for_mail(1)
        assert b"Subject: by swaks" in kept
        for keyword in ("CHUNKING", "PRDR", "DSN", "SMTPUTF8", "PIPELINING"):
            assert dialogue.has_reply(f"250-{keyword}") or dialogue.has_reply(f"250 {keyword}"), keyword
    assert not is_listening(server.port)


def test_exim_as_source_relays_by_chunks() -> None:
    with exim(accept=("kept.example",)) as last, exim(relay_to=(last.host, last.port)) as first:
        send(first, letter("bob@kept.example"))
        (kept,) = last.wait_for_mail(1)
        assert kept.count(b"Received: ") == 2
        first.wait_for_log(" K ")  # Exim's mark for CHUNKING


def test_smtp_source_sends_and_smtp_sink_counts_every_message() -> None:
    with smtp_sink() as sink:
        smtp_source(sink.host, sink.port, messages=50, sessions=5, size_bytes=4096)
        smtp_source(sink.host, sink.port, messages=50, sessions=5, size_bytes=4096, keep=True, recipients=10)
        sink.wait_for(100)
        assert sink.count() == 100
    assert not is_listening(sink.port)


def test_smtp_source_tells_of_a_refusal() -> None:
    with smtp_sink("-f", "RCPT") as sink, pytest.raises(PeerError, match="500"):
        smtp_source(sink.host, sink.port, messages=1)


def test_swaks_shows_a_refusal_in_its_exit_code() -> None:
    with smtp_sink("-f", "RCPT") as sink:
        dialogue = swaks(sink.host, sink.port, "--to", "bob@kept.example")
        assert dialogue.exit_code == 24  # "error with RCPT"
        assert dialogue.has_reply("500 5.3.0")
