"""What the sweep over all power cuts (tests/crash/test_power_cut_sweep.py) has found, one by one."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.spools import Mail, SimulatedDisk, keep, store

from mailrail.model import StoreError, StoreTrouble
from mailrail.sim import SimDisk, simulate
from mailrail.spool import SMALL_BYTES, Filter

SPOOL = Path("/var/lib/mailrail")


def simulated() -> SimulatedDisk:
    return SimulatedDisk(SimDisk(random.Random(1)))


class Killed(BaseException):
    """The process ends here."""


async def kept_after(cut: SimDisk) -> int:
    """Return how many items a spool on what a power cut left has, with all their content."""
    host = SimulatedDisk(cut)
    spool = await host.open()
    rows = await spool.select(Filter())
    for row in rows:
        await spool.open(row.message.queue_id)
    await spool.close()
    return len(rows)


async def accept_both(host: SimulatedDisk) -> None:
    mail, spool = Mail(host.clock), await host.open()
    await keep(spool, mail)
    message = mail.message(size_bytes=SMALL_BYTES + 1)
    await store(spool, message, mail.items(message))


def test_a_directory_that_was_made_for_the_spool_stays_with_the_first_mail() -> None:
    """Its own name, and the name of every directory made above it, is synced before anything is acknowledged."""

    async def main() -> None:
        host = simulated()
        await accept_both(host)
        for seed in range(20):
            assert await kept_after(host.disk.fork(random.Random(seed))) == 2

    simulate(main())


@pytest.mark.parametrize("made", range(1, 76, 5))
def test_what_a_killed_opening_had_made_is_synced_by_the_next(made: int) -> None:
    """Directories that are there are not on stable storage for that."""

    async def main() -> None:
        host = simulated()

        def kill(_: str) -> None:
            if host.disk.operations == made:
                host.disk.watch = None
                host.disk.kill()
                raise Killed

        host.disk.watch = kill
        with pytest.raises(Killed):
            await host.open()
        await accept_both(host)
        for seed in range(6):
            assert await kept_after(host.disk.fork(random.Random(seed))) == 2

    simulate(main())


def test_a_damaged_file_is_kept_for_the_operator_wherever_the_power_fails() -> None:
    """Between the row and the file the power may go; a file that the damage table names is no stray."""

    async def main() -> None:
        host = simulated()
        await accept_both(host)
        host.disk.kill()
        spool = await host.open()
        queue_id = (await spool.select(Filter()))[1].message.queue_id
        (path,) = [path for path in host.files() if path.name == queue_id]
        host.disk.flip(path)
        cuts: list[SimDisk] = []
        host.disk.watch = lambda _: cuts.append(host.disk.fork(random.Random(len(cuts))))
        with pytest.raises(StoreError):
            await spool.open(queue_id)
        await spool.close()
        for cut in cuts:
            host = SimulatedDisk(cut)
            spool = await host.open()
            rows = [row.message.queue_id for row in await spool.select(Filter())]
            if queue_id in rows:
                with pytest.raises(StoreError):
                    await spool.open(queue_id)
            await spool.close()
            assert SPOOL / "corrupt" / queue_id in host.files()

    simulate(main())


def test_a_spool_on_a_full_disk_says_so_however_it_is_closed_then() -> None:
    """Closing the database wants to empty the log: that this fails must not hide why it was closed."""

    async def main() -> None:
        host = simulated()
        await accept_both(host)
        host.disk.kill()
        host.disk.free_bytes = 100
        with pytest.raises(StoreError) as caught:
            await host.open()
        assert caught.value.trouble is StoreTrouble.FULL
        host.disk.free_bytes = 10**9
        spool = await host.open()
        assert await spool.count(Filter()) == 2
        host.disk.free_bytes = 0
        await spool.close()
        host.disk.free_bytes = 10**9
        assert await kept_after(host.disk) == 2

    simulate(main())


@pytest.mark.parametrize("seed", range(12))
def test_what_only_the_memory_of_the_system_has_after_a_failed_sync_is_not_built_upon(seed: int) -> None:
    """A killed process leaves a log whose end reads well and is not on the disk: the next must write it again."""

    async def main() -> None:
        host = SimulatedDisk(SimDisk(random.Random(seed)))
        mail, spool = Mail(host.clock), await host.open()
        await keep(spool, mail)
        host.disk.failing_syncs = 1
        with pytest.raises(StoreError):
            await keep(spool, mail)
        host.disk.kill()
        spool = await host.open()
        await keep(spool, mail)
        for cut in range(6):
            assert await kept_after(host.disk.fork(random.Random(cut))) >= 2

    simulate(main())


def test_the_name_of_a_new_log_that_sqlite_could_not_sync_is_synced_by_the_opening() -> None:
    """SQLite passes over a directory whose sync failed."""

    async def main() -> None:
        host = simulated()

        def watch(what: str) -> None:
            if what == f"sync {SPOOL}/spool.db-wal":
                host.disk.watch = fail_once

        def fail_once(what: str) -> None:
            host.disk.watch = None
            assert what == f"sync names {SPOOL}"
            host.disk.failing_syncs = 1

        host.disk.watch = watch
        await accept_both(host)
        assert host.disk.failing_syncs == 0
        for seed in range(20):
            assert await kept_after(host.disk.fork(random.Random(seed))) == 2

    simulate(main())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # SQLite passes over one
def test_an_opening_one_of_whose_syncs_failed_leaves_nothing_that_the_next_builds_upon_in_vain() -> None:
    async def opened(number: int) -> bool:
        """Fail sync *number* of a first opening, kill that process, and tell whether there was such a sync."""
        syncs = 0

        def watch(what: str) -> None:
            nonlocal syncs
            if what.startswith("sync"):
                syncs += 1
                host.disk.failing_syncs = syncs == number

        host = SimulatedDisk(SimDisk(random.Random(number)))
        host.disk.watch = watch
        with suppress(StoreError):
            spool = await host.open()
            assert spool._ground.writer._db.pragma("journal_mode") == "wal"
        host.disk.kill()
        host.disk.watch, host.disk.failing_syncs = None, 0
        await accept_both(host)
        for seed in range(6):
            assert await kept_after(host.disk.fork(random.Random(seed))) == 2, number
        return number <= syncs

    async def main() -> None:
        number = 1
        while await opened(number):
            number += 1
        assert number > 10

    simulate(main())
