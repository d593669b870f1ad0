"""What is said in the last moment of a network, or of its loop, is still sent."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from tests.support.net_world import Recorder

from mailrail.net import Endpoint, SocketNetwork


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize(("is_mutual", "closes_network"), [(True, True), (True, False), (False, True)])
def test_what_was_written_before_the_end_arrives(
    listening: socket.socket, is_mutual: bool, closes_network: bool
) -> None:
    async def main() -> None:
        network = SocketNetwork()
        connection = await network.connect(Endpoint("127.0.0.1", listening.getsockname()[1]), timeout_s=10)
        connection.attach(Recorder())
        connection.write(b"QUIT\r\n")
        connection.close(is_mutual=is_mutual)
        if closes_network:
            network.close()

    asyncio.run(main())
    peer, _ = listening.accept()
    with peer:
        peer.settimeout(10)
        assert peer.recv(100) == b"QUIT\r\n"
