"""Connections on one loop that pause, resume and answer one another at random: each octet arrives once, in order, before the end."""

import asyncio
import select
import socket
from random import Random

import pytest
from tests.support.net_world import Recorder, pattern, run, until

from mailrail.model import NetError
from mailrail.net import Endpoint, NetSettings
from mailrail.net.stream import Shared, SocketConnection
from mailrail.net.turn import Turn
from mailrail.net.watch import EpollWatch

SETTINGS = NetSettings(read_bytes=4096, high_water_bytes=8000, low_water_bytes=1000)
TEXT = pattern(2_000_000)
WATCHES = ["loop", "one shot", *(["epoll"] if hasattr(select, "epoll") else [])]


class Party(Recorder):
    """One end, which meddles with the others whenever it gets something."""

    def __init__(self, connection: SocketConnection, random: Random) -> None:
        super().__init__()
        self.connection, self.random = connection, random
        self.others: list[Party] = []
        self.sent = 0
        self.must_wait = self.is_paused = False
        connection.attach(self)

    def received(self, data: bytes) -> None:
        assert not self.is_paused
        super().received(data)
        other = self.random.choice(self.others)
        match self.random.randrange(8):
            case 0:
                self.pause()
            case 1 | 2:
                other.pause()
            case 3:
                other.resume()
            case 4 | 5:
                self.send(self.random.choice([1, 10, 3000]))

    def writable(self) -> None:
        super().writable()
        assert self.must_wait
        self.must_wait = False

    def ended(self, error: NetError | None) -> None:
        assert not self.is_paused
        super().ended(error)

    def pause(self) -> None:
        self.is_paused = True
        self.connection.pause()

    def resume(self) -> None:
        self.is_paused = False
        self.connection.resume()

    def send(self, octets: int) -> None:
        if not (self.must_wait or self.connection.is_closed):
            self.must_wait = not self.connection.write(TEXT[self.sent : self.sent + octets])
            self.sent += octets


def parties(watch: str, random: Random) -> list[tuple[Party, Party]]:
    loop = asyncio.get_running_loop()
    turn = Turn(loop)
    shared = Shared(loop, SETTINGS, turn, EpollWatch(loop, turn) if watch == "epoll" else None)
    shared.is_one_shot = watch == "one shot"
    pairs: list[tuple[Party, Party]] = []
    for number in range(random.choice([1, 3])):
        ends: list[Party] = []
        for sock in socket.socketpair():
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            here, there = Endpoint("192.0.2.1", 25), Endpoint("192.0.2.2", 1024 + number)
            ends.append(Party(SocketConnection(sock, shared, here, there), random))
        pairs.append((ends[0], ends[1]))
    everybody = [party for pair in pairs for party in pair]
    for party in everybody:
        party.others = [other for other in everybody if other is not party]
    return pairs


@pytest.mark.parametrize("watch", WATCHES)
@pytest.mark.parametrize("seed", range(40))
def test_whatever_others_do_in_a_turn_nothing_is_lost_and_the_last_words_arrive(
    watch: str, seed: int
) -> None:
    async def scenario() -> None:
        random = Random(seed)
        pairs = parties(watch, random)
        everybody = [party for pair in pairs for party in pair]
        for _ in range(random.randrange(10, 80)):
            party = random.choice(everybody)
            match random.randrange(6):
                case 0 | 1 | 2:
                    party.send(random.choice([1, 100, 5000, 30_000]))
                case 3:
                    party.pause()
                case 4:
                    party.resume()
                case _:
                    await asyncio.sleep(0)
        for one, _ in pairs:
            one.must_wait = False
            one.send(random.choice([1, 9000, 50_000]))
            one.connection.close()

        def have_ended() -> bool:
            for _, other in pairs:
                other.resume()
            return all(other.ends for _, other in pairs)

        await until(have_ended)
        for one, other in pairs:
            assert other.got == TEXT[: one.sent]
            assert other.ends == [None]
            other.connection.close()
        assert all(one.got == TEXT[: len(one.got)] for one, _ in pairs)

    run(scenario())
