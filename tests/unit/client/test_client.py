"""The public client with a toy server."""

import asyncio
from collections.abc import Coroutine, Sequence
from email.message import EmailMessage

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Tls, make_tls
from tests.unit.client.toy_server import CUT, HERE, ToyServer, with_server

from mailrail.client import (
    AllRecipientsRefused,
    AuthFailed,
    CannotSend,
    Client,
    ConnectFailed,
    ConnectionLost,
    DataRefused,
    Result,
    SenderRefused,
    SendError,
    SendOptions,
    TlsFailed,
    send_sync,
)
from mailrail.model import DnsError, Notify
from mailrail.net import Endpoint, client_context
from mailrail.smtp import Stage

RAW = b"From: ann@example.org\r\nTo: bob@example.net, eve@example.net\r\n\r\nhi\r\n"
EIGHT_BIT = b"From: ann@example.org\r\nTo: bob@example.net\r\n\r\nsch\xc3\xb6n\r\n"


async def here(host: str, port: int) -> Sequence[Endpoint]:
    return [HERE]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def send_one(server: ToyServer, message: EmailMessage | bytes = RAW) -> Result:
    async def scenario(network: MemoryNetwork) -> Result:
        async with Client("toy.example", tls="none", network=network, resolve=here) as client:
            return await client.send(message)

    return with_server(server, scenario)


def test_a_message_is_sent_and_the_session_ended() -> None:
    server = ToyServer()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.org", "bob@example.net", "hi"
    message.set_content("hello\n")
    result = send_one(server, message)
    assert str(result.accepted["bob@example.net"]) == "250 2.0.0 taken"
    assert result.refused == {}
    assert server.heard[0] == "EHLO [127.0.0.1]"
    assert server.heard[-1] == "QUIT"
    assert server.contents[0].endswith(b"\r\n\r\nhello\r\n")


def test_part_of_the_recipients_refused_is_a_result() -> None:
    server = ToyServer(script={"RCPT TO:<eve@example.net>": ["550 5.1.1 no eve"]})
    result = send_one(server)
    assert list(result.accepted) == ["bob@example.net"]
    assert result.refused["eve@example.net"].code == 550


@pytest.mark.parametrize(
    ("script", "kind", "stage", "said"),
    [
        ({"GREETING": ["554 5.7.1 no"]}, ConnectFailed, Stage.GREETING, ["554 5.7.1 no"] * 2),
        ({"GREETING": [CUT]}, ConnectFailed, Stage.GREETING, []),
        ({"MAIL": ["550 5.7.1 not you"]}, SenderRefused, Stage.MAIL, ["550 5.7.1 not you"] * 2),
        (
            {"RCPT": ["550 5.1.1 a", "450 4.2.1 b"]},
            AllRecipientsRefused,
            Stage.RCPT,
            ["550 5.1.1 a", "450 4.2.1 b"],
        ),
        ({"DATA": ["451 4.3.0 c"]}, DataRefused, Stage.DATA, ["451 4.3.0 c"] * 2),
        ({"END": ["554 5.6.0 d"]}, DataRefused, Stage.END, ["554 5.6.0 d"] * 2),
        ({"END": [CUT]}, ConnectionLost, Stage.END, []),
        ({"RCPT": ["550 5.1.1 a", CUT]}, ConnectionLost, Stage.RCPT, ["550 5.1.1 a"]),
    ],
)
def test_an_error_says_what_happened_to_whom_and_what_the_server_said(
    script: dict[str, list[str]], kind: type[SendError], stage: Stage, said: list[str]
) -> None:
    server = ToyServer(keywords=(), script=script)
    with pytest.raises(kind) as caught:
        send_one(server)
    assert caught.value.stage is stage
    assert [str(reply) for reply in caught.value.replies] == said
    assert caught.value.recipients == ("bob@example.net", "eve@example.net")
    assert caught.value.recipient == "bob@example.net"
    assert all(
        word in str(caught.value) for word in ("toy.example", "bob@example.net", "eve@example.net", *said)
    )
    if said:
        assert str(caught.value.reply) == said[0]


def test_a_lost_connection_tells_first_whom_the_server_answered_and_who_may_have_it() -> None:
    """A59."""
    server = ToyServer(keywords=(), script={"RCPT": ["250 2.1.5 ok", "550 5.1.1 a"], "END": [CUT]})
    with pytest.raises(ConnectionLost, match=r"eve@\S+: 550 5.1.1 a; bob@\S+: no answer, it may") as caught:
        send_one(server)
    assert caught.value.recipients == ("eve@example.net", "bob@example.net")


def test_what_the_server_did_not_say_is_not_put_into_its_mouth() -> None:
    async def scenario(network: MemoryNetwork) -> Result:
        async with Client("toy.example", tls="verify", network=network, resolve=here) as client:
            return await client.send(RAW)

    with pytest.raises(TlsFailed, match="does not offer STARTTLS; nobody got") as caught:
        with_server(ToyServer(keywords=()), scenario)
    assert caught.value.reply is None


@pytest.mark.parametrize(
    ("host", "tls", "mend"),
    [("toy.example:25", None, "port=25"), ("toy.example", "yes", '"verify", "encrypt"')],
)
def test_a_client_that_cannot_be_made_says_what_to_write(host: str, tls: str | None, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        Client(host, tls=tls)


def test_a_message_over_the_servers_size_cannot_be_sent() -> None:
    with pytest.raises(CannotSend):
        send_one(ToyServer(keywords=("SIZE 20",)))


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [(("8BITMIME",), b"sch\xc3\xb6n"), ((), b"sch=C3=B6n"), (("8BITMIME", "CHUNKING"), b"sch\xc3\xb6n")],
)
def test_eight_bit_content_is_converted_only_where_it_must_be(
    keywords: Sequence[str], expected: bytes
) -> None:
    """A30."""
    server = ToyServer(keywords=keywords)
    send_one(server, EIGHT_BIT)
    assert expected in server.contents[0]


def test_what_cannot_be_converted_cannot_be_sent() -> None:
    """A30: a signature is not broken."""
    signed = (
        b"From: ann@example.org\r\nTo: bob@example.net\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nsch\xc3\xb6n\r\n--b--\r\n"
    )
    with pytest.raises(CannotSend):
        send_one(ToyServer(keywords=()), signed)


def test_an_international_address_needs_a_server_that_takes_it() -> None:
    """A29."""
    message = "From: ann@example.org\r\nTo: jürgen@example.net\r\n\r\nhi\r\n".encode()
    with pytest.raises(CannotSend, match="SMTPUTF8"):
        send_one(ToyServer(keywords=("8BITMIME",)), message)
    assert send_one(ToyServer(keywords=("8BITMIME", "SMTPUTF8")), message).accepted


def test_a_large_message_is_converted_beside_the_loop() -> None:
    server = ToyServer(keywords=())
    send_one(server, EIGHT_BIT + b"x\r\n" * 200_000)
    assert server.contents[0].isascii()


def test_a_session_is_kept_for_the_next_message_and_replaced_when_it_is_gone() -> None:
    server = ToyServer()

    async def scenario(network: MemoryNetwork) -> None:
        async with Client("toy.example", tls="none", network=network, resolve=here) as client:
            await asyncio.gather(client.send(RAW), client.send(RAW))
            assert len(server.sessions) == 1
            server.sessions[0].hang_up()
            await asyncio.sleep(1)
            await client.send(RAW)
            assert len(server.sessions) == 2

    with_server(server, scenario)


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    dead = Endpoint("192.0.2.1", 25)

    async def both(host: str, port: int) -> Sequence[Endpoint]:
        return [dead, HERE]

    async def scenario(network: MemoryNetwork) -> Result:
        network.refuse(dead)
        async with Client("toy.example", tls="none", network=network, resolve=both) as client:
            return await client.send(RAW)

    assert with_server(ToyServer(), scenario).accepted


def test_an_unknown_host_is_a_failed_connection() -> None:
    async def nowhere(host: str, port: int) -> Sequence[Endpoint]:
        raise DnsError(host, f"{host} has no address", try_again=False)

    async def scenario(network: MemoryNetwork) -> None:
        async with Client("toy.example", tls="none", network=network, resolve=nowhere) as client:
            with pytest.raises(ConnectFailed, match="no address"):
                await client.send(RAW)

    with_server(ToyServer(), scenario)


def test_wishes_for_notices_reach_a_server_that_offers_dsn() -> None:
    server = ToyServer(keywords=("DSN",))

    async def scenario(network: MemoryNetwork) -> Result:
        async with Client("toy.example", tls="none", network=network, resolve=here) as client:
            return await client.send(RAW, options=SendOptions(notify=Notify.SUCCESS, envid="x"))

    assert with_server(server, scenario).passed_dsn
    assert "MAIL FROM:<ann@example.org> ENVID=x" in server.heard


def test_opportunistic_tls_that_fails_falls_back_to_none(tls: Tls) -> None:
    """A55: the documented fall-back, and only at level may."""
    server = ToyServer(keywords=("STARTTLS",), contexts=tls.server)

    def client(network: MemoryNetwork, level: str, login: tuple[str, str] | None) -> Client:
        return Client(
            "toy.example", tls=level, login=login, context=client_context(verify=True), network=network,
            resolve=here,
        )  # fmt: skip

    async def scenario(network: MemoryNetwork) -> None:
        async with client(network, "may", None) as may:
            assert (await may.send(RAW)).accepted
        for level, login in (("verify", None), ("encrypt", None), ("may", ("ann", "secret"))):
            async with client(network, level, login) as sure:
                with pytest.raises(TlsFailed):
                    await sure.send(RAW)

    with_server(server, scenario)
    assert len(server.contents) == 1


def test_with_a_login_tls_is_verified_by_default(tls: Tls) -> None:
    server = ToyServer(
        keywords=("STARTTLS", "AUTH PLAIN"),
        contexts=tls.server,
        script={"AUTH": ["235 2.7.0 welcome", "535 5.7.8 no"]},
    )

    async def scenario(network: MemoryNetwork) -> None:
        for is_first in (True, False):
            async with Client(
                HOST, login=("ann", "secret"), context=tls.client, network=network, resolve=here
            ) as client:
                assert client.port == 587
                if is_first:
                    await client.send(RAW)
                    continue
                with pytest.raises(AuthFailed) as caught:
                    await client.send(RAW)
                assert str(caught.value.reply) == "535 5.7.8 no"

    with_server(server, scenario)
    with pytest.raises(TlsFailed):
        with_server(
            ToyServer(keywords=("AUTH PLAIN",)),
            lambda network: Client(HOST, login=("a", "b"), network=network, resolve=here).send(RAW),
        )


def test_ports_follow_the_kind_of_service() -> None:
    assert Client("toy.example").port == 25
    assert Client("toy.example", implicit_tls=True).port == 465
    assert Client("toy.example", 2525, login=("a", "b")).port == 2525


def test_send_sync_refuses_inside_a_running_loop() -> None:
    async def inside() -> None:
        with pytest.raises(RuntimeError, match=r"await mailrail\.send"):
            send_sync(RAW, "toy.example")

    scenario: Coroutine[object, object, None] = inside()
    asyncio.run(scenario)
