"""Several spools are one queue: the mark of an empty one, and the standing holds of all."""

import asyncio
from pathlib import Path

import pytest

from mailrail.config import DRAINED, MailrailSettings, leftovers
from mailrail.daemon.leftover import begin_spool, end_spool, is_empty, take_over_holds
from mailrail.daemon.worker import ALONE, Worker
from mailrail.model import StoreError, StoreTrouble, SystemClock
from mailrail.net import SocketNetwork
from mailrail.spool import Filter, Listed, MemorySpool
from mailrail.spool.settings import SpoolSettings

HOST = "mx1.example.org"


def test_an_empty_spool_is_marked_until_somebody_opens_it(tmp_path: Path) -> None:
    settings = MailrailSettings(hostname=HOST, spool=SpoolSettings(path=tmp_path))
    own = tmp_path / "worker-1"
    own.mkdir()
    (own / "spool.db").touch()
    assert leftovers(settings, 1) == [1]
    end_spool(own)
    assert leftovers(settings, 1) == []
    begin_spool(own)
    assert leftovers(settings, 1) == [1]
    begin_spool(own)
    begin_spool(tmp_path / "nowhere")


def test_a_mark_that_cannot_be_taken_away_keeps_the_spool_closed(tmp_path: Path) -> None:
    (tmp_path / DRAINED).mkdir()
    with pytest.raises(StoreError, match="mark of an empty spool"):
        begin_spool(tmp_path)


def test_holds_stay_as_they_are_where_worker_0_cannot_be_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = MailrailSettings(hostname=HOST, spool=SpoolSettings(path=tmp_path))
        spool = MemorySpool(SystemClock())
        await spool.hold_new(Filter(sender="a@example.org"))
        await take_over_holds(spool, settings, Worker(number=1), SocketNetwork())
        await take_over_holds(spool, settings, ALONE, SocketNetwork())
        assert spool.holds() == (Filter(sender="a@example.org"),)

    asyncio.run(scenario())


class Unreadable(MemorySpool):
    async def select(self, *_: object, **__: object) -> list[Listed]:
        raise StoreError(StoreTrouble.FAILED, "the disk is gone")


def test_a_spool_that_cannot_be_read_is_not_taken_for_empty() -> None:
    async def scenario() -> None:
        assert await is_empty(MemorySpool(SystemClock()))
        assert not await is_empty(Unreadable(SystemClock()))

    asyncio.run(scenario())
