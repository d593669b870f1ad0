"""One connection on a fake socket: how often it asks the system, and the corners that loopback seldom shows."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import cast

import pytest
from tests.support.net_fakes import FakeLoop, FakeSocket
from tests.support.net_world import Recorder

from mailrail.model import NetTrouble
from mailrail.net import Endpoint, NetSettings
from mailrail.net.stream import Shared, SocketConnection

SETTINGS = NetSettings(
    read_bytes=4096, high_water_bytes=100, low_water_bytes=10, linger_bytes=5000, linger_s=3
)


class Bench:
    """A connection on fakes."""

    def __init__(
        self, *, attached: bool = True, is_one_shot: bool = False, beside: "Bench | None" = None
    ) -> None:
        self.sock, self.told = FakeSocket(8 if beside else 7), Recorder()
        self.loop: FakeLoop = beside.loop if beside else FakeLoop()
        self.shared: Shared = beside.shared if beside else self.loop.shared(SETTINGS, is_one_shot=is_one_shot)
        self.connection = SocketConnection(
            cast(socket.socket, self.sock),  # a fake with the few methods used
            self.shared,
            Endpoint("192.0.2.1", 25),
            Endpoint("198.51.100.7", 1024),
        )
        if attached:
            self.connection.attach(self.told)

    def readable(self) -> None:
        self.read()
        self.end()

    def read(self) -> None:
        self.loop.readers[self.sock.number]()

    def write(self, data: bytes) -> bool:
        went_on = self.connection.write(data)
        self.end()
        return went_on

    def writable(self) -> None:
        self.loop.writers[self.sock.number]()

    def end(self) -> None:
        """End the turn, if that was asked for."""
        if (end := self.shared.turn.end) in self.loop.soon:
            self.loop.soon.remove(end)
            end()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_a_short_read_asks_the_system_once(bench: Bench) -> None:
    bench.sock.incoming = [b"EHLO\r\n"]
    bench.readable()
    assert bench.told.got == b"EHLO\r\n"
    assert bench.sock.reads == 1


def test_a_fast_sender_gets_one_read_and_then_others_have_their_turn(bench: Bench) -> None:
    bench.sock.incoming = [bytes(4096)] * 100
    bench.readable()
    assert bench.sock.reads == 1
    assert bench.loop.soon == []  # a socket that still has bytes wakes us by itself


def test_a_loop_that_wakes_only_once_is_read_dry_in_turns() -> None:
    bench = Bench(is_one_shot=True)
    bench.sock.incoming = [b"short"] * 10 + [failure(errno.ECONNRESET)]
    bench.readable()
    while bench.loop.soon:
        assert bench.sock.reads == len(bench.told.chunks)
        bench.loop.soon.pop(0)()
        bench.end()
    assert len(bench.told.chunks) == 10
    assert len(bench.told.ends) == 1


def test_such_a_loop_is_also_read_dry_while_lingering() -> None:
    bench = Bench(is_one_shot=True)
    bench.connection.close()
    bench.sock.incoming = [b"late", b""]
    bench.readable()
    again = bench.loop.soon.pop()
    again()
    assert bench.sock.state == "closed"
    again()  # it was scheduled, and then the time was up
    assert bench.sock.reads == 2


def test_a_wake_up_for_nothing_is_nothing(bench: Bench) -> None:
    bench.readable()
    assert bench.told.chunks == []


def test_pausing_is_free_until_bytes_come_in_spite_of_it(bench: Bench) -> None:
    bench.connection.pause()
    assert 7 in bench.loop.readers
    bench.readable()
    assert bench.loop.readers == {}
    assert bench.sock.reads == 0
    bench.connection.resume()
    assert 7 in bench.loop.readers


def test_nothing_is_read_before_attach() -> None:
    assert Bench(attached=False).loop.readers == {}


def test_what_is_written_in_one_turn_leaves_in_one_piece_at_its_end(bench: Bench) -> None:
    other = Bench(beside=bench)
    for each in (bench, other):
        each.sock.takes = [100, 100]
        assert each.connection.write(b"250 ok\r\n")
        assert each.connection.write(b"354 go on\r\n")
        assert each.sock.sent == b""
    bench.end()
    for each in (bench, other):
        assert each.sock.sent == b"250 ok\r\n354 go on\r\n"
        assert each.sock.takes == [100]
    assert bench.loop.soon == []


def test_what_would_be_much_at_the_end_of_the_turn_leaves_before(bench: Bench) -> None:
    bench.sock.takes = [100, 100]
    assert bench.connection.write(bytes(60))
    assert bench.connection.write(bytes(60))
    assert len(bench.sock.sent) == 60
    bench.end()
    assert len(bench.sock.sent) == 120


@pytest.mark.parametrize("is_mutual", [True, False])
def test_what_was_written_leaves_before_the_connection_closes(bench: Bench, is_mutual: bool) -> None:
    bench.sock.takes = [100]
    bench.connection.write(b"221 bye\r\n")
    bench.connection.close(is_mutual=is_mutual)
    assert bench.sock.state == "open"
    bench.end()
    assert bench.sock.sent == b"221 bye\r\n"
    assert bench.sock.state == ("closed" if is_mutual else "shut")


def test_what_was_written_leaves_before_what_still_comes_is_thrown_away(bench: Bench) -> None:
    bench.sock.takes = [100]
    bench.connection.write(b"421 closing\r\n")
    bench.connection.close()
    bench.sock.incoming = [b"NOOP\r\n"]
    bench.read()
    assert bench.sock.sent == b"421 closing\r\n"
    assert bench.sock.state == "shut"
    bench.end()


def test_what_was_written_leaves_before_the_connection_is_aborted(bench: Bench) -> None:
    bench.sock.takes = [100]
    bench.connection.write(b"421 no time\r\n")
    bench.connection.abort()
    bench.end()
    assert bench.sock.sent == b"421 no time\r\n"
    assert bench.sock.options == [], "nothing is lost, so nothing is reset"


class Meddler(Recorder):
    """Does something to another connection when it gets something."""

    def __init__(self, doing: Callable[[], object]) -> None:
        super().__init__()
        self.doing = doing

    def received(self, data: bytes) -> None:
        super().received(data)
        self.doing()


def both_readable(bench: Bench, doing: Callable[[Bench], object], *incoming: bytes | OSError) -> Bench:
    """Let two connections have input in one turn; the receiver of the first does something to the second."""
    other = Bench(beside=bench)
    bench.connection.attach(Meddler(lambda: doing(other)))
    bench.sock.incoming, other.sock.incoming = [b"x"], list(incoming)
    bench.read()
    other.read()
    assert other.told.chunks == []
    bench.end()
    return other


@pytest.mark.parametrize("end", [b"", failure(errno.ECONNRESET)])
def test_who_is_paused_by_another_gets_what_was_read_when_resumed_and_the_end_behind_it(
    bench: Bench, end: bytes | OSError
) -> None:
    other = both_readable(bench, lambda other: other.connection.pause(), b"one")
    assert other.told.chunks == []
    other.sock.incoming = [end]
    other.connection.resume()
    other.read()
    assert (other.told.chunks, other.told.ends) == ([], [])
    other.end()
    assert other.told.chunks == [b"one"]
    assert [error and error.trouble for error in other.told.ends] == [
        None if end == b"" else NetTrouble.RESET
    ]


def test_an_end_that_was_read_is_told_after_a_pause(bench: Bench) -> None:
    other = both_readable(bench, lambda other: other.connection.pause(), b"")
    assert other.told.ends == []
    other.connection.resume()
    other.end()
    assert other.told.ends == [None]


def test_who_is_closed_by_another_gets_nothing_more(bench: Bench) -> None:
    other = both_readable(bench, lambda other: other.connection.close(), b"one")
    assert other.told.chunks == []
    assert other.sock.state == "shut"


def test_a_new_receiver_gets_what_was_read_before_it_came(bench: Bench) -> None:
    later = Recorder()
    other = both_readable(bench, lambda other: other.connection.attach(later), b"one")
    assert (other.told.chunks, later.chunks) == ([], [b"one"])


@pytest.mark.parametrize("trouble", [ZeroDivisionError(), asyncio.CancelledError()])
def test_a_receiver_that_fails_keeps_nothing_from_the_others(bench: Bench, trouble: BaseException) -> None:
    other = both_readable(bench, lambda other: fail_with(trouble), b"one")
    assert other.told.chunks == [b"one"]
    assert [told["exception"] for told in bench.loop.troubles] == [trouble]


def fail_with(trouble: BaseException) -> None:
    raise trouble


def test_a_connection_that_cannot_be_watched_keeps_nothing_from_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no memory for one watch more."""
    other = Bench(beside=bench)
    monkeypatch.setattr(bench.loop, "add_writer", fails)
    other.sock.takes = [100]
    bench.connection.write(b"250 first\r\n")  # takes nothing
    other.connection.write(b"250 second\r\n")
    bench.end()
    assert other.sock.sent == b"250 second\r\n"
    assert len(bench.loop.troubles) == 1
    bench.read()
    other.sock.incoming = [b"NOOP\r\n"]
    other.readable()
    assert other.told.chunks == [b"NOOP\r\n"]


def fails(*_: object) -> None:
    raise OSError(errno.ENOSPC, "no")


def test_a_write_goes_out_and_only_the_rest_waits(bench: Bench) -> None:
    bench.sock.takes = [3, 100]
    assert bench.write(b"220 hello\r\n")
    assert bench.sock.sent == b"220"
    bench.writable()
    assert bench.sock.sent == b"220 hello\r\n"
    assert bench.loop.writers == {}
    assert bench.told.writables == 0


def test_many_waiting_pieces_leave_together_and_partly(bench: Bench) -> None:
    for number in range(5):
        bench.write(b"%d-----" % number)
    bench.sock.takes = [8, 1, 100]
    bench.writable()
    bench.writable()
    bench.writable()
    assert bench.sock.sent == b"".join(b"%d-----" % number for number in range(5))


def test_a_writer_that_was_told_to_wait_is_told_to_go_on_once(bench: Bench) -> None:
    assert bench.write(bytes(100))
    assert not bench.write(b"x")
    bench.sock.takes = [50, 30, 12, 100]
    bench.writable()
    assert not bench.write(b"")  # still over the low mark
    bench.writable()
    assert bench.told.writables == 0
    bench.writable()
    assert bench.told.writables == 1
    bench.writable()
    assert bench.told.writables == 1


def test_a_wake_up_that_cannot_write_changes_nothing(bench: Bench) -> None:
    bench.write(b"x")
    bench.writable()
    assert bench.loop.writers


def test_closing_waits_for_the_output_then_shuts_down_then_waits_for_the_peer(bench: Bench) -> None:
    bench.write(b"221 bye\r\n")
    bench.connection.close()
    assert bench.loop.timers[0].delay_s == 3
    assert bench.sock.state == "open"
    bench.sock.takes = [100]
    bench.writable()
    assert bench.sock.state == "shut"
    assert bench.sock.state != "closed"
    bench.sock.incoming = [b"late", b""]
    bench.readable()
    bench.readable()
    assert bench.sock.state == "closed"
    assert bench.loop.timers[0].is_cancelled
    assert bench.told.chunks == []


def test_what_is_being_closed_is_known_until_it_is_gone(bench: Bench) -> None:
    assert bench.shared.leaving == set()
    bench.connection.close()
    assert bench.shared.leaving == {bench.connection}
    bench.connection.abort()
    assert bench.shared.leaving == set()
    assert bench.sock.state == "closed"


def test_closing_after_the_peers_end_waits_for_nothing(bench: Bench) -> None:
    bench.sock.incoming = [b""]
    bench.readable()
    assert bench.told.ends == [None]
    bench.connection.close()
    assert bench.sock.state == "closed"


def test_after_goodbyes_on_both_sides_closing_waits_for_nothing_but_its_own_output(bench: Bench) -> None:
    bench.connection.close(is_mutual=True)
    assert bench.sock.state == "closed"
    busy = Bench()
    busy.sock.takes = [3]
    busy.write(b"221 2.0.0 Bye\r\n")
    busy.connection.close(is_mutual=True)
    assert busy.sock.state != "closed"
    busy.sock.takes = [100]
    busy.writable()
    assert busy.sock.sent == b"221 2.0.0 Bye\r\n"
    busy.connection.abort()


def test_lingering_is_bounded_in_time_and_bytes() -> None:
    slow, loud = Bench(), Bench()
    slow.connection.close()
    slow.loop.timers[0].callback()
    assert slow.sock.state == "closed"
    loud.connection.close()
    loud.sock.incoming = [bytes(4096)] * 10
    loud.readable()
    loud.readable()
    assert loud.sock.state == "closed"
    for bench in (slow, loud):
        assert bench.loop.readers == {}
        bench.connection.abort()


def test_a_peer_that_stops_sending_may_still_read_what_waits(bench: Bench) -> None:
    bench.connection.pause()
    bench.readable()
    bench.write(b"552 too big\r\n")
    bench.connection.close()
    bench.sock.incoming = [b"more", b""]
    bench.readable()
    bench.readable()
    assert bench.sock.state != "closed"
    bench.sock.takes = [100]
    bench.writable()
    assert bench.sock.sent == b"552 too big\r\n"
    assert bench.sock.state == "closed"


def test_lingering_ends_when_the_peer_is_lost_or_slow_to_say_anything(bench: Bench) -> None:
    bench.connection.close()
    bench.readable()
    assert bench.sock.state != "closed"
    bench.sock.incoming = [failure(errno.ECONNRESET)]
    bench.readable()
    assert bench.sock.state == "closed"


def test_aborting_with_output_left_resets(bench: Bench) -> None:
    bench.write(b"x")
    bench.connection.abort()
    assert [option for _, option, _ in bench.sock.options] == [socket.SO_LINGER]
    assert bench.sock.state == "closed"
    assert bench.loop.writers == {}


def test_a_lost_connection_is_reported_by_the_reader_behind_the_last_words(bench: Bench) -> None:
    bench.sock.takes = [failure(errno.EPIPE)]
    assert bench.write(b"NOOP\r\n")
    assert bench.write(b"NOOP\r\n")
    assert bench.connection.is_closed
    assert bench.told.ends == []
    bench.sock.incoming = [b"421 bye\r\n", b""]
    bench.readable()
    bench.readable()
    assert bench.told.got == b"421 bye\r\n"
    assert [error and error.trouble for error in bench.told.ends] == [NetTrouble.RESET]
    assert bench.sock.state == "closed"


def test_a_read_that_fails_names_peer_and_reason(bench: Bench) -> None:
    bench.sock.incoming = [failure(errno.ETIMEDOUT)]
    bench.readable()
    error = bench.told.ends[0]
    assert error is not None
    assert error.trouble is NetTrouble.TIMEOUT
    assert "198.51.100.7:1024" in str(error)
    assert "timed out" in str(error)


def test_a_loss_while_flushing_or_after_the_end_just_closes() -> None:
    flushing, ended = Bench(), Bench()
    flushing.write(b"x")
    flushing.connection.close()
    flushing.sock.takes = [failure(errno.ECONNRESET)]
    flushing.writable()
    ended.sock.incoming = [b""]
    ended.readable()
    ended.sock.takes = [failure(errno.EPIPE)]
    ended.write(b"x")
    for bench in (flushing, ended):
        assert bench.sock.state == "closed"
        assert len(bench.told.ends) == (1 if bench is ended else 0)


def test_closing_a_broken_connection_is_immediate(bench: Bench) -> None:
    bench.sock.takes = [failure(errno.EPIPE)]
    bench.write(b"x")
    bench.connection.close()
    bench.connection.attach(bench.told)
    assert bench.sock.state == "closed"
