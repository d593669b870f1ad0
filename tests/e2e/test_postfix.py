"""Postfix before us and behind us: pipelining, STARTTLS, DSN, SMTPUTF8, 8-bit content."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers import postfix as postfix_tools
from tests.support.peers.certificates import make_certificate
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import postfix
from tests.support.peers.smtp_source import smtp_source
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ACCEPT = ["receiver.example"]


def give(
    server: MailServer,
    message: EmailMessage | bytes,
    *,
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
    recipient: str = BOB,
    sender: str = ANN,
) -> None:
    content = message if isinstance(message, bytes) else message.as_bytes(policy=SMTPUTF8)
    with smtplib.SMTP(server.host, server.port, timeout=20) as client:
        client.sendmail(sender, recipient, content, mail, rcpt)


def test_postfix_as_next_hop_gets_the_message_under_tls_with_its_text_untouched(tmp_path: Path) -> None:
    with postfix(accept=ACCEPT) as server, running(tmp_path, route=[to(server.address)]) as daemon:
        message = letter("to postfix")
        send(daemon, message)
        (kept,) = server.wait_for_mail(1)
        assert kept.endswith(wire(message).replace(b"\r\n", b"\n"))
        log = server.wait_for_log("status=sent")
        assert "Anonymous TLS connection established from" in log
        (delivered,) = daemon.wait_for("RecipientDelivered")
        assert delivered["tls"].startswith("TLSv1.3")
        assert delivered["reply"].startswith("250 2.0.0 Ok: ")  # "441 bytes queued as": it came by BDAT
        assert "bytes queued as" in delivered["reply"]


def test_postfix_is_verified_where_a_route_asks_for_it(tmp_path: Path) -> None:
    """A55: `verify` with the authority known delivers; without it, mail waits and never goes in clear."""
    with postfix(accept=ACCEPT) as server:
        good = {"SSL_CERT_FILE": str(server.folder / "ca.pem")}
        with running(
            tmp_path, environment=good, route=[to(f"localhost:{server.port}", tls="verify")]
        ) as daemon:
            send(daemon)
            server.wait_for_mail(1)
            daemon.stop()
        other = tmp_path / "other"
        other.mkdir()
        authority = make_certificate(other, "other.example")
        with running(
            other,
            environment={"SSL_CERT_FILE": str(authority.ca_file)},
            route=[to(f"localhost:{server.port}", tls="verify")],
        ) as daemon:
            send(daemon)
            (deferred, *_) = daemon.wait_for("RecipientDeferred")
            assert deferred["reply"].startswith("451 4.7.5"), deferred
            (item,) = daemon.queue()
            assert item["recipients"][0]["address"] == BOB
        assert len(server.mail()) == 1


def test_postfix_without_tls_gets_nothing_where_encryption_is_asked_for(tmp_path: Path) -> None:
    """A55: STARTTLS stripped: `encrypt` waits, the default goes on in clear."""
    with postfix(accept=["may.example", "must.example"], tls=False) as server:
        routes = [to(server.address, "may.example"), to(server.address, "must.example", tls="encrypt")]
        with running(tmp_path, route=routes) as daemon:
            send(daemon, to="bob@must.example")
            send(daemon, to="bob@may.example")
            (kept,) = server.wait_for_mail(1)
            assert b"bob@may.example" in kept
            (deferred, *_) = daemon.wait_for("RecipientDeferred")
            assert deferred["recipient"] == "bob@must.example"
            assert deferred["reply"].startswith("451 4.7.")
            assert len(server.mail()) == 1


def test_postfix_sees_our_pipelining_and_takes_many_recipients_at_once(tmp_path: Path) -> None:
    no_chunks = {"smtpd_discard_ehlo_keywords": "chunking"}  # so that MAIL, RCPT and DATA travel together
    with (
        postfix(accept=ACCEPT, parameters=no_chunks) as server,
        running(tmp_path, route=[to(server.address)]) as daemon,
    ):
        send(daemon, letter("to many"), to=[f"r{n}@receiver.example" for n in range(40)])
        server.wait_for_mail(40)
        delivered = daemon.wait_for("RecipientDelivered", 40)
        assert len({event["reply"] for event in delivered}) == 1  # one transaction
        daemon.stop()
        for trouble in ("improper command pipelining", "lost connection", "out of order"):
            assert trouble not in server.log()


def test_dsn_parameters_reach_postfix_and_its_success_notice_comes_back_through_us(tmp_path: Path) -> None:
    """NOTIFY, ENVID, ORCPT and RET passed on; Postfix then owes the notice, not we."""
    with (
        Receiver() as senders,
        postfix(accept=ACCEPT) as server,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(server.address)]) as daemon,
    ):
        relay = [f"relayhost = [{daemon.host}]:{daemon.port}"]
        with (server.folder / "conf" / "main.cf").open("a") as stream:
            stream.write("\n".join(relay) + "\n")
        postfix_tools.command(server, "postfix", "reload")
        send(
            daemon,
            letter("with receipt"),
            mail=("RET=HDRS", "ENVID=unique-77+2B"),
            rcpt=("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;robert+2Bx@original.example"),
        )
        server.wait_for_mail(1)
        (notice,) = senders.wait_for(1)
        assert notice.sender.startswith("FROM:<>")
        assert notice.recipients[0].startswith(f"TO:<{ANN}>")
        assert b"Original-Envelope-Id: unique-77+\r\n" in notice.content
        assert b"Original-Recipient: rfc822;robert+x@original.example\r\n" in notice.content
        assert b"Action: delivered" in notice.content
        assert b"Reporting-MTA: dns; postfix.example" in notice.content
        assert b"text/rfc822-headers" in notice.content
        daemon.stop()
        assert len(senders.mail) == 1
        assert daemon.events("NoticeMade") == []


def test_postfix_refuses_and_the_sender_gets_our_notice(tmp_path: Path) -> None:
    with (
        Receiver() as senders,
        postfix(
            accept=ACCEPT,
            parameters={
                "smtpd_recipient_restrictions": "reject_unauth_destination",
                "smtpd_relay_restrictions": "reject_unauth_destination",
            },
        ) as server,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(server.address)]) as daemon,
    ):
        send(daemon, to="bob@not-there.example")
        (notice,) = senders.wait_for(1)
        assert b"Action: failed" in notice.content
        assert b"Status: 5.7.1" in notice.content
        assert b"Diagnostic-Code: smtp; 554 5.7.1" in notice.content
        assert b"Remote-MTA: dns;" in notice.content


def test_internationalised_and_8bit_mail_reaches_postfix_as_it_is(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"] = "ån@sender.example"
    message["To"] = "böb@receiver.example"
    message["Subject"] = "grüße"
    message.set_content("ünïcode\n", cte="8bit")
    content = message.as_bytes(policy=SMTPUTF8)
    with postfix(accept=ACCEPT) as server, running(tmp_path, route=[to(server.address)]) as daemon:
        with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
            client.ehlo()
            client.mail("ån@sender.example", ["SMTPUTF8", "BODY=8BITMIME"])
            client.rcpt("böb@receiver.example")
            client.data(content)
        (kept,) = server.wait_for_mail(1)
        # Postfix adds Date and Message-ID below ours: on loopback it takes everything for a submission.
        header, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
        assert header in kept
        assert kept.endswith(body)
        assert "X-Original-To: böb@receiver.example".encode() in kept
        assert b"with UTF8SMTPS" in kept


def test_a29_internationalised_mail_for_a_hop_that_cannot_take_it_comes_back(tmp_path: Path) -> None:
    """A29: never mangled: a bounce with 5.6.7."""
    with (
        Receiver() as senders,
        postfix(accept=ACCEPT, parameters={"smtputf8_enable": "no"}) as server,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(server.address)]) as daemon,
    ):
        with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
            client.ehlo()
            client.mail(ANN, ["SMTPUTF8"])
            client.rcpt("böb@receiver.example")
            client.data(wire(letter("for Bob", to="bob@receiver.example")))
        (notice,) = senders.wait_for(1)
        assert b"Status: 5.6.7" in notice.content
        assert server.mail() == []


def test_postfix_as_source_relays_through_us_under_tls_with_dsn_and_pipelining(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "mail.test.example", "localhost", "127.0.0.1")
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)], tls={"certificate": [files]}) as daemon,
        postfix(
            relay_to=(daemon.host, daemon.port),
            parameters={"smtp_tls_CAfile": str(certificate.ca_file), "smtp_tls_security_level": "encrypt"},
        ) as server,
    ):
        give(server, letter("from postfix"), mail=("RET=FULL", "ENVID=abc"), rcpt=("NOTIFY=FAILURE,DELAY",))
        (mail,) = receiver.wait_for(1)
        assert b"with ESMTPS" in mail.below_trace or b"with ESMTPS" in mail.header
        assert b"from postfix.example" in mail.header
        assert "RET=FULL" in mail.sender
        assert "ENVID=abc" in mail.sender
        assert "NOTIFY=FAILURE,DELAY" in mail.recipients[0].replace("DELAY,FAILURE", "FAILURE,DELAY")
        log = server.wait_for_log("status=sent")
        assert "Trusted TLS connection established to 127.0.0.1" in log or "Verified TLS connection" in log
        assert "250 2.0.0 Queued as" in log


def test_postfix_as_source_hands_over_internationalised_mail(tmp_path: Path) -> None:
    message = letter("grüße", "ünïcode\n")
    message.replace_header("To", "böb@receiver.example")
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)]) as daemon,
        postfix(relay_to=(daemon.host, daemon.port)) as server,
        smtplib.SMTP(server.host, server.port, timeout=20) as client,
    ):
        client.ehlo()
        client.mail(ANN, ["SMTPUTF8"])
        client.rcpt("böb@receiver.example")
        client.data(message.as_bytes(policy=SMTPUTF8))
        (mail,) = receiver.wait_for(1)
        assert mail.recipients[0].startswith("TO:<böb@receiver.example>")
        assert "SMTPUTF8" in mail.sender
        assert b"with UTF8SMTP" in mail.header


def test_smtp_source_brings_thousands_of_messages_and_each_arrives_once(tmp_path: Path) -> None:
    numbers: list[int] = []
    with (
        Receiver(on_mail=lambda mail: numbers.append(1)) as receiver,
        running(tmp_path, route=[to(receiver.address)], log={"level": "warning"}) as daemon,
    ):
        smtp_source(daemon.host, daemon.port, messages=1000, sessions=20, size_bytes=4096)
        smtp_source(daemon.host, daemon.port, messages=1000, sessions=20, size_bytes=4096, keep=True)
        daemon.wait_for_empty_queue()
        daemon.stop()
        assert len(numbers) == 2000
        assert daemon.errors() == []
