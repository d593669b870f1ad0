"""TLS over every Network: the ways to smuggle bytes past a handshake, and hostile clients."""

import asyncio

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import HOST, Recorder, Tls, make_tls, run, until
from tests.support.tls_ends import Puppet, Server, Silent, reach

from mailrail.model import NetError, NetTrouble
from mailrail.net import (
    Connection,
    Network,
    SocketNetwork,
    client_context,
    secure,
)


@pytest.fixture(params=["memory", "sockets"])
def network(request: pytest.FixtureRequest) -> Network:
    return MemoryNetwork() if request.param == "memory" else SocketNetwork()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def test_plain_text_on_a_tls_port_is_closed_without_an_echo_a11(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        client, told = await reach(network, server.accept), Recorder()
        client.attach(told)
        client.write(b"EHLO client.example\r\n")
        await until(lambda: bool(told.ends))
        assert told.got == b""
        assert [error.trouble for error in server.errors] == [NetTrouble.TLS]
        assert "does not speak TLS" in str(server.errors[0])
        client.close()

    run(scenario())


def test_plain_text_before_the_handshake_never_comes_out_of_it_a8(network: Network, tls: Tls) -> None:
    """What an attacker slips between STARTTLS and the ClientHello breaks the handshake, whole or cut."""

    async def scenario() -> None:
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), tls.client)
        puppet.plain.write(b"RSET\r\n" + puppet.hello())
        await until(lambda: bool(server.errors))
        assert server.errors[0].trouble is NetTrouble.TLS
        assert not server.infos
        assert server.taken.chunks == []
        await until(lambda: bool(puppet.ends))
        puppet.plain.close()

    run(scenario())


def test_the_wrapper_takes_only_what_arrives_after_it_started_a8(network: Network, tls: Tls) -> None:
    """A session that reads STARTTLS with a command behind it in one piece keeps that command to itself."""

    async def scenario() -> None:
        server, before = Server(tls.server), Recorder()

        class Session(Recorder):
            def received(self, data: bytes, /) -> None:
                before.chunks.append(data)
                server.accept(plain_ends[0])
                plain_ends[0].write(b"220 go\r\n")

        plain_ends: list[Connection] = []

        def accept(connection: Connection) -> None:
            plain_ends.append(connection)
            connection.attach(Session())

        client, told = await reach(network, accept), Recorder()
        client.attach(told)
        client.write(b"STARTTLS\r\nRSET\r\n")
        await until(lambda: told.got == b"220 go\r\n")
        wrapped, _ = await secure(client, tls.client, HOST, timeout_s=5)
        wrapped.attach(Recorder())
        wrapped.write(b"EHLO again\r\n")
        await until(lambda: bool(server.taken.chunks))
        assert before.got == b"STARTTLS\r\nRSET\r\n"
        assert server.taken.got == b"EHLO again\r\n"
        wrapped.close()
        await until(lambda: bool(server.taken.ends))
        server.tls.close()

    run(scenario())


def test_plain_text_injected_into_the_client_breaks_its_handshake_a55(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        silent = Silent()
        plain = await reach(network, silent.stay)
        silent.connection.write(b"250 AUTH PLAIN\r\n")  # left in the system's buffer behind the 220
        await asyncio.sleep(0.002)
        with pytest.raises(NetError) as caught:
            await secure(plain, tls.client, HOST, timeout_s=5)
        assert caught.value.trouble is NetTrouble.TLS
        await until(lambda: bool(silent.ends))

    run(scenario())


def test_a_cut_stream_is_a_loss_and_not_a_good_end(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), tls.client)
        puppet.shake()
        await until(lambda: puppet.is_up)
        puppet.plain.write(puppet.encrypted(b"MAIL FROM:<a@example.org>\r\n"))
        puppet.plain.close()
        await until(lambda: bool(server.taken.ends))
        assert server.taken.got == b"MAIL FROM:<a@example.org>\r\n"
        error = server.taken.ends[0]
        assert error is not None
        assert error.trouble is NetTrouble.RESET
        assert server.tls.is_closed
        assert server.tls.write(b"dropped")

    run(scenario())


def test_nothing_is_delivered_after_close_notify(network: Network, tls: Tls) -> None:
    """CVE-2026-45185: the end of TLS is the end, whatever still comes on the wire."""

    async def scenario() -> None:
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), tls.client)
        puppet.shake()
        await until(lambda: puppet.is_up)
        last = puppet.encrypted(b"BDAT 100\r\npart")
        puppet.plain.write(last + puppet.close_notify() + b"QUIT\r\n" + last)
        await until(lambda: bool(server.taken.ends))
        puppet.plain.write(b"RSET\r\n")
        await asyncio.sleep(0.005)
        assert server.taken.got == b"BDAT 100\r\npart"
        assert server.taken.ends == [None]
        assert not server.tls.is_closed
        server.tls.write(b"451 too bad\r\n")  # this direction is still open
        server.tls.close()
        await until(lambda: bool(puppet.ends))
        puppet.plain.close()

    run(scenario())


def test_a_broken_record_ends_the_connection(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), tls.client)
        puppet.shake()
        await until(lambda: puppet.is_up)
        good, bad = puppet.encrypted(b"NOOP\r\n"), bytearray(puppet.encrypted(b"RSET\r\n"))
        bad[-1] ^= 1
        puppet.plain.write(good + bad)
        await until(lambda: bool(server.taken.ends))
        assert server.taken.got == b"NOOP\r\n"
        error = server.taken.ends[0]
        assert error is not None
        assert error.trouble is NetTrouble.TLS
        assert server.tls.is_closed
        puppet.plain.close()

    run(scenario())


@pytest.mark.parametrize("record", [1, 5, 10_000])
def test_a_client_that_offers_another_protocol_is_refused_a12(
    network: Network, tls: Tls, record: int
) -> None:
    """However the ClientHello is cut into records: cutting is not protected by the handshake."""

    async def scenario() -> None:
        browser = client_context(verify=False)
        browser.set_alpn_protocols(["h2", "http/1.1"])
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), browser)
        message = puppet.hello()[5:]
        for at in range(0, len(message), record):
            part = message[at : at + record]
            puppet.plain.write(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part)
        await until(lambda: puppet.error is not None)
        assert puppet.error is not None
        assert "no application protocol" in str(puppet.error)
        assert [error.trouble for error in server.errors] == [NetTrouble.TLS]
        puppet.plain.close()

    run(scenario())


def test_a_client_that_offers_smtp_among_others_gets_it_a12(network: Network, tls: Tls) -> None:
    async def scenario() -> None:
        context = client_context(verify=False)
        context.set_alpn_protocols(["h2", "smtp"])
        server = Server(tls.server)
        client, info = await secure(await reach(network, server.accept), context, HOST, timeout_s=5)
        assert info.alpn == "smtp"
        client.close()
        await until(lambda: bool(server.taken.ends))
        assert server.infos[0].alpn == "smtp"
        server.tls.close()

    run(scenario())


@pytest.mark.parametrize(
    "name", [b"mx.example.or\\", b"mx.\x00xample.org", b"\xff\xfe.example.org", b"../../etc/key "]
)
def test_a_hostile_server_name_gets_the_first_certificate_or_an_alert_a76(
    network: Network, tls: Tls, name: bytes
) -> None:
    async def scenario() -> None:
        server = Server(tls.server)
        puppet = Puppet(await reach(network, server.accept), client_context(verify=False))
        hello = puppet.hello()
        assert len(name) == len(HOST)
        puppet.plain.write(hello.replace(HOST.encode(), name))
        # Either way the client's side fails: its transcript differs.
        await until(lambda: bool(server.errors))
        assert server.errors[0].trouble is NetTrouble.TLS
        puppet.plain.close()

    run(scenario())
