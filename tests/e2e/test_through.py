"""A message given to the daemon arrives at the next hop as it was sent, below one Received field of ours."""

import asyncio
import smtplib
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiosmtplib
import pytest
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import free_port
from tests.support.peers.swaks import swaks
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

AWKWARD = (
    b"From: ann@sender.example\r\nTo: bob@receiver.example\r\nSubject: awkward\r\n"
    b"X-Folded: one\r\n\ttwo\r\n  three\r\n\r\n"
    b".\r\n..\r\n.leading\r\n\r\n  trailing blanks  \t\r\n" + b"x" * 2000 + b"\r\n"
    b"caf\xc3\xa9 \xff\xfe\x80\r\n\r\n\r\n.\r\nlast\r\n"
)


def test_swaks_sends_and_the_message_arrives_octet_for_octet_below_our_received_field(tmp_path: Path) -> None:
    content = wire(letter("by swaks"))
    letter_file = tmp_path / "letter"
    letter_file.write_bytes(content.replace(b"\r\n", b"\n").removesuffix(b"\n"))  # swaks mends that
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        dialogue = swaks(
            daemon.host, daemon.port, "--from", ANN, "--to", BOB, "--helo", "client.example",
            "--data", f"@{letter_file}",
        )  # fmt: skip
        assert dialogue.exit_code == 0, dialogue.transcript
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == content
        trace = mail.header.partition(b"\r\nFrom:")[0].decode()
        assert "from client.example" in trace
        assert "[127.0.0.1]" in trace
        assert "by mail.test.example" in trace
        assert "with ESMTP" in trace
        parsedate_to_datetime(trace.rpartition(";")[2].strip())
        (accepted,) = daemon.wait_for("MessageAccepted")
        assert accepted["queue_id"] in trace
        assert f"Queued as {accepted['queue_id']}" in dialogue.transcript
        daemon.stop()
        assert daemon.errors() == []


def test_swaks_sends_under_starttls_and_tls_from_the_first_byte(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "mail.test.example", "localhost")
    certificate.chain_file.chmod(0o600)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    port = free_port()
    listeners = [{"role": "mx"}, {"address": f"127.0.0.1:{port}", "role": "mx", "implicit_tls": True}]
    with (
        Receiver() as receiver,
        running(
            tmp_path, route=[to(receiver.address)], tls={"certificate": [files]}, listener=listeners
        ) as daemon,
    ):
        for number, options in ((daemon.port, "--tls"), (port, "--tlsc")):
            dialogue = swaks(
                "localhost", number, "--to", BOB, options, "--tls-verify",
                "--tls-ca-path", str(certificate.ca_file),
            )  # fmt: skip
            assert dialogue.exit_code == 0, dialogue.transcript
        for mail in receiver.wait_for(2):
            assert b"with ESMTPS" in mail.header
            assert b"TLSv1.3" in mail.header
        closed = [event for event in daemon.wait_for("SessionClosed", 3) if event.get("tls")]
        assert [event["messages"] for event in closed] == [1, 1]


def test_every_octet_that_may_travel_does(tmp_path: Path) -> None:
    """A6, A15, A30: dots, long lines, 8-bit octets, blanks at line ends, empty lines at the end."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon, AWKWARD, mail=("BODY=8BITMIME",))
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == AWKWARD
        assert "BODY=8BITMIME" in mail.sender


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\nno header\r\n", b"Only: header\r\n"])
def test_messages_that_are_hardly_any_travel_too(tmp_path: Path, content: bytes) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon, content)
        (mail,) = receiver.wait_for(1)
        # smtplib ends every message with a line end
        assert mail.below_trace == (content if content.endswith(b"\r\n") else content + b"\r\n")


def test_python_smtplib_sends_internationalised_mail_with_every_parameter(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"] = "ån@sender.example"
    message["To"] = "böb@bücher.example"
    message["Subject"] = "grüße"
    message.set_content("ünïcode\n", cte="8bit")
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)]) as daemon,
        smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client,
    ):
        client.ehlo("client.example")
        assert {
            "pipelining",
            "size",
            "8bitmime",
            "smtputf8",
            "chunking",
            "binarymime",
            "dsn",
            "limits",
        } <= set(client.esmtp_features)
        content = message.as_bytes(policy=SMTPUTF8)
        client.mail(
            "ån@sender.example",
            ["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=e+2B1", f"SIZE={len(content)}"],
        )
        assert (
            client.rcpt(
                "böb@bücher.example", ["NOTIFY=SUCCESS,FAILURE", "ORCPT=utf-8;b\\x{F6}b@bücher.example"]
            )[0]
            == 250
        )
        assert client.data(content)[0] == 250
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == content
        assert mail.sender.startswith("FROM:<ån@sender.example>")
        assert {"SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=e+2B1"} <= set(mail.sender.split())
        # The domain is kept as A-label: that is what DNS and every server understands.
        assert mail.recipients[0].startswith("TO:<böb@xn--bcher-kva.example> ")
        assert "NOTIFY=SUCCESS,FAILURE" in mail.recipients[0]
        assert "ORCPT=utf-8;" in mail.recipients[0]
        assert b"with UTF8SMTP" in mail.header


def test_aiosmtplib_sends_to_many_and_learns_who_was_refused(tmp_path: Path) -> None:
    async def run(port: int) -> tuple[dict[str, tuple[int, str]], str]:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=20) as client:
            recipients = [f"r{n}@receiver.example" for n in range(50)] + ["two..dots@receiver.example"]
            refused, text = await client.sendmail(ANN, recipients, wire(letter("to many")))
            return {name: (reply.code, reply.message) for name, reply in refused.items()}, text

    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        refused, text = asyncio.run(run(daemon.port))
        assert {name: code for name, (code, _) in refused.items()} == {"two..dots@receiver.example": 501}
        assert "Queued as" in text
        (mail,) = receiver.wait_for(1)
        assert len(mail.recipients) == 50  # one transaction for all of them


def test_chunks_from_a_raw_client_arrive_as_one_message(tmp_path: Path) -> None:
    """A20: BDAT in pieces that cut lines and dots, pipelined; then binary content, converted for the next hop."""
    content = wire(letter("by chunks"))
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all("EHLO client.example")
            middle = content.index(b"\r\n.\r\n") + 1
            first, last = content[:middle], content[middle:]
            client.send(
                f"MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nBDAT {len(first)}\r\n".encode()
                + first
                + f"BDAT {len(last)} LAST\r\n".encode()
                + last
            )
            assert [client.reply()[:3] for _ in range(4)] == ["250"] * 4
            assert "Queued as" not in client.say("NOOP")
            assert client.say("BDAT 5 LAST\r\nhello")[:3] == "503"
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == content
