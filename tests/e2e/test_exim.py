"""Exim behind us: chunks when it offers them, conversion when it takes no 8-bit mail; and before us."""

import smtplib
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.exim import exim
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ACCEPT = ("receiver.example",)


def test_exim_as_next_hop_gets_the_message_untouched_under_tls(tmp_path: Path) -> None:
    with exim(accept=ACCEPT) as server, running(tmp_path, route=[to(server.address)]) as daemon:
        message = letter("to exim")
        send(daemon, message)
        (kept,) = server.wait_for_mail(1)
        assert kept.endswith(wire(message).replace(b"\r\n", b"\n"))
        assert b"with esmtps" in kept
        (delivered,) = daemon.wait_for("RecipientDelivered")
        assert "id=" in delivered["reply"]
        assert " K " in server.wait_for_log("Completed")  # Exim's mark for CHUNKING: it came by BDAT


def test_exim_as_next_hop_gets_binary_content_by_chunks(tmp_path: Path) -> None:
    """Exim offers CHUNKING but no BINARYMIME: what was declared binary is converted, and nothing is lost."""
    with exim(accept=ACCEPT) as server, running(tmp_path, route=[to(server.address)]) as daemon:
        content = wire(letter("by chunks"))
        with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
            client.ehlo()
            client.mail(ANN, ["BODY=BINARYMIME"])
            client.rcpt(BOB)
            client.putcmd(f"BDAT {len(content)} LAST")
            client.send(content)
            assert client.getreply()[0] == 250
        (kept,) = server.wait_for_mail(1)
        assert b"Subject: by chunks" in kept
        assert kept.endswith(b"A line.\n.\n..two dots\nLast line.\n")


def test_exim_as_source_relays_to_us_by_chunks(tmp_path: Path) -> None:
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)]) as daemon,
        exim(relay_to=(daemon.host, daemon.port)) as server,
        smtplib.SMTP(server.host, server.port, timeout=20) as client,
    ):
        client.send_message(letter("from exim"))
        (mail,) = receiver.wait_for(1)
        assert b"from exim.example" in mail.header
        assert mail.body == wire(letter("from exim")).partition(b"\r\n\r\n")[2]
        assert " K " in server.wait_for_log("Completed")  # Exim's mark for CHUNKING
