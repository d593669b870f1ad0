"""One question to one server over a stream that arrives in pieces, or not at all."""

import struct

import pytest
from tests.support.memory_net import MemoryNetwork

from mailrail.dns.exchange import exchange
from mailrail.dns.wire import Kind, Question, name_of, question
from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint
from mailrail.sim import DnsFault, Zone, ZoneService, simulate

SERVER = Endpoint("127.0.0.1", 53)


def asked() -> Question:
    name = name_of("here.example")
    assert name is not None
    return question(name, Kind.A)


class Piecewise:
    """Answers over TCP in pieces, then goes on talking or hangs up."""

    def __init__(
        self, zone: Zone, connection: Connection, size: int, most: int, tail: bytes, flip: int
    ) -> None:
        self.zone, self.connection = zone, connection
        self.size, self.most, self.tail, self.flip = size, most, tail, flip

    def received(self, data: bytes, /) -> None:
        _, reply = self.zone.respond(data[2:], by_tcp=True)
        assert reply is not None
        reply = bytes((reply[0] ^ self.flip,)) + reply[1:]
        framed = (struct.pack("!H", len(reply)) + reply)[: self.most] + self.tail
        for start in range(0, len(framed), self.size):
            self.connection.write(framed[start : start + self.size])
        if len(framed) < len(reply) + 2:
            self.connection.close()

    def writable(self) -> None:
        raise AssertionError

    def ended(self, error: NetError | None, /) -> None:
        self.connection.close()


def fetch(*, size: int = 1, most: int = 65_537, tail: bytes = b"", flip: int = 0) -> bytes:
    async def main() -> bytes:
        zone, network = Zone({"here.example": ["A 192.0.2.1"]}), MemoryNetwork()
        zone.fail("*", DnsFault.TRUNCATE)
        ZoneService(network, zone, SERVER)._tcp.close()
        network.listen(SERVER, lambda peer: peer.attach(Piecewise(zone, peer, size, most, tail, flip)))
        return await exchange(network, SERVER, asked(), 7, 2)

    return simulate(main())


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_message_in_pieces_is_put_together(size: int) -> None:
    assert fetch(size=size) == fetch(size=65_537)


def test_what_follows_the_message_is_dropped() -> None:
    assert fetch(size=7, tail=b"x" * 100) == fetch()


@pytest.mark.parametrize("most", [0, 1, 2, 20])
def test_a_stream_that_ends_too_early_is_a_reset(most: int) -> None:
    with pytest.raises(NetError) as caught:
        fetch(most=most)
    assert caught.value.trouble is NetTrouble.RESET


def test_a52_a_reply_with_another_id_is_refused_over_a_stream_too() -> None:
    with pytest.raises(NetError, match="another question"):
        fetch(flip=1)


def test_a_stream_that_stays_silent_ends_with_the_try() -> None:
    async def main() -> None:
        zone, network = Zone({}), MemoryNetwork()
        zone.fail("*", DnsFault.TRUNCATE)
        ZoneService(network, zone, SERVER)
        zone.delay_s["*"] = 1.5
        with pytest.raises(NetError) as caught:
            await exchange(network, SERVER, asked(), 7, 2)
        assert caught.value.trouble is NetTrouble.TIMEOUT

    simulate(main())
