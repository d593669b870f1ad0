"""TLS over every Network: handshakes that go well, fail, hang or are left."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Recorder, Tls, make_files, make_tls, run, until
from tests.support.tls_ends import Puppet, Server, Silent, reach

from mailrail.model import NetError, NetTrouble
from mailrail.net import (
    Network,
    SessionCache,
    SocketNetwork,
    TlsConnection,
    TlsSettings,
    client_context,
    secure,
    server_context,
)


@pytest.fixture(params=["memory", "sockets"])
def network(request: pytest.FixtureRequest) -> Network:
    return MemoryNetwork() if request.param == "memory" else SocketNetwork()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def test_both_sides_learn_what_was_agreed(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        client, info = await secure(await reach(network, server.accept), tls.client, HOST + ".", timeout_s=5)
        await until(lambda: bool(server.infos))
        assert info.version == server.infos[0].version == "TLSv1.3"
        assert info.verified
        assert info.server_name == server.infos[0].server_name == HOST
        assert info.peer_certificate is not None
        assert info.peer_chain == (info.peer_certificate,)
        assert info.alpn is None
        assert not info.resumed
        assert not server.infos[0].verified
        client.attach(Recorder())
        client.write(b"EHLO\r\n")
        await until(lambda: server.taken.got == b"EHLO\r\n")
        client.close()
        await until(lambda: server.taken.ends == [None])
        server.tls.close()

    run(scenario())


@pytest.mark.parametrize("name", ["other.example.org", "192.0.2.1"])
def test_a_certificate_for_another_name_is_refused_and_both_sides_know(
    network: Network, tls: Tls, name: str
) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        with pytest.raises(NetError, match="certificate refused") as caught:
            await secure(await reach(network, server.accept), tls.client, name, timeout_s=5)
        assert caught.value.trouble is NetTrouble.TLS
        await until(lambda: bool(server.errors or server.taken.ends))
        failure = server.errors[0] if server.errors else server.taken.ends[0]
        assert failure is not None
        assert failure.trouble is NetTrouble.TLS
        assert server.tls.is_closed

    run(scenario())


def test_an_unknown_authority_is_refused_unless_nobody_verifies(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        stranger = client_context(verify=True)
        with pytest.raises(NetError, match="self-signed"):
            await secure(await reach(network, Server(tls.server).accept), stranger, HOST, timeout_s=5)
        anyone = client_context(verify=False)
        server = Server(tls.server)
        client, info = await secure(await reach(network, server.accept), anyone, "whatever.test", timeout_s=5)
        assert not info.verified
        client.close()
        await until(lambda: bool(server.taken.ends))
        server.tls.close()

    run(scenario())


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "x" * 64 + ".test", "nul\0.test", ".leading.test", "ü" * 70]
)
def test_a_name_that_cannot_be_one_fails_as_tls_and_not_as_a_traceback(
    network: Network, tls: Tls, name: str
) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        with pytest.raises(NetError) as caught:
            await secure(await reach(network, server.accept), tls.client, name, timeout_s=5)
        assert caught.value.trouble is NetTrouble.TLS
        await until(lambda: bool(server.errors or server.taken.ends))

    run(scenario())


def test_a_handshake_that_takes_too_long_ends_on_the_server(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        server = Server(tls.server, timeout_s=0.02)
        client, told = await reach(network, server.accept), Recorder()
        client.attach(told)
        await until(lambda: bool(server.errors))
        assert server.errors[0].trouble is NetTrouble.TIMEOUT
        await until(lambda: bool(told.ends))
        assert told.got == b""
        client.close()

    run(scenario())


def test_a_handshake_that_takes_too_long_ends_on_the_client(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        silent = Silent()
        plain = await reach(network, silent.stay)
        with pytest.raises(NetError) as caught:
            await secure(plain, tls.client, HOST, timeout_s=0.02)
        assert caught.value.trouble is NetTrouble.TIMEOUT
        await until(lambda: bool(silent.ends))

    run(scenario())


def test_a_peer_that_vanishes_in_the_handshake_is_a_tls_failure(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        plain = await reach(network, lambda connection: connection.abort())
        with pytest.raises(NetError, match="cut the TLS handshake off") as caught:
            await secure(plain, tls.client, HOST, timeout_s=5)
        assert caught.value.trouble is NetTrouble.TLS

    run(scenario())


def test_a_cancelled_handshake_closes_the_connection(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        silent = Silent()
        plain = await reach(network, silent.stay)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await secure(plain, tls.client, HOST, timeout_s=5)
        await until(lambda: bool(silent.ends))
        assert plain.is_closed

    run(scenario())


@pytest.mark.parametrize("leave", [TlsConnection.close, TlsConnection.abort])
def test_leaving_in_the_handshake_calls_nobody(
    network: Network, tls: Tls, leave: Callable[[TlsConnection], None]
) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        client = await reach(network, server.accept)
        leave(server.tls)
        puppet = Puppet(client, tls.client)
        puppet.shake()
        await until(lambda: bool(puppet.ends))
        assert not server.infos
        assert not server.errors
        client.close()

    run(scenario())


def test_the_certificate_is_chosen_by_the_name_asked_for_a76(network: Network, tmp_path: Path) -> None:
    async def scenario() -> None:
        names = ["first.example", "second.example", "*.wild.example"]
        files = tuple(make_files(tmp_path, name) for name in names)
        contexts = server_context(TlsSettings(certificate=files))
        for asked, number in [
            ("first.example", 0), ("second.example", 1), ("a.wild.example", 2),
            ("a.b.wild.example", 0), ("unknown.example", 0), ("SECOND.example", 1), ("192.0.2.1", 0),
        ]:  # fmt: skip
            server = Server(contexts)
            anyone = client_context(verify=False)
            client, info = await secure(await reach(network, server.accept), anyone, asked, timeout_s=5)
            expected = ssl.PEM_cert_to_DER_cert(files[number].chain.read_text())
            assert info.peer_certificate == expected, asked
            client.close()
            await until(partial(bool, server.taken.ends))
            server.tls.close()

    run(scenario())


def test_a_session_is_resumed_only_with_the_context_that_made_it(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        sessions, other, resumed = SessionCache(), client_context(verify=False), []
        for context in (tls.client, tls.client, other, other):
            server = Server(tls.server)
            plain = await reach(network, server.accept)
            client, info = await secure(plain, context, HOST, timeout_s=5, sessions=sessions)
            resumed.append(info.resumed)
            told = Recorder()
            client.attach(told)
            await until(partial(bool, server.infos))
            server.tls.write(b"220 hello\r\n")  # the ticket travels before it
            await until(partial(bool, told.chunks))
            client.close()
            await until(partial(bool, server.taken.ends))
            server.tls.close()
        assert resumed == [False, True, False, True]

    run(scenario())
