"""The daemon's own handler behind a server: who may send what where, and what is kept of it."""

import asyncio
from ipaddress import ip_network

import pytest
from tests.unit.intake.door import POSTMASTER, Doorway, make_doorway
from tests.unit.server.lobby import FRIEND, LETTER, STRANGER, FakeConnection, Lobby, make_lobby, play

from mailrail.intake import Treatment
from mailrail.model import Address, Envelope, LocalProtocolError, Recipient, StoreTrouble
from mailrail.policy import PriorityRight, RelayRules
from mailrail.receive import Duty, Reception
from mailrail.server.events import SessionFailed

RULES = RelayRules((ip_network("10.0.0.0/8"),), ("example.net", "other.example"))
MAIL = b"MAIL FROM:<ann@example.org>\r\n"


def make_site(
    *,
    is_submission: bool = False,
    is_members_only: bool = False,
    is_lmtp: bool = False,
    has_postmaster: bool = True,
    needs_tls: bool = False,
    priority_right: PriorityRight = PriorityRight.NONE,
) -> tuple[Lobby, Doorway]:
    doorway = make_doorway()
    duty = Duty(
        intake=doorway.intake,
        rules=RULES,
        hostname="mx.example",
        is_submission=is_submission,
        treatment=Treatment(completes=is_submission),
        is_members_only=is_members_only,
        is_lmtp=is_lmtp,
        needs_tls=needs_tls,
        postmaster=POSTMASTER if has_postmaster else None,
        priority_right=priority_right,
    )
    may_ask = priority_right is not PriorityRight.NONE
    return make_lobby(Reception.for_duty(duty), is_lmtp=is_lmtp, mt_priority=may_ask), doorway


async def answers(client: FakeConnection, *lines: bytes) -> list[str]:
    """Say each line and return the last line of each answer."""
    said = []
    for line in lines:
        client.say(line + b"\r\n")
        await asyncio.sleep(0.01)
        said.append(client.last())
    return said


def envelopes(doorway: Doorway) -> list[Envelope]:
    return [next(iter(stored.items.values())).message.envelope for stored in doorway.store.messages.values()]


def test_a_listener_that_needs_tls_takes_no_mail_in_clear() -> None:
    async def scenario() -> None:
        lobby, _ = make_site(needs_tls=True)
        client = lobby.arrive()
        _, answer = await answers(client, b"EHLO client.example", MAIL.strip())
        assert answer.startswith("530 5.7.0")

    play(scenario)


@pytest.mark.parametrize(
    ("host", "asked", "reply", "kept"),
    [
        (FRIEND, 9, "250 2.1.0 Sender ok", 9),
        (STRANGER, 9, "250 2.3.6 0 is the new priority", 0),
        (STRANGER, -4, "250 2.1.0 Sender ok", -4),
        (STRANGER, 0, "250 2.1.0 Sender ok", 0),
    ],
)
def test_a_stranger_may_stand_back_but_not_push_forward(host: str, asked: int, reply: str, kept: int) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site(priority_right=PriorityRight.RELAY)
        client = lobby.greeted(host)
        mail = b"MAIL FROM:<ann@example.org> MT-PRIORITY=%d" % asked
        said = await answers(client, mail, b"RCPT TO:<bob@example.net>", b"DATA", b"text\r\n.")
        assert said[0].startswith(reply)
        assert said[3].startswith("250 2.0.0 Queued")
        assert [envelope.priority for envelope in envelopes(doorway)] == [kept]
        (content,) = doorway.stored()
        assert (b"\r\n\tPRIORITY %d;" % kept in content) is (kept != 0)
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    ("host", "is_submission", "parameter", "field", "kept"),
    [
        (FRIEND, True, b"", b"MT-Priority: 7", 7),
        (STRANGER, True, b"", b"MT-Priority: 7", 0),
        (STRANGER, True, b"", b"MT-Priority: -7", -7),
        (FRIEND, True, b" MT-PRIORITY=0", b"MT-Priority: 7", 0),
        (FRIEND, True, b"", b"MT-Priority: many", 0),
        (FRIEND, False, b"", b"MT-Priority: 7", 0),
    ],
)
def test_a_submissions_header_says_its_priority_where_mail_does_not(
    host: str, is_submission: bool, parameter: bytes, field: bytes, kept: int
) -> None:
    """RFC 6758 §3.1."""

    async def scenario() -> None:
        lobby, doorway = make_site(priority_right=PriorityRight.RELAY, is_submission=is_submission)
        client = lobby.greeted(host)
        mail = b"MAIL FROM:<ann@example.org>" + parameter
        said = await answers(
            client, mail, b"RCPT TO:<bob@example.net>", b"DATA", field + b"\r\n\r\ntext\r\n."
        )
        assert said[3].startswith("250 2.0.0 Queued")
        assert [envelope.priority for envelope in envelopes(doorway)] == [kept]
        (content,) = doorway.stored()
        assert (b"\r\n\tPRIORITY %d;" % kept in content) is (kept != 0)
        assert field in content, "it stays, for what is behind us may read it"
        await lobby.server.stop(0)

    play(scenario)


def test_a_message_for_our_domain_is_kept_with_its_trace_before_the_250() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.arrive()
        assert client.heard() == "220 mx.example ESMTP mailrail\n"
        said = await answers(
            client,
            b"EHLO client.example",
            b"MAIL FROM:<ann@example.org>",
            b"RCPT TO:<bob@example.net>",
            b"DATA",
            b"Subject: hi\r\n\r\n..dot\r\n.",
        )
        assert said[-1].startswith("250 2.0.0 Queued as ")
        queue_id = said[-1].split()[-1].encode()
        assert doorway.stored() == [
            b"Received: from client.example ([198.51.100.7])\r\n\tby mx.example with ESMTP id "
            + queue_id
            + b"\r\n\tfor <bob@example.net>;\r\n\tSun, 15 Jun 2025 15:06:40 +0000\r\n"
            + b"Subject: hi\r\n\r\n.dot\r\n"
        ]
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    "path",
    [
        b"eve@elsewhere.example",
        b"eve%elsewhere.example@example.net",
        b"elsewhere.example!eve@example.net",
        b'"eve@elsewhere.example"@example.net',
        b"@example.net:eve@elsewhere.example",
        b"eve@[192.0.2.25]",
        b"eve%elsewhere.example@[192.0.2.25]",
    ],
)
@pytest.mark.parametrize(
    "sender", [b"<>", b"<ann@example.net>", b"<ann@example.org>", b"<ann@[192.0.2.25]>", b"<ann@localhost>"]
)
@pytest.mark.parametrize("hello", [b"mx.example", b"localhost", b"[192.0.2.25]"])
def test_a31_we_are_no_open_relay(path: bytes, sender: bytes, hello: bytes) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.arrive()
        said = await answers(
            client, b"EHLO " + hello, b"MAIL FROM:" + sender, b"RCPT TO:<" + path + b">", b"DATA"
        )
        assert said[2].startswith("550 5.7.1 ")
        assert said[3].startswith("554 5.5.1 ")
        assert doorway.stored() == []
        await lobby.server.stop(0)

    play(scenario)


def test_a31_auth_by_parameter_is_no_login() -> None:
    async def scenario() -> None:
        lobby, _ = make_site()
        said = await answers(
            lobby.greeted(), b"MAIL FROM:<ann@example.org> AUTH=<>", b"RCPT TO:<eve@elsewhere.example>"
        )
        assert said[0].startswith("555 5.5.4")
        assert said[1].startswith("503")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("path", [b"postmaster@example.net", b"Abuse@other.example", b"POSTMASTER"])
def test_a32_postmaster_and_abuse_are_reached_by_anybody(path: bytes) -> None:
    async def scenario() -> None:
        lobby, _ = make_site()
        said = await answers(lobby.greeted(), b"MAIL FROM:<>", b"RCPT TO:<" + path + b">")
        assert said[1] == "250 2.1.5 Recipient ok"
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("host", [STRANGER, FRIEND])
def test_a32_the_bare_postmaster_is_the_one_who_was_named_once_however_often_asked_for(host: str) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted(host)
        await answers(
            client,
            b"MAIL FROM:<>",
            b"RCPT TO:<Postmaster>",
            b"RCPT TO:<postmaster@example.net>",
            b"RCPT TO:<bob@other.example>",
            b"RCPT TO:<bob@other.example>",
            b"DATA",
            b"text\r\n.",
        )
        (envelope,) = envelopes(doorway)
        assert [recipient.forward_path for recipient in envelope.recipients] == [
            POSTMASTER,
            Address("bob", "other.example"),
        ]
        await answers(client, b"MAIL FROM:<>", b"RCPT TO:<Postmaster>", b"DATA", b"text\r\n.")
        assert [recipient.forward_path for recipient in envelopes(doorway)[1].recipients] == [POSTMASTER]
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("host", [STRANGER, FRIEND])
def test_without_a_postmaster_the_bare_one_is_told_where_to_write(host: str) -> None:
    async def scenario() -> None:
        lobby, _ = make_site(has_postmaster=False)
        said = await answers(lobby.greeted(host), b"MAIL FROM:<>", b"RCPT TO:<Postmaster>")
        assert said[1].startswith("550 5.1.1 No postmaster is named here")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("is_submission", [True, False])
def test_a38_only_a_submission_gets_date_and_message_id(is_submission: bool) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site(is_submission=is_submission)
        client = lobby.greeted(FRIEND)
        await answers(
            client, MAIL + b"RCPT TO:<eve@elsewhere.example>", b"DATA", b"Bcc: x@y\r\n\r\ntext\r\n."
        )
        (content,) = doorway.stored()
        assert (b"\r\nDate: " in content) is is_submission
        assert (b"\r\nMessage-ID: " in content) is is_submission
        assert content.endswith(b"Bcc: x@y\r\n\r\ntext\r\n")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(("is_submission", "reply"), [(True, "530 5.7.0"), (False, "550 5.7.1")])
def test_a_listener_for_members_serves_nobody_else(is_submission: bool, reply: str) -> None:
    async def scenario() -> None:
        lobby, _ = make_site(is_submission=is_submission, is_members_only=True)
        stranger, friend = lobby.greeted(STRANGER), lobby.greeted(FRIEND)
        assert (await answers(stranger, MAIL.strip()))[0].startswith(reply)
        assert (await answers(friend, MAIL.strip()))[0].startswith("250")
        await lobby.server.stop(0)

    play(scenario)


def test_a69_a_spool_without_space_refuses_at_mail_and_recovers() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted()
        doorway.store.refuses = StoreTrouble.FULL
        assert (await answers(client, MAIL.strip()))[0].startswith("452 4.3.1")
        doorway.store.refuses = None
        assert (await answers(client, MAIL.strip()))[0].startswith("250")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    ("trouble", "reply"), [(StoreTrouble.FULL, "452 4.3.1"), (StoreTrouble.FAILED, "451 4.3.0")]
)
@pytest.mark.parametrize("is_begun", [False, True])
def test_a68_a_spool_that_fails_is_answered_4yz_and_nothing_is_queued(
    trouble: StoreTrouble, reply: str, is_begun: bool
) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted()
        await answers(client, MAIL + b"RCPT TO:<bob@example.net>")
        if not is_begun:
            doorway.store.refuses = trouble
        said = await answers(client, b"DATA")
        if is_begun:
            assert said[0].startswith("354")
            doorway.store.refuses = trouble
            said = await answers(client, b"text\r\n.")
        assert said[0].startswith(reply)
        assert doorway.stored() == []
        assert doorway.taker.offered == []
        doorway.store.refuses = None
        said = await answers(client, b"RSET", LETTER.strip(), b"text\r\n.")
        assert said[-1].startswith("250 2.0.0 Queued")
        await lobby.server.stop(0)

    play(scenario)


def test_a68_a_chunk_for_a_spool_that_takes_nothing_is_dropped_and_answered() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted()
        doorway.store.refuses = None
        await answers(client, MAIL + b"RCPT TO:<bob@example.net>")
        doorway.store.refuses = StoreTrouble.FULL
        client.say(b"BDAT 6\r\ntext\r\nBDAT 6 LAST\r\ntext\r\n")
        assert [line[:9] for line in client.heard().splitlines()] == ["452 4.3.1", "503 5.5.1"]
        doorway.store.refuses = None
        client.say(MAIL + b"RCPT TO:<bob@example.net>\r\nBDAT 6\r\ntext\r\nBDAT 6 LAST\r\ntext\r\n")
        await asyncio.sleep(0.01)
        assert client.last().startswith("250 2.0.0 Queued")
        assert doorway.stored()[0].endswith(b"\r\ntext\r\ntext\r\n")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("trouble", [StoreTrouble.FULL, StoreTrouble.FAILED])
def test_a68_a_message_of_one_chunk_for_a_spool_that_takes_nothing_is_answered_and_the_session_goes_on(
    trouble: StoreTrouble,
) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted()
        await answers(client, MAIL + b"RCPT TO:<bob@example.net>")
        doorway.store.refuses = trouble
        client.say(b"BDAT 6 LAST\r\ntext\r\n")
        assert client.last()[:3] == ("452" if trouble is StoreTrouble.FULL else "451")
        doorway.store.refuses = None
        client.say(MAIL + b"RCPT TO:<bob@example.net>\r\nBDAT 6 LAST\r\ntext\r\n")
        await asyncio.sleep(0.01)
        assert client.last().startswith("250 2.0.0 Queued")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("words", [b"RSET", b"EHLO client.example", b"QUIT", b""])
def test_a_transaction_that_is_given_up_leaves_nothing(words: bytes) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.greeted()
        client.say(MAIL + b"RCPT TO:<bob@example.net>\r\nBDAT 6\r\ntext\r\n")
        if words:
            await answers(client, words)
        else:
            client.leave()
        assert doorway.stored() == []
        await lobby.server.stop(0)

    play(scenario)


def test_a_bug_at_the_end_is_answered_451_and_the_draft_is_discarded() -> None:
    def broken(recipient: Recipient) -> str:
        raise LocalProtocolError("no way there")

    async def scenario() -> None:
        lobby, doorway = make_site()
        doorway.intake.route = broken
        client = lobby.greeted()
        said = await answers(client, LETTER.strip(), b"text\r\n.")
        assert said[1].startswith("451 4.3.0")
        (failed,) = lobby.told(SessionFailed)
        assert isinstance(failed, SessionFailed)
        assert failed.trace == "no way there"
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    ("hello", "parameter", "path", "word"),
    [
        (b"EHLO", b"", b"bob@example.net", b"with ESMTP id"),
        (b"HELO", b"", b"bob@example.net", b"with SMTP id"),
        (b"EHLO", b" SMTPUTF8", "jörg@example.net".encode(), b"with UTF8SMTP id"),
        (b"LHLO", b"", b"bob@example.net", b"with LMTP id"),
        (b"LHLO", b" SMTPUTF8", b"bob@example.net", b"with UTF8LMTP id"),
    ],
)
def test_the_trace_names_the_protocol_and_the_wishes_travel_with_the_envelope(
    hello: bytes, parameter: bytes, path: bytes, word: bytes
) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site(is_lmtp=hello == b"LHLO")
        client = lobby.arrive()
        await answers(
            client,
            hello + b" client.example",
            b"MAIL FROM:<ann@example.org>" + parameter,
            b"RCPT TO:<" + path + b">",
            b"DATA",
            b"text\r\n.",
        )
        (content,) = doorway.stored()
        assert word in content
        (envelope,) = envelopes(doorway)
        assert envelope.smtputf8 is bool(parameter)
        await lobby.server.stop(0)

    play(scenario)


def test_the_trace_of_mail_by_a_unix_socket_names_no_address() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        await answers(lobby.greeted("/run/mail.sock"), LETTER.strip(), b"text\r\n.")
        (content,) = doorway.stored()
        assert content.startswith(b"Received: from client.example\r\n\tby mx.example with ESMTP id ")
        await lobby.server.stop(0)

    play(scenario)


def test_a14_a_hello_that_would_break_the_trace_is_made_harmless() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        client = lobby.arrive()
        await answers(client, b'EHLO (evil)<x>;\\"', LETTER.strip(), b"text\r\n.")
        assert doorway.stored()[0].startswith(b"Received: from ?evil??x???? ([198.51.100.7])\r\n")
        await lobby.server.stop(0)

    play(scenario)
