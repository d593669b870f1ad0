"""A76 as the whole daemon lives it: its housekeeping finds new certificate files, and never falls over bad ones."""

import asyncio
from pathlib import Path

from tests.acceptance.house import MX, House, live
from tests.support.net_world import make_files

from mailrail.model import SystemClock
from mailrail.net import self_signed

HOST = "mx.ours.example"


def test_a76_renewed_files_are_in_force_within_a_minute_and_bad_ones_are_told_and_left(
    tmp_path: Path,
) -> None:
    files = make_files(tmp_path, HOST)

    async def scenario(house: House) -> None:
        chain, key = self_signed(HOST, SystemClock())
        files.chain.write_bytes(chain)  # the key is not there yet
        await asyncio.sleep(61)
        (refused,) = house.told("CertificatesRefused")
        assert refused.keeps
        assert "STARTTLS" in await (await house.client()).say("EHLO again.example")
        files.key.write_bytes(key)
        await asyncio.sleep(180)
        assert len(house.told("CertificatesLoaded")) == 2
        assert len(house.told("CertificatesRefused")) == 1

    live(tmp_path, scenario, tls={"certificate": [{"chain": files.chain, "key": files.key}]})


def test_a_daemon_that_cannot_keep_a_self_signed_certificate_takes_mail_without_tls(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert "STARTTLS" not in await client.say("EHLO again.example")
        assert (await client.give()).startswith("250")
        assert len(house.told("CertificatesRefused")) == 1

    live(tmp_path, scenario, tls={"directory": tmp_path / "no" / "such"})


def test_a_running_daemon_without_settings_of_a_file_reloads_its_certificates(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        change = await house.daemon.reload()
        assert (change.applied, change.waiting) == ((), ())
        assert house.told("SettingsReloaded")
        assert str(MX) in house.told("DaemonStarted")[0].listeners

    live(tmp_path, scenario)
