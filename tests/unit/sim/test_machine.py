"""Several machines: whose address is whose, links, partitions, and machines that die."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.net_world import Recorder

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint
from mailrail.sim import Internet, Link, Machine, SimConnection, seeded, simulate

MX = Endpoint("192.0.2.1", 25)
LINK = Link(latency_s=0.05)


class Place:
    """Two machines, one of which listens."""

    def __init__(self, link: Link = LINK, seed: int = 1) -> None:
        self.internet = Internet(seeded(seed), link)
        self.mx = self.internet.machine("mx", MX.host, "2001:db8::1")
        self.client = self.internet.machine("client", "198.51.100.7")
        self.accepted: list[Connection] = []
        self.served: list[Recorder] = []
        self.mx.listen(MX, self.serve)

    def serve(self, connection: Connection) -> None:
        self.accepted.append(connection)
        self.served.append(Recorder())
        connection.attach(self.served[-1])

    async def connected(self, timeout_s: float = 30) -> tuple[SimConnection, Recorder]:
        connection, told = await self.client.connect(MX, timeout_s=timeout_s), Recorder()
        connection.attach(told)
        await asyncio.sleep(1)
        return connection, told


def play(scenario: Callable[[Place], Awaitable[None]], link: Link = LINK) -> None:
    async def main() -> None:
        await scenario(Place(link))

    simulate(main(), 1)


def troubles(told: Recorder) -> list[NetTrouble | None]:
    return [error.trouble if error else None for error in told.ends]


def now() -> float:
    return asyncio.get_running_loop().time()


async def trouble_of(connecting: Awaitable[object]) -> NetTrouble:
    with pytest.raises(NetError) as caught:
        await connecting
    return caught.value.trouble


# -- addresses --------------------------------------------------------------------------------------


def test_a_machine_uses_and_serves_only_its_own_addresses() -> None:
    async def scenario(place: Place) -> None:
        connection, _ = await place.connected()
        assert connection.local.host == "198.51.100.7"
        assert place.accepted[0].peer == connection.local
        with pytest.raises(NetError, match="Cannot assign"):
            place.client.listen(MX, lambda _: None)
        with pytest.raises(NetError, match="Cannot assign"):
            place.client.datagrams(lambda _, __: None, bind=MX)
        with pytest.raises(NetError, match=r"use 192\.0\.2\.1 as our address"):
            await place.client.connect(MX, timeout_s=1, source=MX.host)

    play(scenario)


def test_loopback_is_each_machines_own() -> None:
    async def scenario(place: Place) -> None:
        place.mx.listen(Endpoint("127.0.0.1", 80), place.serve)
        here = Endpoint("127.0.0.1", 80)
        (await place.mx.connect(here, timeout_s=1)).abort()
        assert await trouble_of(place.client.connect(here, timeout_s=1)) is NetTrouble.REFUSED

    play(scenario)


def test_an_address_that_nobody_has_or_no_way_to_is_unreachable() -> None:
    async def scenario(place: Place) -> None:
        for host in ("203.0.113.9", "2001:db8::1"):  # the client has no IPv6
            connecting = place.client.connect(Endpoint(host, 25), timeout_s=1)
            assert await trouble_of(connecting) is NetTrouble.UNREACHABLE

    play(scenario)


def test_datagrams_tell_their_senders_and_some_are_lost() -> None:
    async def scenario(place: Place) -> None:
        got: list[tuple[bytes, Endpoint]] = []
        place.mx.datagrams(lambda data, sender: got.append((data, sender)), bind=Endpoint(MX.host, 53))
        socket = place.client.datagrams(lambda _, __: None)
        for number in range(100):
            socket.send(b"%d" % number, Endpoint(MX.host, 53))
        await asyncio.sleep(1)
        assert 30 < len(got) < 70
        assert {sender for _, sender in got} == {Endpoint("198.51.100.7", socket.endpoint.port)}

    play(scenario, Link(latency_s=0.01, loss=0.5))


# -- links ------------------------------------------------------------------------------------------


def test_a_link_takes_its_time_and_carries_so_much_a_second() -> None:
    async def scenario(place: Place) -> None:
        connection, told = await place.connected()
        began = now()
        connection.write(b"x" * 30_000)
        while len(place.served[0].got) < 30_000:
            await asyncio.sleep(0.01)
        assert now() - began == pytest.approx(3.05, abs=0.02)
        assert not told.ends

    play(scenario, Link(latency_s=0.05, bytes_per_s=10_000))


def test_jitter_is_the_seeds_and_keeps_the_order_of_a_stream() -> None:
    def arrivals(seed: int) -> tuple[bytes, float]:
        async def main() -> tuple[bytes, float]:
            place = Place(Link(latency_s=0.01, jitter_s=0.5), seed)
            connection, _ = await place.connected()
            began = now()
            for number in range(50):
                connection.write(b"%d," % number)
            while not place.served[0].got.endswith(b"49,"):
                await asyncio.sleep(0.001)
            return place.served[0].got, now() - began

        return simulate(main(), 1)

    assert arrivals(1) == arrivals(1)
    assert arrivals(1)[1] != arrivals(2)[1]
    assert arrivals(1)[0] == b"".join(b"%d," % number for number in range(50))


def test_links_that_cut_reset_both_ends_after_some_bytes() -> None:
    async def scenario(place: Place) -> None:
        connection, told = await place.connected()
        connection.write(b"x" * 5000)
        await asyncio.sleep(10)
        assert troubles(told) == troubles(place.served[0]) == [NetTrouble.RESET]
        assert len(place.served[0].got) < 5000
        assert place.internet.open_ends() == []

    play(scenario, Link(latency_s=0.01, cut=1.0, cut_within_bytes=5000))


def test_connections_between_two_machines_can_be_cut_by_hand() -> None:
    async def scenario(place: Place) -> None:
        _, told = await place.connected()
        place.internet.cut("client", "mx")
        await asyncio.sleep(1)
        assert troubles(told) == troubles(place.served[0]) == [NetTrouble.RESET]

    play(scenario)


# -- partitions -------------------------------------------------------------------------------------


def test_what_was_sent_into_a_short_partition_arrives_when_it_ends() -> None:
    async def scenario(place: Place) -> None:
        connection, _ = await place.connected()
        place.internet.sever({"client"}, {"mx"})
        connection.write(b"one,")
        await asyncio.sleep(60)
        connection.write(b"two")
        await asyncio.sleep(60)
        assert place.served[0].got == b""
        place.internet.mend()
        await asyncio.sleep(1)
        assert place.served[0].got == b"one,two"

    play(scenario)


def test_in_a_long_partition_the_sender_gives_up_and_the_reader_learns_nothing() -> None:
    async def scenario(place: Place) -> None:
        connection, told = await place.connected()
        place.internet.unplug("mx")
        connection.write(b"anybody there")
        await asyncio.sleep(1000)
        assert troubles(told) == [NetTrouble.TIMEOUT]
        place.internet.mend()
        await asyncio.sleep(1000)
        assert place.served[0].got == b""
        assert place.served[0].ends == []
        place.accepted[0].write(b"hello")
        await asyncio.sleep(1)
        assert troubles(place.served[0]) == [NetTrouble.RESET]

    play(scenario)


def test_a_connect_into_a_partition_times_out_or_gets_through_when_it_ends() -> None:
    async def scenario(place: Place) -> None:
        place.internet.sever({"client"}, {"mx"})
        assert await trouble_of(place.client.connect(MX, timeout_s=10)) is NetTrouble.TIMEOUT
        asyncio.get_running_loop().call_later(10, place.internet.mend)
        began = now()
        (await place.client.connect(MX, timeout_s=30)).abort()
        assert now() - began == pytest.approx(15.1, abs=0.01)  # knocks at 0, 1, 3, 7, 15 s

    play(scenario)


# -- machines that die ------------------------------------------------------------------------------


def test_a_dead_process_ends_its_connections_and_its_address_refuses() -> None:
    async def scenario(place: Place) -> None:
        _, told = await place.connected()
        place.accepted[0].write(b"last words")
        place.mx.kill()
        await asyncio.sleep(1)
        assert told.got == b"last words"
        assert troubles(told) == [None]
        assert await trouble_of(place.client.connect(MX, timeout_s=5)) is NetTrouble.REFUSED
        with pytest.raises(NetError, match="the process is dead"):
            place.mx.listen(MX, place.serve)
        place.mx.revive()
        place.mx.listen(MX, place.serve)
        await place.connected()

    play(scenario)


def test_a_process_that_dies_with_unread_input_resets() -> None:
    async def scenario(place: Place) -> None:
        connection, told = await place.connected()
        place.accepted[0].pause()
        connection.write(b"unread")
        await asyncio.sleep(1)
        place.mx.kill()
        await asyncio.sleep(1)
        assert troubles(told) == [NetTrouble.RESET]

    play(scenario)


def test_a_machine_without_power_is_silent_and_afterwards_knows_nobody() -> None:
    async def scenario(place: Place) -> None:
        connection, told = await place.connected()
        place.mx.power_off()
        connection.write(b"hello?")
        await asyncio.sleep(100)
        assert told.ends == []
        assert await trouble_of(place.client.connect(MX, timeout_s=5)) is NetTrouble.TIMEOUT
        place.mx.power_on()
        await asyncio.sleep(1)
        assert troubles(told) == [NetTrouble.RESET]
        assert await trouble_of(place.client.connect(MX, timeout_s=5)) is NetTrouble.REFUSED
        assert place.internet.open_ends() == []

    play(scenario)


def test_a_machine_is_in_one_world_only_once() -> None:
    internet = Internet()
    internet.machine("mx", MX.host)
    for name, address in (("mx", "192.0.2.2"), ("other", MX.host)):
        with pytest.raises(AssertionError):
            internet.machine(name, address)
    assert isinstance(internet.owner(internet.machine("third", "192.0.2.3"), MX.host), Machine)
