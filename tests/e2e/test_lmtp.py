"""LMTP before us and behind us, IPv6 and Unix sockets: the other doors."""

import contextlib
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import UnixSocketController
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.support.daemon import running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.processes import START_TIMEOUT_S, free_port
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Mailboxes:
    """A local agent behind LMTP; "gone" has no mailbox."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"


class _Controller(UnixSocketController):
    def factory(self) -> SMTP:
        return LMTP(self.handler)


@contextlib.contextmanager
def mailboxes(path: Path) -> Iterator[Mailboxes]:
    seen = Mailboxes()
    controller = _Controller(seen, str(path), ready_timeout=START_TIMEOUT_S)
    controller.start()
    try:
        yield seen
    finally:
        controller.stop()


def test_a_domain_of_ours_is_handed_to_a_local_agent_by_lmtp(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    domain = {"home.example": {"relay_to": f"unix:{path}", "lmtp": True}}
    with (
        mailboxes(path) as seen,
        Receiver() as senders,
        running(tmp_path, domain=domain, route=[to(senders.address, "sender.example")]) as daemon,
    ):
        send(daemon, letter("to all"), to=["bob@home.example", "gone@home.example"])
        daemon.wait_for("RecipientDelivered", recipient="bob@home.example")
        (notice,) = senders.wait_for(1)
        assert b"gone@home.example" in notice.content
        assert seen.envelopes[0].rcpt_tos == ["bob@home.example"]


def test_programs_hand_mail_over_by_lmtp_with_a_reply_for_each_recipient(tmp_path: Path) -> None:
    path = tmp_path / "in.sock"
    listeners = [{"role": "mx"}, {"address": f"unix:{path}", "role": "lmtp"}]
    settings: dict[str, Any] = {"domain": {"receiver.example": {}}, "listener": listeners}
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **settings) as daemon:
        with smtplib.LMTP(str(path), timeout=20) as client:
            client.ehlo()  # which says LHLO
            client.mail(ANN)
            assert client.rcpt(BOB)[0] == 250
            assert client.rcpt("carol@receiver.example")[0] == 250
            assert client.data(wire(letter("by lmtp")))[0] == 250
            assert client.getreply()[0] == 250
        (mail,) = receiver.wait_for(1)
        assert len(mail.recipients) == 2
        assert b"with LMTP" in mail.header
        daemon.stop()
        assert daemon.errors() == []


def test_mail_comes_and_goes_by_ipv6(tmp_path: Path) -> None:
    port = free_port("::1")
    listeners = [{"role": "mx"}, {"address": f"[::1]:{port}", "role": "mx"}]
    relay = {"networks": ["127.0.0.0/8", "::1"]}
    with (
        Receiver() as receiver,
        running(tmp_path, route=[to(receiver.address)], listener=listeners, relay=relay),
    ):
        with smtplib.SMTP("::1", port, timeout=20) as client:
            client.sendmail(ANN, BOB, wire(letter("by ipv6")))
        (mail,) = receiver.wait_for(1)
        assert b"[IPv6:::1]" in mail.header
