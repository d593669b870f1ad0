"""What processes that serve the same clients tell one another, in shared memory."""

import os

from mailrail.model import reply as say
from mailrail.server import Board, ConnectionGate, LimitSettings

LIMITS = LimitSettings(connections=6, connections_per_client=2, connections_per_minute=4)


def gates(count: int, limits: LimitSettings = LIMITS) -> tuple[Board, list[ConnectionGate]]:
    board = Board(count)
    return board, [ConnectionGate(limits, seat=board.seat(number)) for number in range(count)]


def test_a39_the_total_holds_for_all_processes_together() -> None:
    _, (one, two) = gates(2)
    for number in range(3):
        assert one.enter(f"192.0.2.{number}", 0.0) is None
        assert two.enter(f"198.51.100.{number}", 0.0) is None
    assert one.enter("203.0.113.1", 0.0) is say.TOO_MANY_CONNECTIONS
    assert two.enter("203.0.113.1", 0.0) is say.TOO_MANY_CONNECTIONS
    one.leave("192.0.2.0")
    assert two.enter("203.0.113.1", 0.0) is None


def test_a39_one_client_has_so_many_sessions_in_all_processes_together() -> None:
    _, (one, two) = gates(2)
    assert one.enter("192.0.2.1", 0.0) is None
    assert two.enter("192.0.2.1", 0.0) is None
    assert one.enter("192.0.2.1", 0.0) is say.TOO_MANY_FROM_YOU
    assert two.enter("192.0.2.2", 0.0) is None
    two.leave("192.0.2.1")
    assert one.enter("192.0.2.1", 0.0) is None


def test_a39_connections_a_minute_are_counted_over_all_processes_and_forgotten_with_the_minute() -> None:
    _, (one, two) = gates(2)
    for gate in (one, two, one, two):
        assert gate.enter("192.0.2.1", 1.0) is None
        gate.leave("192.0.2.1")
    assert one.enter("192.0.2.1", 2.0) is say.TOO_FAST_FROM_YOU
    assert two.enter("192.0.2.1", 2.0) is say.TOO_FAST_FROM_YOU
    assert one.enter("192.0.2.1", 121.0) is None


def test_what_a_dead_process_wrote_is_forgotten() -> None:
    board, (one, two) = gates(2)
    for _ in range(2):
        two.enter("192.0.2.1", 0.0)
    board.clear(1)
    assert one.enter("192.0.2.1", 0.0) is None
    assert board.seat(0).elsewhere() == 0


def test_a_proxied_client_is_counted_for_all_processes() -> None:
    _, (one, two) = gates(2)
    one.enter("10.0.0.1", 0.0)
    assert one.speaks_for("10.0.0.1", "192.0.2.1", 0.0) is None
    two.enter("192.0.2.1", 0.0)
    assert two.enter("192.0.2.1", 0.0) is say.TOO_MANY_FROM_YOU


def test_who_has_clearly_more_sessions_than_its_share_is_ahead() -> None:
    board = Board(3)
    one, two, three = (board.seat(number) for number in range(3))
    one.take(is_taking=True)
    one.serve(50)
    assert not one.is_ahead()  # nobody else takes connections
    two.take(is_taking=True)
    assert one.is_ahead()
    assert not two.is_ahead()
    two.serve(49)
    assert not one.is_ahead()  # not clearly
    three.take(is_taking=True)
    assert one.is_ahead()
    assert two.is_ahead()
    three.take(is_taking=False)
    assert not one.is_ahead()


def test_with_a_few_sessions_nobody_waits_for_the_others() -> None:
    board = Board(2)
    one, two = board.seat(0), board.seat(1)
    one.take(is_taking=True)
    two.take(is_taking=True)
    one.serve(1)
    assert not one.is_ahead()


def test_another_process_sees_what_is_written() -> None:
    board = Board(2)
    one = board.seat(0)
    child = os.fork()
    if child == 0:
        seat = board.seat(1)
        seat.serve(7)
        seat.opened("192.0.2.1")
        seat.came("192.0.2.1", 3)
        os._exit(0)
    os.waitpid(child, 0)
    assert one.elsewhere() == 7
    assert one.open_elsewhere("192.0.2.1") == 1
    assert one.came_elsewhere("192.0.2.1", 3) == 1
    assert one.came_elsewhere("192.0.2.1", 4) == 0
