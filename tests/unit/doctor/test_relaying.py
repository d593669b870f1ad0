"""Open relay: by the rules, and by a session as a stranger (A31)."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.doctor.ward import HOST, OURS, OURS6, SETTINGS, found, only, status

from mailrail.doctor import Level
from mailrail.model import Recipient, reply
from mailrail.net import Connection, Endpoint
from mailrail.policy import RelayRules
from mailrail.server import Answer, Handler, Server, Transaction


class Closed(Handler):
    """Relays for nobody, by the real rules."""

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        rules = RelayRules((), ["example.org"])
        return rules.decide(recipient.forward_path, may_relay=False).refusal or reply.RECIPIENT_OK


class Percent(Handler):
    """Takes whatever has a domain of ours behind the last @, as servers did in 1995."""

    def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
        is_ours = recipient.forward_path.domain == "example.org"
        return reply.RECIPIENT_OK if is_ours else reply.RELAY_DENIED


def serving(handler: type[Handler]) -> Any:
    async def world(network: MemoryNetwork) -> None:
        await Server(handler, hostname=HOST, listen=f"{OURS}:25", network=network).__aenter__()

    return world


def test_out_of_the_box_nobody_relays(tmp_path: Path) -> None:
    only(found("relay", tmp_path), Level.OK)


@pytest.mark.parametrize(
    ("network", "level", "words"),
    [
        ("0.0.0.0/0", Level.ERROR, "the whole world"),
        ("::/0", Level.ERROR, "the whole world"),
        ("64.0.0.0/4", Level.WARNING, "268,435,456 public addresses"),
    ],
)
def test_networks_that_are_too_wide_are_told(tmp_path: Path, network: str, level: Level, words: str) -> None:
    settings = {**SETTINGS, "relay": {"networks": [network]}}
    assert words in only(found("relay", tmp_path, settings=settings)[:1], level).what


def test_when_everybody_may_relay_the_rules_say_so_too(tmp_path: Path) -> None:
    settings = {**SETTINGS, "relay": {"networks": ["203.0.113.0/24"]}}
    findings = found("relay", tmp_path, settings=settings)
    assert {finding.level for finding in findings} == {Level.ERROR}
    assert "plain address <nobody@relay-test.example> is taken, by the rules" in findings[0].what


def test_a_server_that_refuses_every_form_is_good(tmp_path: Path) -> None:
    findings = found("relay", tmp_path, serving(Closed), status=status(), own=[OURS])
    assert [finding.level for finding in findings] == [Level.OK, Level.OK]
    assert "all 7 forms are refused" in findings[1].what


def test_a_server_that_takes_an_address_in_disguise_is_found_out(tmp_path: Path) -> None:
    findings = found("relay", tmp_path, serving(Percent), status=status(), own=[OURS])
    assert {finding.level for finding in findings} == {Level.ERROR}
    assert [finding.what.partition(": ")[2].partition(" <")[0] for finding in findings] == [
        "%-hack",
        "quoted address",
        "UUCP path",
    ]


def test_a_server_that_takes_everything_is_found_out(tmp_path: Path) -> None:
    findings = found("relay", tmp_path, serving(Handler), status=status(), own=[OURS])
    assert len(findings) == 7


def test_a_machine_that_may_relay_itself_cannot_ask_as_a_stranger(tmp_path: Path) -> None:
    settings = {**SETTINGS, "relay": {"networks": [OURS]}}
    findings = found("relay", tmp_path, serving(Closed), status=status(), own=[OURS], settings=settings)
    assert "itself, may relay" in only(findings[1:], Level.NOTE).what


@pytest.mark.parametrize("address", ["[::1]:25", "unix:/run/x", "127.0.0.1:25"])
def test_where_no_stranger_can_come_none_is_played(tmp_path: Path, address: str) -> None:
    settings = {**SETTINGS, "listener": [{"address": address}]}
    findings = found("relay", tmp_path, status=status(), settings=settings, own=[OURS, OURS6])
    assert "no address that is not loopback" in only(findings[1:], Level.NOTE).what


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "no reply in 20 s"),
        (b"SSH-2.0-x\r\n", "is no reply of SMTP"),
        (b"x" * 70_000, "ended the session"),
    ],
)
def test_who_does_not_speak_smtp_ends_the_check_and_not_the_program(
    tmp_path: Path, said: bytes, words: str
) -> None:
    async def world(network: MemoryNetwork) -> None:
        class Odd:
            def __init__(self, connection: Connection) -> None:
                connection.attach(self)
                connection.write(said)

            def received(self, data: bytes, /) -> None: ...
            def writable(self) -> None: ...
            def ended(self, error: Exception | None, /) -> None: ...

        network.listen(Endpoint(OURS, 25), lambda connection: (Odd(connection), None)[1])

    findings = found("relay", tmp_path, world, status=status(), own=[OURS])
    assert words in only(findings[1:], Level.NOTE).why


def test_a_server_that_takes_no_senders_relays_nothing(tmp_path: Path) -> None:
    class Shut(Handler):
        def mail(self, transaction: Transaction) -> Answer:
            return reply.AUTH_REQUIRED

    findings = found("relay", tmp_path, serving(Shut), status=status(), own=[OURS])
    assert {finding.level for finding in findings} == {Level.OK}


def test_a_server_that_is_gone_meanwhile_is_a_note(tmp_path: Path) -> None:
    findings = found("relay", tmp_path, status=status(), own=[OURS])
    assert "ended early" in only(findings[1:], Level.NOTE).what


def test_what_was_taken_before_the_session_ended_counts(tmp_path: Path) -> None:
    class Short(Handler):
        def rcpt(self, transaction: Transaction, recipient: Recipient) -> Answer:
            is_first = recipient.forward_path.local_part == "nobody"
            return reply.RECIPIENT_OK if is_first else reply.SHUTTING_DOWN

    findings = found("relay", tmp_path, serving(Short), status=status(), own=[OURS])
    assert "plain address" in only(findings[:1], Level.ERROR).what
