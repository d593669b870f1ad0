"""How memory is shared out."""

from mailrail.queue.room import LEAST_SHARE, Room
from mailrail.queue.settings import QueueSettings


def test_claims_leave_a_quarter_for_fresh_mail() -> None:
    room = Room(QueueSettings(active_items=100))
    for _ in range(75):
        room.take(0)
    assert room.for_claims() == 0
    assert room.has_any()


def test_a72_a_destination_may_hold_half_of_what_is_left_but_always_a_few() -> None:
    room = Room(QueueSettings(active_items=1000))
    assert room.share() == 500
    for _ in range(990):
        room.take(0)
    assert room.share() == LEAST_SHARE


def test_bytes_are_bounded_too() -> None:
    room = Room(QueueSettings(active_items=100, active_bytes=1024**2))
    room.take(1024**2)
    assert not room.has_any()


def test_who_was_turned_away_is_told_once_when_half_is_free() -> None:
    room = Room(QueueSettings(active_items=20))
    for _ in range(20):
        room.take(1)
    assert not room.has_any()
    told = [room.free(1) for _ in range(20)]
    assert told.index(True) == 9
    assert told.count(True) == 1


def test_nobody_is_told_who_was_not_turned_away() -> None:
    room = Room(QueueSettings(active_items=20))
    room.take(1)
    assert not room.free(1)
