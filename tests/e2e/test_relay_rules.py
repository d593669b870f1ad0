"""Never an open relay, whatever the form of the address; always reachable at the role mailboxes."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.letters import ANN, letter, send
from tests.support.peers.swaks import swaks
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOBODY: dict[str, list[str]] = {"networks": []}
LOCAL = "local.example"

PROBES = [
    "<victim@elsewhere.example>",
    "<victim%elsewhere.example@local.example>",
    "<victim%elsewhere.example@mail.test.example>",
    "<elsewhere.example!victim@local.example>",
    "<elsewhere.example!victim>",
    '<"victim@elsewhere.example"@local.example>',
    '<"victim@elsewhere.example">',
    '<"victim%elsewhere.example"@local.example>',
    "<@local.example:victim@elsewhere.example>",
    "<@mail.test.example,@local.example:victim@elsewhere.example>",
    "<victim@elsewhere.example@local.example>",
    "<victim@local.example@elsewhere.example>",
    "<victim@[127.0.0.1]>",
    "<victim%elsewhere.example@[127.0.0.1]>",
    "<victim@[IPv6:::1]>",
    "<victim@mail.test.example>",
    "<victim@localhost>",
    "<victim@sub.local.example>",
    "<victim@xlocal.example>",
    "<victim@elsewhere.example.>",
    "<victim@ELSEWHERE.example>",
    "<postmaster@elsewhere.example>",
    "<abuse@elsewhere.example>",
    "<postmaster%elsewhere.example@local.example>",
    "victim@elsewhere.example",
    "<victim@elsewhere.example> NOTIFY=NEVER",
]
SENDERS = [
    "<ann@stranger.example>",
    "<>",
    "<ann@local.example>",
    "<postmaster@mail.test.example>",
    "<ann@elsewhere.example>",
]


def stranger(daemon: Daemon, hello: str = "stranger.example") -> RawClient:
    client = RawClient(daemon.host, daemon.port)
    client.say_all(f"EHLO {hello}")
    return client


def test_a31_no_stranger_gets_anything_relayed(tmp_path: Path) -> None:
    """A31: every probe from every kind of sender, through a real socket, with an empty relay.networks."""
    settings: dict[str, Any] = {
        "relay": NOBODY,
        "domain": {LOCAL: {}},
        "limits": {"errors": 1000, "soft_errors": 1000, "connections_per_minute": 10_000},
    }
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)], **settings) as daemon:
        for sender in SENDERS:
            with stranger(
                daemon, hello="mail.test.example" if "postmaster" in sender else "stranger.example"
            ) as client:
                for probe in PROBES:
                    assert client.say(f"MAIL FROM:{sender}")[:3] == "250"
                    reply = client.say(f"RCPT TO:{probe}")
                    assert reply[:9] in ("550 5.7.1", "501 5.1.3"), f"{sender} -> {probe}: {reply}"
                    assert client.say("DATA")[:3] in ("503", "554"), probe
                    assert client.say("RSET")[:3] == "250"
        daemon.stop()
        assert receiver.verbs["CONNECT"] == 0
        assert daemon.errors() == []


def test_a31_nothing_configured_relays_not_even_for_loopback(tmp_path: Path) -> None:
    with running(tmp_path, relay=NOBODY) as daemon:
        dialogue = swaks(daemon.host, daemon.port, "--from", ANN, "--to", "victim@elsewhere.example")
        assert dialogue.exit_code == 24
        assert dialogue.has_reply("550 5.7.1 Relaying denied")


def test_a31_a_null_sender_and_auth_parameter_open_nothing(tmp_path: Path) -> None:
    with running(tmp_path, relay=NOBODY) as daemon, stranger(daemon) as client:
        reply = client.say("MAIL FROM:<> AUTH=<>")
        if reply.startswith("250"):
            assert client.say("RCPT TO:<victim@elsewhere.example>")[:9] == "550 5.7.1"
        else:
            assert reply[:3] in ("555", "501"), reply


@pytest.mark.parametrize("role", ["submission", "internal"])
def test_a_listener_for_our_own_people_takes_nothing_from_strangers(tmp_path: Path, role: str) -> None:
    settings: dict[str, Any] = {"relay": NOBODY, "domain": {LOCAL: {}}, "listener": [{"role": role}]}
    with running(tmp_path, **settings) as daemon, stranger(daemon) as client:
        assert client.say(f"MAIL FROM:<{ANN}>")[:3] in ("530", "550")
        assert client.say(f"RCPT TO:<bob@{LOCAL}>")[:3] in ("503", "550")


def test_a32_mail_for_our_domains_and_their_role_mailboxes_is_taken_from_strangers(tmp_path: Path) -> None:
    """A32: postmaster and abuse at every local domain, in any case, and the bare <Postmaster>."""
    with (
        Receiver() as receiver,
        running(tmp_path, relay=NOBODY, domain={LOCAL: {"relay_to": receiver.address}}) as daemon,
    ):
        with stranger(daemon) as client:
            client.say_all(f"MAIL FROM:<{ANN}>")
            for path in (
                "postmaster@local.example",
                "PostMaster@LOCAL.example",
                "abuse@local.example",
                "Postmaster",
                "bob@local.example",
            ):
                assert client.say(f"RCPT TO:<{path}>")[:3] == "250", path
            client.say_all("DATA", "Subject: to all\r\n\r\nhello\r\n.")
        (mail,) = receiver.wait_for(1)
        assert {argument.casefold() for argument in mail.recipients} == {
            "to:<postmaster@local.example>",
            "to:<abuse@local.example>",
            "to:<bob@local.example>",
        }


def test_a38_only_a_submission_gets_the_fields_it_lacks(tmp_path: Path) -> None:
    """A38: Date and Message-ID are added on submission, never on mx."""
    bare = b"From: ann@sender.example\r\nSubject: bare\r\n\r\nhello\r\n"
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        send(daemon, bare)
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == bare
        daemon.stop()
    (tmp_path / "two").mkdir()
    with (
        Receiver() as receiver,
        running(tmp_path / "two", route=[to(receiver.address)], listener=[{"role": "submission"}]) as daemon,
    ):
        send(daemon, bare)
        send(daemon, letter("complete"))
        first, second = sorted(receiver.wait_for(2), key=lambda mail: b"complete" in mail.header)
        assert b"\r\nDate: " in first.header
        assert b"\r\nMessage-ID: <" in first.header
        assert first.content.endswith(bare)
        assert second.header.count(b"\r\nMessage-ID: ") == 1
