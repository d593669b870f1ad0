"""A68: after a sync that failed the spool finds the way back by itself, and loses nothing that it acknowledged."""

import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.support.spools import Mail, SimulatedDisk, SqliteDisk, in_loop, keep, store

from mailrail.model import QueueId, StoreError, StoreTrouble
from mailrail.sim import SimDisk, simulate
from mailrail.spool import SMALL_BYTES, Change, Filter, Lease, Settlement, SqliteSpool, Want
from mailrail.spool.cure import Patience
from mailrail.spool.events import SpoolBroken, SpoolCured

PLENTY = Want(1000, 1000)
EVERYTHING = Filter()
SEEDS = range(8)


class Ill:
    """A spool on a simulated disk with three messages acknowledged, one of them leased, and a sync that failed at a fourth."""

    def __init__(self, seed: int) -> None:
        self.host = SimulatedDisk(SimDisk(random.Random(seed)))
        self.disk = self.host.disk
        self.mail = Mail(self.host.clock)
        self.spool: SqliteSpool
        self.lease: Lease
        self.kept: set[QueueId] = set()

    async def fall(self, *, size_bytes: int = 10) -> None:
        self.spool = await self.host.open()
        self.kept |= {await self.accept(), await self.accept(size_bytes=SMALL_BYTES + 1)}
        (self.lease,) = await keep(self.spool, self.mail, lease=True)
        self.kept.add(self.lease.item.queue_id)
        await self.break_again(size_bytes=size_bytes)

    async def break_again(self, *, size_bytes: int = 10) -> None:
        def fail_the_log(what: str) -> None:
            self.disk.failing_syncs = int(what.endswith("spool.db-wal"))

        self.disk.watch = fail_the_log
        with pytest.raises(StoreError):
            await self.accept(size_bytes=size_bytes)
        self.disk.watch, self.disk.failing_syncs = None, 0

    async def accept(self, *, size_bytes: int = 10) -> QueueId:
        message = self.mail.message(size_bytes=size_bytes)
        await store(self.spool, message, self.mail.items(message))
        return message.queue_id

    def told(self) -> list[type]:
        return [type(event) for event in self.host.events]


async def left_by(cut: SimDisk) -> set[QueueId]:
    """Return what a spool on what a power cut left holds, all of it readable."""
    spool = await SimulatedDisk(cut).open()
    rows = await spool.select(EVERYTHING)
    for row in rows:
        await spool.open(row.message.queue_id)
    await spool.close()
    cut.kill()
    return {row.message.queue_id for row in rows}


def cuts_of(disk: SimDisk) -> Iterator[SimDisk]:
    """Cut the power, some times."""
    return (disk.fork(random.Random(seed)) for seed in range(4))


def simulated(scenario: Callable[[Ill], Coroutine[Any, Any, None]], seed: int = 1) -> None:
    simulate(scenario(Ill(seed)))


def test_a_disk_that_works_again_is_found_cured_and_mail_is_taken_again() -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall()
        assert ill.told()[-1] is SpoolBroken
        with pytest.raises(StoreError, match="until its disk is cured"):
            await ill.accept()
        await ill.spool.cure()
        assert ill.told()[-2:] == [SpoolBroken, SpoolCured]
        await ill.accept()
        assert await ill.spool.count(EVERYTHING) == len(ill.kept) + 1
        await ill.spool.close()

    simulated(scenario)


def test_a_lease_outlives_it_so_that_nothing_is_sent_twice() -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall()
        with pytest.raises(StoreError):
            await ill.spool.settle(Settlement(ill.lease, None))
        await ill.spool.cure()
        claimed = await ill.spool.claim(PLENTY)
        assert {lease.item.queue_id for lease in claimed} == ill.kept - {ill.lease.item.queue_id}
        assert (await ill.spool.settle(Settlement(ill.lease, None))).done
        await ill.spool.close()

    simulated(scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_cut_after_the_cure_takes_nothing_and_brings_nothing_refused(seed: int) -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall()
        await ill.spool.cure()
        for cut in cuts_of(ill.disk):
            assert await left_by(cut) == ill.kept
        for _ in range(3):
            ill.kept.add(await ill.accept())
            for cut in cuts_of(ill.disk):
                assert await left_by(cut) == ill.kept

    simulated(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_power_cut_at_any_moment_of_the_cure_takes_nothing(seed: int) -> None:
    """What was refused may be there then, whole."""

    async def scenario(ill: Ill) -> None:
        await ill.fall(size_bytes=SMALL_BYTES + 1)
        cuts: list[SimDisk] = []
        ill.disk.watch = lambda _: cuts.extend(cuts_of(ill.disk))
        await ill.spool.cure()
        ill.disk.watch = None
        assert len(cuts) > 40
        for cut in cuts:
            found = await left_by(cut)
            assert ill.kept <= found
            assert len(found - ill.kept) <= 1

    simulated(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disk_that_breaks_again_in_the_middle_of_the_cure_is_cured_later(seed: int) -> None:
    """Whichever sync of it fails: nothing is taken until one cure succeeded from end to end."""

    async def fails_at(number: int) -> bool:
        ill, syncs = Ill(seed), 0

        def watch(what: str) -> None:
            nonlocal syncs
            if what.startswith("sync"):
                syncs += 1
                ill.disk.failing_syncs = int(syncs == number)

        await ill.fall()
        ill.disk.watch = watch
        with suppress(StoreError):
            await ill.spool.cure()
        ill.disk.watch = None
        is_there = number <= syncs
        assert (ill.told()[-1] is SpoolCured) != is_there
        if is_there:
            for cut in cuts_of(ill.disk):
                assert ill.kept <= await left_by(cut)
            ill.spool._patience = Patience()
            await ill.spool.cure()
        ill.kept.add(await ill.accept())
        for cut in cuts_of(ill.disk):
            assert ill.kept == await left_by(cut)
        return is_there

    async def main() -> None:
        number = 1
        while await fails_at(number):
            number += 1
        assert number > 5

    simulate(main())


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_failed_checkpoint_wrote_is_written_again(seed: int) -> None:
    """Not breaking by itself: the log has it all. Twice, and then a commit fails, too."""

    async def scenario(ill: Ill) -> None:
        await ill.fall()
        await ill.spool.cure()
        for _ in range(2):
            ill.kept.add(await ill.accept())

            def fail_the_database(what: str) -> None:
                ill.disk.failing_syncs = int(what.endswith("spool.db"))

            ill.disk.watch = fail_the_database
            await ill.spool.maintain()
            ill.disk.watch, ill.disk.failing_syncs = None, 0
        await ill.break_again()
        ill.spool._patience = Patience()
        await ill.spool.cure()
        for cut in cuts_of(ill.disk):
            assert await left_by(cut) == ill.kept

    simulated(scenario, seed)


def test_the_file_of_what_was_refused_goes_with_the_cure_and_not_before() -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall(size_bytes=SMALL_BYTES + 1)
        assert len(ill.host.files()) == 2
        await ill.spool.maintain()
        assert len(ill.host.files()) == 2
        await ill.spool.cure()
        await ill.spool.maintain()
        assert len(ill.host.files()) == 1
        await ill.spool.close()

    simulated(scenario)


def test_a_disk_that_is_full_or_read_only_is_not_cured_and_the_spool_waits() -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall()
        free, ill.disk.free_bytes = ill.disk.free_bytes, 0
        with pytest.raises(StoreError, match="not cured") as caught:
            await ill.spool.cure()
        assert caught.value.trouble is StoreTrouble.FULL
        ill.disk.free_bytes, ill.disk.is_read_only = free, True
        ill.spool._patience = Patience()
        with pytest.raises(StoreError, match="not cured"):
            await ill.spool.cure()
        ill.disk.is_read_only = False
        ill.spool._patience = Patience()
        await ill.spool.cure()
        await ill.accept()
        await ill.spool.close()

    simulated(scenario)


def test_a_spool_that_is_closed_is_not_opened_by_a_cure() -> None:
    async def scenario(ill: Ill) -> None:
        await ill.fall()
        await ill.spool.close()
        with suppress(StoreError):
            await ill.spool.cure()
        assert SpoolCured not in ill.told()
        with pytest.raises(StoreError, match="closed"):
            await ill.accept()

    simulated(scenario)


@in_loop
async def test_a_database_that_is_not_sound_is_no_cure(tmp_path: Path) -> None:
    """On the machine's disk, with a reader of its own: two tables in one place are damage."""
    disk = SqliteDisk(tmp_path)
    mail, spool = Mail(disk.clock), await disk.open()
    for _ in range(3):
        await keep(spool, mail)
    db = spool._ground.writer._db
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    with db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'lane_due'")
        db.execute("PRAGMA writable_schema = RESET")
    spool._group.broken = StoreError(StoreTrouble.FAILED, "a sync failed")
    with pytest.raises(StoreError, match="not cured") as caught:
        await spool.cure()
    assert caught.value.trouble is StoreTrouble.DAMAGED
    with pytest.raises(StoreError):
        await keep(spool, mail)
    await spool.close()


@in_loop
async def test_the_cure_works_beside_a_reader_on_the_machine_s_disk(tmp_path: Path) -> None:
    disk = SqliteDisk(tmp_path)
    mail, spool = Mail(disk.clock), await disk.open()
    for _ in range(30):
        await keep(spool, mail)
    assert len(await spool.select(EVERYTHING)) == 30
    spool._group.broken = StoreError(StoreTrouble.FAILED, "a sync failed")
    await spool.cure()
    assert SpoolCured in map(type, disk.events)
    assert [path.name for path in disk.path.iterdir() if path.name == "trial"] == []
    await keep(spool, mail)
    assert await spool.mutate(EVERYTHING, Change.DELETE) == 31
    await spool.close()


def test_cures_are_tried_at_once_then_more_and_more_rarely_and_at_once_after_a_long_health() -> None:
    patience = Patience()
    tried = [minute for minute in range(120) if patience.may_try(minute * 60.0)]
    assert tried[:6] == [0, 1, 2, 4, 8, 16]
    assert max(b - a for a, b in pairwise(tried[5:])) == 15
    assert patience.may_try(120 * 60.0 + 3600)
    assert patience.may_try(121 * 60.0 + 3600)
