"""How many items are stored (the count itself is compared in tests/contract/test_spool_machine.py)."""

from pathlib import Path

import apsw
from tests.support.spools import Mail, SqliteDisk, in_loop, keep

from mailrail.observe import Bus, Event
from mailrail.spool import Filter, Want
from mailrail.spool.census import Census
from mailrail.spool.events import SpoolCrowded


def test_the_bound_is_told_once_until_there_was_room_again() -> None:
    bus, told = Bus(), list[Event]()
    bus.listen(told.append)
    census = Census(8, 10, bus)
    for items in (1, 1, -1, 1, 1, -1, -1):
        census.add(items)
    assert told == [SpoolCrowded(items=10, most=10)]
    for items in (-2, 3):
        census.add(items)
    assert told == [SpoolCrowded(items=10, most=10)] * 2


def test_a_spool_that_is_opened_crowded_says_so_when_the_next_one_comes() -> None:
    bus, told = Bus(), list[Event]()
    bus.listen(told.append)
    census = Census(12, 10, bus)
    assert not census.has_place
    census.add(-1)
    assert told == [SpoolCrowded(items=11, most=10)]


@in_loop
async def test_a70_what_is_set_aside_takes_no_place(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    mail = Mail(disk.clock)
    spool = await disk.open()
    await keep(spool, mail, "bob@one.example", "eve@two.example")
    await spool.close()
    db = apsw.Connection(str(disk.path / "spool.db"))
    db.execute("UPDATE message SET record = x'00'")
    db.close()
    disk.most_items = 2
    spool = await disk.open()
    assert not spool.has_place()
    assert await spool.claim(Want(limit=10, per_destination=10)) == []
    assert spool.has_place()
    assert await spool.count(Filter()) == 0
    await spool.close()
