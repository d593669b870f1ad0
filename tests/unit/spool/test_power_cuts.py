"""What the sweep over all power cuts (tests/crash/test_power_cut_sweep.py) has found, one by one."""

import random
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
