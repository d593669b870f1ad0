"""What a sender may want of a message besides its delivery, from a real client through real servers: MT-PRIORITY, DELIVERBY, FUTURERELEASE.

Our own `mailrail send` and Python's client in front; behind, a second mailrail, Exim and Postfix, which offer none of it.
"""

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, BOB
from tests.support.peers.exim import exim
from tests.support.peers.mail_server import MailServer
from tests.support.peers.postfix import postfix
from tests.support.receiver import EXTENSIONS, Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LETTER = b"From: <ann@sender.example>\r\nTo: <bob@receiver.example>\r\nSubject: urgent\r\n\r\nhello\r\n"
FRONT = {"role": "submission", "mt_priority": "relay", "deliver_by_s": "30s", "future_release_s": "1d"}
BACK = {"role": "mx", "mt_priority": "relay", "deliver_by_s": "20s"}
ACCEPT = ("receiver.example",)
Peer = Callable[..., AbstractContextManager[MailServer]]


@contextmanager
def chain(folder: Path, receiver: Receiver) -> Iterator[tuple[Daemon, Daemon]]:
    """Run two of us, one behind the other, and *receiver* behind both."""
    (folder / "front").mkdir()
    (folder / "back").mkdir()
    with (
        running(folder / "back", listener=[BACK], route=[to(receiver.address)]) as back,
        running(folder / "front", listener=[FRONT], route=[to(back.address)]) as front,
    ):
        yield front, back


def submit(daemon: Daemon, *options: str) -> str:
    """Give a message and return the reply to MAIL."""
    with smtplib.SMTP(daemon.host, daemon.port, timeout=20) as client:
        client.ehlo()
        _, said = client.mail(ANN, options)
        assert client.rcpt(BOB)[0] == 250
        assert client.data(LETTER)[0] == 250
        return said.decode()


def command_line(daemon: Daemon, folder: Path, *options: str) -> str:
    """Give a message by `mailrail send`, and return what it printed."""
    file = folder / "letter.eml"
    file.write_bytes(LETTER)
    done = daemon.command("send", str(file), "--server", daemon.address, *options)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_priority_and_time_reach_the_last_hop_by_two_of_us_and_the_trace_tells_them(tmp_path: Path) -> None:
    offer = (*EXTENSIONS, "MT-PRIORITY", "DELIVERBY")
    with Receiver(extensions=offer) as receiver, chain(tmp_path, receiver) as (front, back):
        wishes = ("--priority", "5", "--deliver-by", "1h", "--trace")
        assert command_line(front, tmp_path, *wishes).startswith("0 ")
        mails = receiver.wait_for(3)
        (letter,) = [mail for mail in mails if ANN in mail.sender]
        found = re.search(r" MT-PRIORITY=5 BY=(\d+);RT", letter.sender)
        assert found is not None
        assert 3500 < int(found[1]) <= 3600
        assert letter.header.count(b"PRIORITY 5;") == 2
        (accepted,) = front.wait_for("MessageAccepted", sender=ANN)
        assert accepted["priority"] == 5
        notices = [mail for mail in mails if mail is not letter]
        assert len(notices) == 2, "both of us tell that we passed it on"
        for notice in notices:
            assert b"Action: relayed\r\n" in notice.content
            assert b"\r\nDeliver-by-date: " in notice.content
            assert notice.sender.endswith(" MT-PRIORITY=5"), "a notice has the priority of what it tells of"
        assert back.wait_for("MessageAccepted", sender=ANN)[0]["priority"] == 5


def test_what_is_not_offered_is_refused_by_our_own_client_and_nothing_is_sent(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        said = command_line(daemon, tmp_path, "--priority", "5", "--deliver-by", "1h", "--hold-for", "5m")
        assert said.startswith("65 ")
        assert "the server does not offer FUTURERELEASE, MT-PRIORITY, DELIVERBY" in said
        said = command_line(daemon, tmp_path, "--requiretls")
        assert said.startswith("65 ")
        assert daemon.events("MessageAccepted") == []


def test_our_own_client_has_a_message_kept_back_and_no_next_hop_keeps_it_again(tmp_path: Path) -> None:
    offer = (*EXTENSIONS, "FUTURERELEASE 99999 2099-12-31T00:00:00Z")
    with (
        Receiver(extensions=offer) as receiver,
        running(tmp_path, listener=[FRONT], route=[to(receiver.address)]) as daemon,
    ):
        assert command_line(daemon, tmp_path, "--hold-for", "2h").startswith("0 ")
        (row,) = daemon.queue()
        assert row["release_us"] == row["arrived_us"] + 7_200_000_000
        assert daemon.command("queue", "retry", row["queue_id"]).returncode == 0
        (mail,) = receiver.wait_for(1)
        assert "HOLD" not in mail.sender
        said = command_line(daemon, tmp_path, "--hold-for", "25h")
        assert "keeps no message back for 90000 s, but for 86400 s" in said


def test_what_is_late_comes_back_and_what_is_held_shows_its_time(tmp_path: Path) -> None:
    def later(step: Any) -> str | None:
        return "450 4.2.0 not now" if step.verb == "RCPT" and BOB in step.argument else None

    offer = (*EXTENSIONS, "DELIVERBY")
    with Receiver(script=later, extensions=offer) as receiver:
        listener = [{**FRONT, "deliver_by_s": "1s"}]
        with running(tmp_path, listener=listener, route=[to(receiver.address)]) as daemon:
            submit(daemon, "BY=3600;R")
            (row,) = daemon.queue()
            shown = daemon.command("queue", "show", row["queue_id"]).stdout
            assert "then returned (DELIVERBY)" in shown
            assert daemon.command("queue", "delete", row["queue_id"]).returncode == 0
            submit(daemon, "BY=20;R")
            daemon.kill()
            daemon.start()
            (notice,) = receiver.wait_for(1, timeout_s=60)
            assert b"Status: 5.4.7\r\n" in notice.content
            (expired,) = daemon.wait_for("RecipientExpired")
            assert 19.9 < expired["delay_s"] < 120
            daemon.wait_for_empty_queue()


@pytest.mark.parametrize("peer", [exim, postfix])
def test_peers_that_offer_nothing_get_the_message_without_a_word_of_it(tmp_path: Path, peer: Peer) -> None:
    """RFC 6710 §4.3, RFC 2852 §4.1.4.2."""
    with Receiver() as home, peer(accept=ACCEPT) as server:
        routes = [to(home.address, match="sender.example"), to(server.address)]
        with running(tmp_path, listener=[FRONT], route=routes) as daemon:
            submit(daemon, "MT-PRIORITY=9", "BY=60;N")
            (kept,) = server.wait_for_mail(1)
            assert b"Subject: urgent" in kept
            (notice,) = home.wait_for(1)
            assert b"Action: relayed\r\n" in notice.content
            assert b"Final-Recipient: rfc822; bob@receiver.example\r\n" in notice.content


@pytest.mark.parametrize("peer", [exim, postfix])
def test_peers_that_promise_nothing_get_nothing_that_must_come_back(tmp_path: Path, peer: Peer) -> None:
    """RFC 2852 §4.1.4.1."""
    with Receiver() as home, peer(accept=ACCEPT) as server:
        routes = [to(home.address, match="sender.example"), to(server.address)]
        with running(tmp_path, listener=[FRONT], route=routes) as daemon:
            submit(daemon, "BY=60;R")
            (notice,) = home.wait_for(1)
            assert b"Action: failed\r\nStatus: 5.7.1\r\n" in notice.content
            assert b"it offers no DELIVERBY" in notice.content
            (failed,) = daemon.wait_for("RecipientFailed")
            assert failed["blame"] == "message"
            daemon.wait_for_empty_queue()


def test_a_stranger_may_not_push_forward(tmp_path: Path) -> None:
    with Receiver(extensions=(*EXTENSIONS, "MT-PRIORITY")) as receiver:
        listener = [{"role": "mx", "mt_priority": "lower"}]
        with running(tmp_path, listener=listener, route=[to(receiver.address)]) as daemon:
            assert submit(daemon, "MT-PRIORITY=9").startswith("2.3.6 0 is the new priority")
            assert submit(daemon, "MT-PRIORITY=-9") == "2.1.0 Sender ok"
            mails = receiver.wait_for(2)
            assert sorted(mail.sender.rpartition("=")[2] for mail in mails) == ["-9", "0"]
