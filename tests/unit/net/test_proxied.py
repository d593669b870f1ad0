"""A connection behind a proxy: header first, then a Connection like any other."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.support.memory_net import MemoryNetwork
from tests.support.net_world import LOOPBACK, Recorder, run, until

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint, ProxiedConnection

HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\n"


class Ends:
    """Both ends of a connection, and what became of the header."""

    def __init__(self, proxy: Connection, server: ProxiedConnection) -> None:
        self.proxy, self.server = proxy, server
        self.opened = 0
        self.failures: list[NetError] = []

    def start(self, timeout_s: float = 5) -> None:
        self.server.start(self._open, self.failures.append, timeout_s=timeout_s)

    def _open(self) -> None:
        self.opened += 1


def behind(scenario: Callable[[Ends], Awaitable[None]]) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        accepted: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        listener = network.listen(LOOPBACK, accepted.set_result)
        proxy = await network.connect(listener.endpoint, timeout_s=5)
        proxy.attach(Recorder())
        ends = Ends(proxy, ProxiedConnection(await accepted))
        ends.start()
        await scenario(ends)
        ends.server.abort()

    run(main())


def test_the_ends_are_the_clients_and_what_came_behind_the_header_comes_first() -> None:
    async def scenario(ends: Ends) -> None:
        server, reader = ends.server, Recorder()
        own = server.peer
        for octet in HEADER[:-1]:
            ends.proxy.write(bytes([octet]))
        await asyncio.sleep(0.01)
        assert (ends.opened, server.peer) == (0, own)
        ends.proxy.write(HEADER[-1:] + b"EHLO")
        await until(lambda: ends.opened == 1)
        assert (server.peer, server.local, server.proxy) == (
            Endpoint("192.0.2.7", 40_000), Endpoint("192.0.2.25", 25), own,
        )  # fmt: skip
        ends.proxy.write(b" a\r\n")
        await asyncio.sleep(0.01)
        reader.is_forbidden = True
        server.attach(reader)
        reader.is_forbidden = False
        await until(lambda: reader.got == b"EHLO a\r\n")
        ends.proxy.close()
        await until(lambda: reader.ends == [None])
        assert ends.failures == []

    behind(scenario)


def test_a_paused_receiver_gets_nothing_until_it_resumes() -> None:
    async def scenario(ends: Ends) -> None:
        reader = Recorder()
        ends.proxy.write(HEADER + b"one")
        await until(lambda: ends.opened == 1)
        ends.server.attach(reader)
        ends.server.pause()
        ends.proxy.write(b" two")
        await asyncio.sleep(0.01)
        assert reader.chunks == []
        ends.server.resume()
        await until(lambda: reader.got == b"one two")
        ends.server.pause()
        ends.proxy.write(b" three")
        await asyncio.sleep(0.01)
        assert reader.got == b"one two"
        ends.server.resume()
        await until(lambda: reader.got == b"one two three")

    behind(scenario)


def test_a_receiver_that_closes_in_the_middle_hears_no_more() -> None:
    class Closing(Recorder):
        def received(self, data: bytes, /) -> None:
            super().received(data)
            ends_of[0].server.close()

    ends_of: list[Ends] = []

    async def scenario(ends: Ends) -> None:
        ends_of.append(ends)
        reader = Closing()
        ends.proxy.write(HEADER + b"one")
        await until(lambda: ends.opened == 1)
        ends.server.attach(reader)
        await until(lambda: ends.server.is_closed)
        ends.proxy.write(b"two")
        await asyncio.sleep(0.01)
        assert (reader.got, reader.ends) == (b"one", [])

    behind(scenario)


def test_without_an_address_the_proxys_own_stays() -> None:
    async def scenario(ends: Ends) -> None:
        ends.proxy.write(b"PROXY UNKNOWN\r\n")
        await until(lambda: ends.opened == 1)
        assert ends.server.peer is ends.server.proxy
        ends.server.attach(reader := Recorder())
        ends.proxy.write(b"x")
        await until(lambda: reader.got == b"x")

    behind(scenario)


def test_a42_a_bad_header_no_header_and_half_a_header_end_the_connection() -> None:
    async def bad(ends: Ends) -> None:
        ends.proxy.write(b"EHLO a\r\n")
        await until(lambda: len(ends.failures) == 1)
        assert (ends.failures[0].trouble, ends.opened) == (NetTrouble.OTHER, 0)
        assert ends.server.is_closed

    async def half(ends: Ends) -> None:
        ends.proxy.write(HEADER[:9])
        ends.proxy.close()
        await until(lambda: len(ends.failures) == 1)
        assert ends.failures[0].trouble is NetTrouble.RESET
        assert ends.server.is_closed

    async def late(ends: Ends) -> None:
        ends.start(timeout_s=0.01)
        await until(lambda: len(ends.failures) == 1)
        assert ends.failures[0].trouble is NetTrouble.TIMEOUT
        assert ends.server.is_closed

    for scenario in (bad, half, late):
        behind(scenario)
