"""Server, spool, ports and clock."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork
from tests.unit.doctor.ward import SETTINGS, found, only, status

from mailrail.doctor import Level
from mailrail.model import SystemClock
from mailrail.net import Connection, Endpoint
from mailrail.observe import Bus
from mailrail.spool import SpoolSettings, SystemDisk, open_spool


def test_a_server_that_runs_is_good_and_none_is_a_note(tmp_path: Path) -> None:
    assert "process 7" in only(found("server", tmp_path, status=status()), Level.OK).what
    assert "mailrail serve" in only(found("server", tmp_path), Level.NOTE).mend


def test_a_server_that_takes_no_mail_is_an_error(tmp_path: Path) -> None:
    finding = only(found("server", tmp_path, status=status(trouble="the disk is full")), Level.ERROR)
    assert finding.why == "the disk is full"


def test_a_worker_that_does_not_answer_is_told_by_its_number(tmp_path: Path) -> None:
    finding = only(found("server", tmp_path, status=status(), silent=(3,)), Level.WARNING)
    assert finding.what == "worker 3 does not answer"


@pytest.mark.parametrize("over", [{"hostname": "old.example"}, {"listeners": ("127.0.0.1:25",)}])
def test_a_server_with_older_settings_is_to_be_restarted(tmp_path: Path, over: dict[str, Any]) -> None:
    assert "restart" in only(found("server", tmp_path, status=status(**over)), Level.WARNING).mend


def test_a_spool_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert "is not there yet" in only(found("spool", tmp_path), Level.NOTE).what


def test_a_spool_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "install -d -m 700" in only(found("spool", tmp_path), Level.ERROR).mend


async def _make_spool(path: Path) -> None:
    await (await open_spool(SpoolSettings(path=path), SystemClock(), Bus())).close()


def test_a_good_spool_is_good_and_left_as_it_was(tmp_path: Path) -> None:
    asyncio.run(_make_spool(tmp_path / "spool"))
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "spool").iterdir()}
    assert "GiB free" in only(found("spool", tmp_path), Level.OK).what
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "spool").iterdir()}
    assert after == before


def test_a_spool_that_others_may_write_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(0o777)
    assert "chmod 700" in only(found("spool", tmp_path), Level.ERROR).mend


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    settings = {**SETTINGS, "spool": {"path": tmp_path / "spool", "reserve_bytes": 2**60}}
    assert "is free on the disk" in only(found("spool", tmp_path, settings=settings), Level.ERROR).what


def test_the_spool_of_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 54_321)
    assert f"you are user {mine + 54_321}" in only(found("spool", tmp_path), Level.NOTE).what


def test_a_spool_held_by_a_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    asyncio.run(_make_spool(tmp_path / "spool"))
    disk = SystemDisk()
    holding = disk.open(tmp_path / "spool" / "lock")
    disk.lock(holding)
    try:
        assert f"process {os.getpid()}" in only(found("spool", tmp_path), Level.ERROR).what
        only(found("spool", tmp_path, status=status()), Level.OK)
    finally:
        disk.close(holding)


def test_a_spool_that_does_not_read_is_an_error(tmp_path: Path) -> None:
    asyncio.run(_make_spool(tmp_path / "spool"))
    (tmp_path / "spool" / "spool.db").write_bytes(b"no database at all, and longer than a header" * 100)
    assert "cannot be used" in only(found("spool", tmp_path), Level.ERROR).what


def test_ports_are_free_or_ours(tmp_path: Path) -> None:
    assert "is free" in only(found("ports", tmp_path), Level.OK).what
    assert "listens" in only(found("ports", tmp_path, status=status()), Level.OK).what


def test_a_port_that_another_has_is_an_error(tmp_path: Path) -> None:
    async def taken(network: MemoryNetwork) -> None:
        network.listen(Endpoint("0.0.0.0", 25), lambda _: None)

    only(found("ports", tmp_path, taken), Level.ERROR)


def test_trying_a_port_turns_away_who_comes_just_then(tmp_path: Path) -> None:
    from mailrail.doctor.machine import _turn_away

    class Caller:
        is_aborted = False

        def abort(self) -> None:
            self.is_aborted = True

    caller: Any = Caller()
    connection: Connection = caller
    _turn_away(connection)
    assert caller.is_aborted


@pytest.mark.parametrize(("folder", "level"), [("", Level.OK), ("none", Level.ERROR)])
def test_a_unix_socket_needs_its_directory(tmp_path: Path, folder: str, level: Level) -> None:
    address = f"unix:{tmp_path / folder / 'lmtp'}"
    only(found("ports", tmp_path, settings={**SETTINGS, "listener": [{"address": address}]}), level)


def test_a_clock_behind_what_is_stored_is_an_error(tmp_path: Path) -> None:
    only(found("clock", tmp_path), Level.OK)
    finding = only(found("clock", tmp_path, now_us=1_704_067_200_000_000), Level.ERROR)
    assert "2024-01-01" in finding.what
    assert "timedatectl" in finding.mend
