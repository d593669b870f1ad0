"""Next hops that can little: no PIPELINING, no 8BITMIME, no ESMTP; mail is converted, never mangled."""

import contextlib
import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.exim import exim
from tests.support.peers.processes import START_TIMEOUT_S, free_port
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Kept:
    """A handler of aiosmtpd that keeps what it gets and forgets what it offers."""

    def __init__(self, *without: str) -> None:
        self._without = without
        self.envelopes: list[Envelope] = []

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in responses if line[4:].split(" ")[0] not in self._without]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"


@contextlib.contextmanager
def aiosmtpd(kept: Kept) -> Iterator[str]:
    port = free_port()  # it cannot tell which one the kernel gave it
    controller = Controller(kept, hostname="127.0.0.1", port=port, ready_timeout=START_TIMEOUT_S)
    controller.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        controller.stop()


def text_of(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body()
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def eight_bit_letter() -> bytes:
    message = EmailMessage()
    message["From"] = ANN
    message["To"] = BOB
    message["Subject"] = "8 bit"
    message.set_content("Größe: 5 µm\n.\nEnde\n", cte="8bit")
    return wire(message)


def test_aiosmtpd_gets_mail_command_by_command(tmp_path: Path) -> None:
    """aiosmtpd offers no PIPELINING and closes the session when somebody pipelines all the same."""
    kept = Kept()
    both = ["bob@receiver.example", "carol@receiver.example"]
    with aiosmtpd(kept) as address, running(tmp_path, route=[to(address)]) as daemon:
        for number in range(5):
            send(daemon, letter(f"number {number}"), to=both)
        daemon.wait_for("RecipientDelivered", 10)
        daemon.stop()
    assert len(kept.envelopes) == 5
    for envelope in kept.envelopes:
        assert envelope.rcpt_tos == both
        assert b"A line.\r\n.\r\n..two dots\r\nLast line.\r\n" in (envelope.original_content or b"")


def test_a30_8bit_mail_is_converted_for_aiosmtpd_without_8bitmime(tmp_path: Path) -> None:
    kept = Kept("8BITMIME", "SMTPUTF8")
    with aiosmtpd(kept) as address, running(tmp_path, route=[to(address)]) as daemon:
        send(daemon, eight_bit_letter(), mail=("BODY=8BITMIME",))
        daemon.wait_for("RecipientDelivered")
    content = kept.envelopes[0].original_content or b""
    assert content.isascii()
    assert text_of(content) == "Größe: 5 µm\n.\nEnde\n"


def test_a30_8bit_mail_is_converted_for_exim_without_8bitmime(tmp_path: Path) -> None:
    with (
        exim(accept=("receiver.example",), may_8bit=False) as server,
        running(tmp_path, route=[to(server.address)]) as daemon,
    ):
        send(daemon, eight_bit_letter(), mail=("BODY=8BITMIME",))
        (kept,) = server.wait_for_mail(1)
        assert kept.isascii()
        assert text_of(kept) == "Größe: 5 µm\n.\nEnde\n"


def test_a_server_that_knows_only_helo_gets_mail_all_the_same(tmp_path: Path) -> None:
    with Receiver(extensions=()) as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon, eight_bit_letter(), mail=("BODY=8BITMIME", "RET=HDRS"), rcpt=("NOTIFY=FAILURE",))
        (mail,) = receiver.wait_for(1)
        assert mail.sender == f"FROM:<{ANN}>"
        assert mail.recipients == (f"TO:<{BOB}>",)
        assert mail.content.isascii()
        assert receiver.verbs["HELO"] == 1


def test_binary_content_by_chunks_is_converted_for_a_hop_without_binarymime(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"] = ANN
    message["Subject"] = "binary"
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = "application/octet-stream"
    message["Content-Transfer-Encoding"] = "binary"
    octets = bytes(range(256)) * 10 + b"\n.\n\r\n.\r\n\r.\r\0"
    content = wire(message) + octets
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all("EHLO client.example", f"MAIL FROM:<{ANN}> BODY=BINARYMIME", f"RCPT TO:<{BOB}>")
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            assert "Queued as" in client.reply()
        (mail,) = receiver.wait_for(1)
        arrived = email.message_from_bytes(mail.content, policy=email.policy.default)
        assert arrived.get_payload(decode=True) == octets


def test_a30_what_cannot_be_converted_comes_back(tmp_path: Path) -> None:
    """A30: an 8-bit header, a hop that takes neither 8BITMIME nor SMTPUTF8: 5.6.x, never a stripped bit."""
    content = "From: ann@sender.example\r\nSubject: grüße\r\n\r\nGröße\r\n".encode()
    with (
        Receiver(extensions=("PIPELINING",)) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        with RawClient(daemon.host, daemon.port) as client:
            client.say_all(
                "EHLO client.example", f"MAIL FROM:<{ANN}> BODY=8BITMIME SMTPUTF8", f"RCPT TO:<{BOB}>", "DATA"
            )
            client.send(content + b".\r\n")
            assert "Queued as" in client.reply()
        (notice,) = senders.wait_for(1)
        assert b"Status: 5.6." in notice.content
        assert receiver.mail == []


def test_size_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    with (
        Receiver(extensions=("PIPELINING", "SIZE 1000")) as receiver,
        Receiver() as senders,
        running(tmp_path, route=[to(senders.address, "sender.example"), to(receiver.address)]) as daemon,
    ):
        send(daemon, letter("too big", "x" * 70 + "\n" + "y\n" * 2000))
        (notice,) = senders.wait_for(1)
        assert b"Status: 5.3.4" in notice.content
        assert receiver.verbs["DATA"] == 0


def test_a60_a_hop_that_limits_recipients_gets_them_in_portions(tmp_path: Path) -> None:
    """A60: RCPTMAX of LIMITS (RFC 9422) is obeyed."""
    extensions = ("PIPELINING", "LIMITS RCPTMAX=7")
    with (
        Receiver(extensions=extensions) as receiver,
        running(tmp_path, route=[to(receiver.address)]) as daemon,
    ):
        send(daemon, letter("to many"), to=[f"r{n}@receiver.example" for n in range(20)])
        daemon.wait_for("RecipientDelivered", 20)
        assert sorted(len(mail.recipients) for mail in receiver.mail) == [6, 7, 7]
        assert len({recipient for mail in receiver.mail for recipient in mail.recipients}) == 20
