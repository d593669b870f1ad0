"""What every Network promises (net/api.py) about listening, connecting and datagrams, on loopback and in memory."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import LOOPBACK, Recorder, World, run, silent_endpoint, until

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint, Handed, Network, SocketNetwork
from mailrail.net.handed import make_listening
from mailrail.net.listener import endpoint_of


@pytest.fixture(params=["memory", "sockets"])
def network(request: pytest.FixtureRequest) -> Network:
    return MemoryNetwork() if request.param == "memory" else SocketNetwork()


# -- making connections -----------------------------------------------------------------------------


@pytest.mark.parametrize("bound_to", ["127.0.0.1", "0.0.0.0"])
def test_both_ends_agree_on_who_is_who(network: Network, bound_to: str) -> None:
    async def scenario() -> None:
        accepted: list[Connection] = []
        listener = network.listen(Endpoint(bound_to, 0), accepted.append)
        client = await network.connect(Endpoint("127.0.0.1", listener.endpoint.port), timeout_s=5)
        await until(lambda: bool(accepted))
        assert client.local == accepted[0].peer
        assert client.peer == accepted[0].local
        client.abort()
        accepted[0].abort()
        listener.close()

    run(scenario())


def test_ipv4_and_ipv6_listen_side_by_side_on_one_port(network: Network) -> None:
    async def scenario() -> None:
        accepted: list[Connection] = []
        six = network.listen(Endpoint("::", 0), accepted.append)
        four = network.listen(Endpoint("0.0.0.0", six.endpoint.port), accepted.append)
        client = await network.connect(Endpoint("::1", six.endpoint.port), timeout_s=5)
        await until(lambda: bool(accepted))
        assert str(accepted[0].peer) == f"[::1]:{client.local.port}"
        for thing in (six, four):
            thing.close()
        client.abort()
        accepted[0].abort()

    run(scenario())


def test_a_source_address_is_used(network: Network) -> None:
    async def scenario() -> None:
        accepted: list[Connection] = []
        listener = network.listen(LOOPBACK, accepted.append)
        client = await network.connect(listener.endpoint, timeout_s=5, source="127.0.0.7")
        await until(lambda: bool(accepted))
        assert accepted[0].peer.host == "127.0.0.7"
        client.abort()
        accepted[0].abort()
        listener.close()

    run(scenario())


def test_nobody_listening_is_refused(network: Network) -> None:
    async def scenario() -> None:
        listener = network.listen(LOOPBACK, lambda _: None)
        listener.close()
        with pytest.raises(NetError) as caught:
            await network.connect(listener.endpoint, timeout_s=5)
        assert caught.value.trouble is NetTrouble.REFUSED
        assert str(listener.endpoint) in str(caught.value)

    run(scenario())


def test_a_closed_listener_leaves_its_connections_alone(network: Network) -> None:
    async def scenario() -> None:
        client, server = await World(network, LOOPBACK, None).pair()  # its listener is closed
        taken = Recorder()
        server.attach(taken)
        client.write(b"still here")
        await until(lambda: taken.got == b"still here")
        client.abort()
        server.abort()

    run(scenario())


def test_an_address_in_use_is_told(network: Network) -> None:
    async def scenario() -> None:
        listener = network.listen(LOOPBACK, lambda _: None)
        with pytest.raises(NetError, match="in use"):
            network.listen(listener.endpoint, lambda _: None)
        listener.close()
        network.listen(listener.endpoint, lambda _: None).close()

    run(scenario())


def test_a_peer_that_never_answers_is_a_timeout(network: Network) -> None:
    async def scenario() -> None:
        with silent_endpoint(network) as endpoint, pytest.raises(NetError) as caught:
            await network.connect(endpoint, timeout_s=0.05)
        assert caught.value.trouble is NetTrouble.TIMEOUT

    run(scenario())


def test_a_connect_can_be_cancelled(network: Network) -> None:
    async def scenario() -> None:
        with silent_endpoint(network) as endpoint, pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await network.connect(endpoint, timeout_s=5)

    run(scenario())


# -- datagrams --------------------------------------------------------------------------------------


def test_datagrams_go_both_ways_with_their_senders(network: Network) -> None:
    async def scenario() -> None:
        server_got: list[tuple[bytes, Endpoint]] = []
        client_got: list[tuple[bytes, Endpoint]] = []

        def answer(data: bytes, sender: Endpoint) -> None:
            server_got.append((data, sender))
            server.send(data.upper(), sender)

        server = network.datagrams(answer, bind=LOOPBACK)
        client = network.datagrams(lambda data, sender: client_got.append((data, sender)))
        client.send(b"question", server.endpoint)
        assert server_got == []  # nothing happens inside a call
        await until(lambda: bool(client_got))
        assert client_got == [(b"QUESTION", server.endpoint)]
        assert server_got[0][1].port == client.endpoint.port
        server.close()
        server.close()
        client.send(b"anybody there", server.endpoint)
        client.send(b"x" * 70_000, server.endpoint)
        server.send(b"too late", client.endpoint)
        await asyncio.sleep(0.005)
        assert len(client_got) == 1
        client.close()

    run(scenario())


def test_a_datagram_address_in_use_is_told(network: Network) -> None:
    async def scenario() -> None:
        first = network.datagrams(lambda _, __: None, bind=LOOPBACK)
        with pytest.raises(NetError, match="in use"):
            network.datagrams(lambda _, __: None, bind=first.endpoint)
        first.close()

    run(scenario())


# -- sockets only -----------------------------------------------------------------------------------


def test_a_unix_socket_has_its_mode_and_goes_with_its_listener(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "lmtp"
        listener = SocketNetwork().listen(Endpoint(str(path), 0), lambda _: None, unix_mode=0o660)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert str(listener.endpoint) == f"unix:{path}"
        listener.close()
        listener.close()
        assert not path.exists()

    run(scenario())


def test_a_unix_socket_that_a_dead_server_left_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "lmtp"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        client, server = await World(SocketNetwork(), Endpoint(str(path), 0), None).pair()
        client.abort()
        server.abort()

    run(scenario())


def test_a_living_unix_socket_and_other_files_are_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        alive, text = tmp_path / "alive", tmp_path / "text"
        text.write_text("precious")
        network = SocketNetwork()
        listener = network.listen(Endpoint(str(alive), 0), lambda _: None)
        for path in (alive, text):
            with pytest.raises(NetError, match="in use"):
                network.listen(Endpoint(str(path), 0), lambda _: None)
        assert text.read_text() == "precious"
        alive.unlink()
        replacement = network.listen(Endpoint(str(alive), 0), lambda _: None)
        listener.close()  # the file is no longer its own
        assert alive.exists()
        replacement.close()
        with pytest.raises(NetError) as caught:
            await network.connect(Endpoint(str(alive), 0), timeout_s=1)
        assert caught.value.trouble is NetTrouble.REFUSED

    run(scenario())


def test_a_socket_opened_by_somebody_else_is_taken_over() -> None:
    async def scenario() -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        accepted: list[Connection] = []
        make_listening(sock, 10)
        here = endpoint_of(sock)
        network = SocketNetwork(handed=Handed([(here, sock)]))
        listener = network.listen(here, accepted.append)
        client = await network.connect(here, timeout_s=5)
        await until(lambda: bool(accepted))
        listener.close()
        client.abort()
        accepted[0].abort()
        waiting = await network.connect(
            here, timeout_s=5
        )  # it stays open: clients wait for the next who listens
        listener = network.listen(here, accepted.append)
        await until(lambda: len(accepted) == 2)
        listener.close()
        waiting.abort()
        accepted[1].abort()
        sock.close()

    run(scenario())


def test_what_is_no_address_of_ours_is_told() -> None:
    async def scenario() -> None:
        network = SocketNetwork()
        with pytest.raises(NetError, match=r"listen on 192\.0\.2\.1:25"):
            network.listen(Endpoint("192.0.2.1", 25), lambda _: None)
        with pytest.raises(NetError, match=r"use 192\.0\.2\.1 as our address"):
            await network.connect(Endpoint("127.0.0.1", 25), timeout_s=1, source="192.0.2.1")
        with pytest.raises(NetError, match="is not an IP address"):
            await network.connect(Endpoint("mx.example.org", 25), timeout_s=1)

    run(scenario())
