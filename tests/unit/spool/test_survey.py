"""What can be seen of a spool from outside; the rest is told by `mailrail doctor` and tested there."""

import asyncio
import random
from pathlib import Path

import pytest
from tests.support.spools import Mail, TurnedClock, keep

from mailrail.model import SystemClock
from mailrail.observe import Bus
from mailrail.sim import Mount, SimDisk
from mailrail.spool import SpoolSettings, SystemDisk, open_spool, survey


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert not survey(SystemDisk(), SpoolSettings(path=tmp_path / "spool")).is_there
    assert list(tmp_path.iterdir()) == []


def test_an_open_spool_is_seen_with_its_newest_message_and_its_holder(tmp_path: Path) -> None:
    settings = SpoolSettings(path=tmp_path / "a spool?")

    async def look() -> None:
        clock = TurnedClock()
        spool = await open_spool(settings, clock, Bus())
        try:
            (lease,) = await keep(spool, Mail(clock), lease=True)
            found = survey(SystemDisk(), settings)
        finally:
            await spool.close()
        queue_id = lease.item.queue_id
        assert survey(SystemDisk(), settings).newest == queue_id, "also when nobody has it open"
        assert found.newest == queue_id
        assert found.holder.startswith("process ")
        assert found.trouble == ""

    asyncio.run(look())
    after = survey(SystemDisk(), settings)
    assert after.holder == ""
    assert after.changed_us > 0


def test_an_sqlite_that_can_lose_commits_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.51.2")
    assert "3.51.3" in survey(SystemDisk(), SpoolSettings(path=tmp_path)).trouble


def test_a_disk_that_only_one_connection_may_use_is_not_read() -> None:
    disk = Mount(SimDisk(random.Random(1)))
    settings = SpoolSettings(path=Path("/spool"))

    async def make() -> None:
        await (await open_spool(settings, SystemClock(), Bus(), disk=disk)).close()

    asyncio.run(make())
    found = survey(disk, settings)
    assert found.is_there
    assert found.newest is None
