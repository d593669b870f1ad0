"""Sessions with a toy server, in memory and in virtual time (rows A5, A6, A55, A58, A59, A60)."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.client.toy_server import (
    CUT,
    HERE,
    SILENCE,
    BlockSource,
    ToyServer,
    envelope,
    with_server,
)

from mailrail.client import (
    ClientSession,
    ClientSettings,
    SendResult,
    SessionFailed,
    SessionRefused,
    SessionTerms,
    WholeSource,
)
from mailrail.model import (
    Body,
    LocalProtocolError,
    Login,
    NetTrouble,
    Notify,
    Recipient,
    TlsLevel,
    parse_address,
)
from mailrail.net import Endpoint
from mailrail.smtp import Role, Stage

PLAIN = SessionTerms(hello_name="client.example", tls=TlsLevel.NONE)
HI = WholeSource(b"Subject: hi\r\n\r\n.dot\r\n")


async def opened(
    network: MemoryNetwork, terms: SessionTerms = PLAIN, settings: ClientSettings | None = None
) -> ClientSession:
    return await ClientSession.open(network, HERE, terms, settings or ClientSettings())


def usable(session: ClientSession) -> bool:
    return session.is_usable


def codes(result: SendResult) -> list[str]:
    return [f"{stage.value} {reply.code}" for reply, stage in zip(result.replies, result.stages, strict=True)]


def test_a_message_takes_two_writes_and_the_next_one_the_same_session() -> None:
    server = ToyServer()

    async def scenario(network: MemoryNetwork) -> None:
        session = await opened(network)
        for _ in range(2):
            assert usable(session)
            result = await session.send(envelope("bob@example.net"), HI)
            assert codes(result) == ["end-of-data 250"]
        await session.close()
        assert not usable(session)

    with_server(server, scenario)
    assert server.contents == [HI.whole, HI.whole]
    assert len(server.pieces) == 1 + 2 * 2 + 1
    assert server.heard[-1] == "QUIT"


def test_chunking_makes_it_one_write() -> None:
    server = ToyServer(keywords=("PIPELINING", "CHUNKING"))

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("bob@example.net"), HI)

    assert codes(with_server(server, scenario)) == ["end-of-data 250"]
    assert server.contents == [HI.whole]
    assert len(server.pieces) == 2


@pytest.mark.parametrize("keywords", [(), ("PIPELINING",), ("CHUNKING",), ("PIPELINING", "CHUNKING")])
def test_a_thousand_recipients_are_asked_in_windows(keywords: Sequence[str]) -> None:
    server = ToyServer(keywords=keywords, script={"RCPT TO:<u500@example.net>": ["550 5.1.1 no"]})

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope(*(f"u{n}@example.net" for n in range(1000))), HI)

    result = with_server(server, scenario)
    assert [reply.code for reply in result.replies] == [250] * 500 + [550] + [250] * 499
    assert server.contents == [HI.whole]
    commands_at_once = [piece.count(b"RCPT TO") for piece in server.pieces]
    assert max(commands_at_once) <= (200 if "PIPELINING" in keywords else 1)


def test_a_large_message_is_read_in_blocks_and_arrives_whole() -> None:
    """A6 through every block edge, with backpressure from the peer's window."""
    content = b"".join(b".%d\r\n" % n for n in range(60_000))
    server = ToyServer()
    source = BlockSource(content)

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("bob@example.net"), source)

    assert codes(with_server(server, scenario)) == ["end-of-data 250"]
    assert server.contents == [content]
    assert len(source.reads) == -(-len(content) // 65536)


def test_a_binary_message_goes_by_chunks() -> None:
    content = b"\n\r\0." * 40_000
    server = ToyServer(keywords=("PIPELINING", "8BITMIME", "BINARYMIME", "CHUNKING"))

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("bob@example.net"), BlockSource(content), body=Body.BINARY)

    assert codes(with_server(server, scenario)) == ["end-of-data 250"]
    assert server.contents == [content]
    assert [line for line in server.heard if line.startswith("BDAT")] == [
        "BDAT 65536",
        "BDAT 65536",
        "BDAT 28928 LAST",
    ]


def test_a_message_over_the_announced_size_is_not_even_tried() -> None:
    """RFC 1870 §6.2: the register's 552 5.3.4."""
    server = ToyServer(keywords=("SIZE 10",))

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        result = await session.send(envelope("bob@example.net", "eve@example.net"), HI)
        assert usable(session)
        return result

    assert codes(with_server(server, scenario)) == ["mail 552", "mail 552"]
    assert server.heard == ["EHLO client.example"]


def test_some_recipients_of_the_envelope_may_be_chosen() -> None:
    server = ToyServer()
    whole = envelope("a@example.net", "b@example.net")

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(whole, HI, recipients=whole.recipients[1:])

    assert codes(with_server(server, scenario)) == ["end-of-data 250"]
    assert [line for line in server.heard if line.startswith("RCPT")] == ["RCPT TO:<b@example.net>"]


# --- A60: not all at once ---------------------------------------------------------------


def test_recipients_beyond_452_get_a_transaction_of_their_own() -> None:
    """A60."""
    server = ToyServer(
        script={"RCPT TO:<c@example.net>": ["452 4.5.3 too many"], "RCPT TO:<b@example.net>": ["450 4.2.1 x"]}
    )

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("a@example.net", "b@example.net", "c@example.net"), HI)

    assert codes(with_server(server, scenario)) == ["end-of-data 250", "rcpt 450", "end-of-data 250"]
    assert server.contents == [HI.whole] * 2
    assert [line for line in server.heard if line.startswith("RCPT")][3:] == ["RCPT TO:<c@example.net>"]


def test_452_for_everybody_is_not_tried_again_and_again() -> None:
    server = ToyServer(script={"RCPT": ["452 4.5.3 too many"] * 9})

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("a@example.net", "b@example.net"), HI)

    assert codes(with_server(server, scenario)) == ["rcpt 452", "rcpt 452"]
    assert sum(line.startswith("MAIL") for line in server.heard) == 1


def test_limits_are_obeyed() -> None:
    """A60, RFC 9422: recipients, recipient domains, messages of one session."""
    server = ToyServer(keywords=("PIPELINING", "LIMITS RCPTMAX=2 RCPTDOMAINMAX=1 MAILMAX=4"))

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        result = await session.send(
            envelope("a@example.net", "b@example.com", "c@example.net", "d@example.net", "e@example.com"), HI
        )
        assert usable(session)
        assert codes(await session.send(envelope("a@example.net"), HI)) == ["end-of-data 250"]
        assert not usable(session)
        return result

    assert codes(with_server(server, scenario)) == ["end-of-data 250"] * 5
    assert [line.removeprefix("RCPT TO:") for line in server.heard if line.startswith(("RCPT", "MAIL"))] == [
        "MAIL FROM:<ann@example.org>", "<a@example.net>", "<c@example.net>",
        "MAIL FROM:<ann@example.org>", "<b@example.com>", "<e@example.com>",
        "MAIL FROM:<ann@example.org>", "<d@example.net>",
        "MAIL FROM:<ann@example.org>", "<a@example.net>",
    ]  # fmt: skip


def test_those_whom_mailmax_leaves_over_may_try_again() -> None:
    server = ToyServer(keywords=("LIMITS RCPTMAX=1 MAILMAX=2",))

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("a@example.net", "b@example.net", "c@example.net"), HI)

    assert codes(with_server(server, scenario)) == ["end-of-data 250", "end-of-data 250", "rcpt 452"]


def test_a_refused_sender_is_refused_for_every_round() -> None:
    server = ToyServer(keywords=("LIMITS RCPTMAX=1",), script={"MAIL": ["550 5.7.1 no"]})

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("a@example.net", "b@example.net"), HI)

    result = with_server(server, scenario)
    assert [reply.code for reply in result.replies] == [550, 550]


def test_a_break_in_a_later_round_keeps_what_the_earlier_ones_settled() -> None:
    """A59 and A60."""
    server = ToyServer(keywords=("LIMITS RCPTMAX=1",), script={"END": ["250 first", CUT]})

    async def scenario(network: MemoryNetwork) -> SessionFailed:
        session = await opened(network)
        with pytest.raises(SessionFailed) as caught:
            await session.send(envelope("a@example.net", "b@example.net", "c@example.net"), HI)
        return caught.value

    failure = with_server(server, scenario)
    assert [reply and reply.code for reply in failure.replies] == [250, None, None]
    assert failure.stage is Stage.END


# --- what breaks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "stage"),
    [("GREETING", Stage.GREETING), ("EHLO", Stage.HELLO)],
)
@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(CUT, NetTrouble.RESET), (SILENCE, NetTrouble.TIMEOUT), ("354 what", None), ("xyz", None)],
)
def test_a_session_that_breaks_while_it_opens_says_where(
    verb: str, stage: Stage, answer: str, trouble: NetTrouble | None
) -> None:
    """A58."""
    server = ToyServer(script={verb: [answer]})

    async def scenario(network: MemoryNetwork) -> SessionFailed:
        with pytest.raises(SessionFailed) as caught:
            await opened(network)
        return caught.value

    failure = with_server(server, scenario)
    assert (failure.stage, failure.trouble) == (stage, trouble)


@pytest.mark.parametrize(
    ("keywords", "verb"),
    [
        (keywords, verb)
        for keywords in ((), ("PIPELINING",), ("PIPELINING", "CHUNKING"))
        for verb in ("MAIL", "RCPT", "DATA", "END")
        if verb != "DATA" or "CHUNKING" not in keywords
    ],
)
@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(CUT, NetTrouble.RESET), (SILENCE, NetTrouble.TIMEOUT), ("331 what", None), ("xyz", None)],
)
def test_a_session_that_breaks_in_a_message_leaves_the_recipient_open(
    keywords: Sequence[str], verb: str, answer: str, trouble: NetTrouble | None
) -> None:
    """A58 and A59: never counted as delivered, never as refused."""
    server = ToyServer(keywords=keywords, script={verb: [answer]})

    async def scenario(network: MemoryNetwork) -> SessionFailed:
        session = await opened(network)
        with pytest.raises(SessionFailed) as caught:
            await session.send(envelope("bob@example.net"), HI)
        assert not usable(session)
        with pytest.raises(SessionFailed):
            await session.send(envelope("bob@example.net"), HI)
        await session.close()
        return caught.value

    failure = with_server(server, scenario)
    assert failure.trouble is trouble
    assert failure.replies in ((None,), ())
    if verb == "END" and "CHUNKING" not in keywords:
        assert failure.stage is Stage.END
    assert all(session.ends or not session.is_open for session in server.sessions)


def test_what_lmtp_answered_before_the_break_counts() -> None:
    """A59 for LMTP: the first recipient has it, the second is open."""
    server = ToyServer(is_lmtp=True, script={"END": ["250 has it", CUT]})
    terms = SessionTerms(hello_name="client.example", tls=TlsLevel.NONE, role=Role.LMTP)

    async def scenario(network: MemoryNetwork) -> SessionFailed:
        session = await opened(network, terms)
        with pytest.raises(SessionFailed) as caught:
            await session.send(envelope("a@example.net", "b@example.net"), HI)
        return caught.value

    failure = with_server(server, scenario)
    assert [reply and reply.code for reply in failure.replies] == [250, None]


def test_a_refused_connection_is_told_at_connect() -> None:
    async def scenario(network: MemoryNetwork) -> SessionFailed:
        network.refuse(HERE)
        with pytest.raises(SessionFailed) as caught:
            await opened(network)
        return caught.value

    failure = with_server(ToyServer(), scenario)
    assert (failure.stage, failure.trouble) == (Stage.CONNECT, NetTrouble.REFUSED)


@pytest.mark.parametrize(("verb", "stage"), [("GREETING", Stage.GREETING), ("EHLO", Stage.HELLO)])
@pytest.mark.parametrize("answer", ["554 5.7.1 go away", "421 4.3.2 busy"])
def test_a_refused_session_says_what_the_server_said(verb: str, stage: Stage, answer: str) -> None:
    server = ToyServer(script={verb: [answer, answer], "HELO": [answer]})

    async def scenario(network: MemoryNetwork) -> SessionRefused:
        with pytest.raises(SessionRefused) as caught:
            await opened(network)
        return caught.value

    refusal = with_server(server, scenario)
    assert (refusal.stage, str(refusal.reply)) == (stage, answer)


def test_helo_is_said_to_a_server_that_knows_no_ehlo() -> None:
    server = ToyServer(script={"EHLO": ["502 5.5.1 what?"]})

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        return await session.send(envelope("bob@example.net"), HI)

    assert codes(with_server(server, scenario)) == ["end-of-data 250"]
    assert server.heard[:3] == ["EHLO client.example", "HELO client.example", "MAIL FROM:<ann@example.org>"]


def test_a_peer_that_answers_just_in_time_forever_meets_the_total_bound() -> None:
    server = ToyServer(keywords=())
    settings = ClientSettings(transaction_s=1000.0)

    async def scenario(network: MemoryNetwork) -> tuple[float, SessionFailed]:
        network.delay(HERE, 149.0)
        session = await ClientSession.open(
            network, HERE, PLAIN, settings.model_copy(update={"connect_s": 1000.0})
        )
        begun = asyncio.get_running_loop().time()
        with pytest.raises(SessionFailed) as caught:
            await session.send(envelope(*(f"u{n}@example.net" for n in range(50))), HI)
        return asyncio.get_running_loop().time() - begun, caught.value

    took_s, failure = with_server(server, scenario)
    assert failure.trouble is NetTrouble.TIMEOUT
    assert 999 < took_s < 1001


def test_a_refusal_in_mid_content_ends_the_reading_and_the_session() -> None:
    content = BlockSource(b"x" * 78 + b"\r\n" * 1_000_000)
    server = ToyServer()

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        sending = asyncio.ensure_future(session.send(envelope("bob@example.net"), content))
        while not any(piece.startswith(b"xxx") for piece in server.pieces):
            await asyncio.sleep(0)
        server.sessions[0].connection.write(b"552 5.3.4 too big\r\n")
        result = await sending
        assert not usable(session)
        return result

    assert codes(with_server(server, scenario)) == ["content 552"]
    assert len(content.reads) < 20


def test_an_idle_session_that_the_peer_ends_is_not_usable() -> None:
    """A58: 421 anywhere."""
    server = ToyServer()

    async def scenario(network: MemoryNetwork) -> None:
        for farewell in (b"421 4.4.2 idle too long\r\n", b"250 surprise\r\n", b""):
            session = await opened(network)
            assert usable(session)
            connection = server.sessions[-1].connection
            if farewell:
                connection.write(farewell)
            else:
                connection.close()
            await asyncio.sleep(1)
            assert not usable(session)
            session.leave()

    with_server(server, scenario)


def test_cancelling_leaves_no_connection_behind() -> None:
    server = ToyServer(script={"END": [SILENCE]})

    async def scenario(network: MemoryNetwork) -> None:
        session = await opened(network)
        sending = asyncio.ensure_future(session.send(envelope("bob@example.net"), HI))
        await asyncio.sleep(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not usable(session)
        opening = asyncio.ensure_future(opened(network))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    with_server(server, scenario)
    assert all(session.ends for session in server.sessions)


# --- A5: what must not leave --------------------------------------------------------------


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n", b"a\r"])
def test_a_bare_line_end_never_leaves(content: bytes) -> None:
    """A5."""
    server = ToyServer()

    async def scenario(network: MemoryNetwork) -> None:
        session = await opened(network)
        with pytest.raises(LocalProtocolError):
            await session.send(envelope("bob@example.net"), WholeSource(content))
        assert usable(session)
        with pytest.raises(LocalProtocolError):
            await session.send(envelope("bob@example.net"), BlockSource(content))
        assert not usable(session)

    with_server(server, scenario)
    assert server.contents == []
    assert not any(line.startswith("MAIL") for line in server.heard[:1])


def test_content_that_ends_too_early_ends_the_session() -> None:
    server = ToyServer()
    source = BlockSource(b"short\r\n")
    source.size_bytes = 100

    async def scenario(network: MemoryNetwork) -> None:
        session = await opened(network)
        with pytest.raises(EOFError):
            await session.send(envelope("bob@example.net"), source)
        assert not usable(session)

    with_server(server, scenario)
    assert server.contents == []


def test_wishes_for_notices_are_passed_on() -> None:
    server = ToyServer(keywords=("PIPELINING", "DSN"))
    recipient = Recipient(parse_address("bob@example.net"), Notify.NEVER, "rfc822;bob@example.net")

    async def scenario(network: MemoryNetwork) -> SendResult:
        session = await opened(network)
        assert session.extensions.has_dsn
        return await session.send(envelope("x@example.net"), HI, recipients=[recipient])

    with_server(server, scenario)
    assert "RCPT TO:<bob@example.net> NOTIFY=NEVER ORCPT=rfc822;bob@example.net" in server.heard


# --- logins -------------------------------------------------------------------------------

LOGIN = Login("ann", "secret")
HERE_LOGIN = SessionTerms(
    hello_name="client.example", tls=TlsLevel.NONE, login=LOGIN, may_login_in_clear=True
)


def test_a_login_on_this_machine_needs_no_tls_if_the_caller_says_so() -> None:
    server = ToyServer(keywords=("AUTH PLAIN",), script={"AUTH": ["235 2.7.0 welcome"]})
    with_server(server, lambda network: opened(network, HERE_LOGIN))
    assert server.heard[-1] == "AUTH PLAIN AGFubgBzZWNyZXQ="


@pytest.mark.parametrize(
    ("keywords", "terms", "answer", "code"),
    [
        (("AUTH PLAIN",), HERE_LOGIN, "535 5.7.8 no", 535),
        (("AUTH GSSAPI",), HERE_LOGIN, "", 504),
        ((), HERE_LOGIN, "", 504),
        (("AUTH PLAIN",), SessionTerms(hello_name="c", tls=TlsLevel.NONE, login=LOGIN), "", 538),
        (("AUTH PLAIN",), HERE_LOGIN, "334 bm9uY2U=", 501),
        (("AUTH LOGIN",), HERE_LOGIN, "raw 334 VXNlcg==\r\n421 4.3.2 closing\r\n", 421),
    ],
)
def test_a_login_that_does_not_work_is_told_at_auth(
    keywords: Sequence[str], terms: SessionTerms, answer: str, code: int
) -> None:
    """A33 from the client's side: no password without TLS."""
    server = ToyServer(keywords=keywords, script={"AUTH": [answer], "*": ["501 5.7.0 cancelled"]})

    async def scenario(network: MemoryNetwork) -> SessionRefused:
        with pytest.raises(SessionRefused) as caught:
            await opened(network, terms)
        return caught.value

    refusal = with_server(server, scenario)
    assert (refusal.stage, refusal.reply.code) == (Stage.AUTH, code)


def test_a_connection_that_breaks_behind_a_challenge_is_lost_at_auth() -> None:
    server = ToyServer(keywords=("AUTH LOGIN",), script={"AUTH": ["raw 334 VXNlcg==\r\nnot a reply\r\n"]})

    async def scenario(network: MemoryNetwork) -> SessionFailed:
        with pytest.raises(SessionFailed) as caught:
            await opened(network, HERE_LOGIN)
        return caught.value

    assert with_server(server, scenario).stage is Stage.AUTH


def test_a_success_without_the_servers_proof_is_not_believed() -> None:
    """Whoever plays the server and cannot know the password must not get the mail."""
    server = ToyServer(keywords=("AUTH SCRAM-SHA-256",), script={"AUTH": ["235 2.7.0 welcome"]})

    async def scenario(network: MemoryNetwork) -> SessionRefused:
        with pytest.raises(SessionRefused, match="without proving") as caught:
            await opened(network, HERE_LOGIN)
        return caught.value

    assert with_server(server, scenario).stage is Stage.AUTH
    assert server.heard[-1] == "QUIT"


def test_a_token_is_read_from_its_file_for_each_session(tmp_path: Path) -> None:
    file = tmp_path / "token"
    terms = replace(HERE_LOGIN, login=Login("ann", token_file=file))
    server = ToyServer(keywords=("AUTH XOAUTH2",), script={"AUTH": ["235 2.7.0 welcome"] * 2})
    for token in ("first", "second"):
        file.write_text(f"{token}\nnot this\n")
        with_server(server, lambda network: opened(network, terms))
        said = b64encode(f"user=ann\x01auth=Bearer {token}\x01\x01".encode()).decode()
        assert server.heard[-1] == f"AUTH XOAUTH2 {said}"


@pytest.mark.parametrize(("content", "code"), [(None, 454), (b"\xff", 454), (b"", 504), (b"two words", 504)])
def test_a_file_without_a_token_is_our_own_trouble(tmp_path: Path, content: bytes | None, code: int) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    server = ToyServer(keywords=("AUTH OAUTHBEARER",))

    async def scenario(network: MemoryNetwork) -> SessionRefused:
        with pytest.raises(SessionRefused) as caught:
            await opened(network, replace(HERE_LOGIN, login=Login("ann", token_file=file)))
        return caught.value

    refusal = with_server(server, scenario)
    assert (refusal.stage, refusal.reply.code) == (Stage.AUTH, code)


def test_a_password_does_not_leave_this_machine_in_the_clear() -> None:
    server = ToyServer(keywords=("AUTH PLAIN",))
    elsewhere = Endpoint("192.0.2.1", 25)

    async def scenario(network: MemoryNetwork) -> None:
        network.listen(elsewhere, server.accept)
        with pytest.raises(SessionRefused):
            await ClientSession.open(network, elsewhere, HERE_LOGIN, ClientSettings())

    with_server(server, scenario)
    assert not any(line.startswith("AUTH") for line in server.heard)


@pytest.mark.parametrize("keywords", [(), ("PIPELINING", "CHUNKING")])
def test_who_would_be_taken_can_be_asked_without_sending_anything(keywords: tuple[str, ...]) -> None:
    server = ToyServer(keywords=keywords, script={"RCPT TO:<eve@example.net>": ["550 5.1.1 nobody"]})

    async def scenario(network: MemoryNetwork) -> None:
        session = await opened(network)
        result = await session.ask(envelope("bob@example.net", "eve@example.net", "dan@example.net"))
        assert codes(result) == ["rcpt 250", "rcpt 550", "rcpt 250"]
        assert usable(session)
        assert codes(await session.send(envelope("bob@example.net"), HI)) == ["end-of-data 250"]
        await session.close()

    with_server(server, scenario)
    assert [line.split()[0] for line in server.heard[:6]] == ["EHLO", "MAIL", "RCPT", "RCPT", "RCPT", "RSET"]
    assert len(server.contents) == 1
