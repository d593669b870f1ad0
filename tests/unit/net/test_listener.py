"""Accepting: in bounded batches, and resting when the system has nothing left."""

import errno
import os
import socket
from typing import cast

import pytest
from tests.support.net_fakes import FakeLoop, FakeSocket

from mailrail.net import AcceptRested, Endpoint, NetSettings
from mailrail.net.listener import SocketListener
from mailrail.net.stream import SocketConnection
from mailrail.observe import Bus, Event


class Bench:
    """A listener on fakes."""

    def __init__(self) -> None:
        self.loop, self.sock, self.bus = FakeLoop(), FakeSocket(), Bus()
        self.accepted: list[SocketConnection] = []
        self.events: list[Event] = []
        self.bus.listen(self.events.append)
        self.listener = SocketListener(
            cast(socket.socket, self.sock),  # a fake with the few methods used
            self.loop.shared(NetSettings()),
            self.accepted.append,
            rest_s=0.25,
            bus=self.bus,
        )

    def wake(self) -> None:
        self.loop.readers[7]()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_waiting_connections_are_accepted_in_one_wake_up(bench: Bench) -> None:
    bench.sock.accepts = [FakeSocket() for _ in range(3)]
    bench.wake()
    assert [connection.peer for connection in bench.accepted] == [Endpoint("198.51.100.7", 1024)] * 3
    assert bench.accepted[0].local == Endpoint("192.0.2.1", 25)


def test_a_batch_is_bounded_so_that_sessions_keep_their_turn(bench: Bench) -> None:
    bench.sock.accepts = [FakeSocket() for _ in range(1000)]
    bench.wake()
    assert 1 < len(bench.accepted) < 100


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_without_descriptors_accepting_rests_instead_of_spinning_a73(bench: Bench, number: int) -> None:
    bench.sock.accepts = [FakeSocket(), failure(number), FakeSocket()]
    bench.wake()
    assert len(bench.accepted) == 1
    assert bench.loop.readers == {}
    assert [timer.delay_s for timer in bench.loop.timers] == [0.25]
    assert bench.events == [AcceptRested(endpoint="192.0.2.1:25", reason=os.strerror(number), wait_s=0.25)]
    bench.loop.timers[0].callback()
    bench.wake()
    assert len(bench.accepted) == 2


def test_a_peer_that_gave_up_waiting_is_skipped(bench: Bench) -> None:
    bench.sock.accepts = [failure(errno.ECONNABORTED), failure(errno.EPROTO), FakeSocket()]
    bench.wake()
    assert len(bench.accepted) == 1
    assert bench.loop.timers == []


def test_closing_while_it_rests_wakes_nothing_up(bench: Bench) -> None:
    bench.sock.accepts = [failure(errno.EMFILE)]
    bench.wake()
    bench.listener.close()
    assert bench.loop.timers[0].is_cancelled
    assert bench.sock.state == "closed"


def test_closing_inside_accept_stops_the_batch() -> None:
    bench = Bench()
    sock = bench.sock
    sock.accepts = [FakeSocket(), FakeSocket()]
    listener = SocketListener(
        cast(socket.socket, sock),  # a fake with the few methods used
        bench.loop.shared(NetSettings()),
        lambda _: listener.close(),
        rest_s=0.25,
    )
    bench.wake()
    assert len(sock.accepts) == 1


def test_who_is_ahead_of_the_others_takes_one_connection_and_lets_them_come_first(bench: Bench) -> None:
    bench.listener.close()
    is_ahead = True
    listener = SocketListener(
        cast(socket.socket, bench.sock),
        bench.loop.shared(NetSettings()),
        bench.accepted.append,
        rest_s=0.25,
        is_ahead=lambda: is_ahead,
    )
    bench.sock.accepts = [FakeSocket() for _ in range(5)]
    bench.wake()
    assert len(bench.accepted) == 1
    assert bench.loop.readers == {}
    assert [timer.delay_s for timer in bench.loop.timers] == [0.001]
    bench.loop.timers[0].callback()
    bench.wake()  # nobody else came: clients are served all the same
    assert len(bench.accepted) == 2
    is_ahead = False
    bench.loop.timers[1].callback()
    bench.wake()
    assert len(bench.accepted) == 5
    listener.close()
