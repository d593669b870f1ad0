"""The certificates in force: found, made, exchanged when the files change, and kept when the new ones are bad."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.support.net_world import make_files

from mailrail.config import ListenerSettings, MailrailSettings
from mailrail.daemon.certificates import Certificates
from mailrail.daemon.events import (
    CertificateEndsSoon,
    CertificatesLoaded,
    CertificatesRefused,
    SelfSignedInUse,
)
from mailrail.model import SECOND_US, SettingsError, SystemClock
from mailrail.net import CertificateFiles, ServerContexts, TlsSettings, self_signed
from mailrail.observe import Bus, Event
from mailrail.spool.settings import SpoolSettings

HOST = "mx.example.org"
DAY_US = 86_400 * SECOND_US


class LateClock(SystemClock):
    """The real clock, some days ahead: certificates are made and read by the real one."""

    def __init__(self, days: int = 0) -> None:
        self.days = days

    def now_us(self) -> int:
        return super().now_us() + self.days * DAY_US


class Site:
    def __init__(self, folder: Path, *, is_named: bool = True, **tls: Any) -> None:
        self.folder, self.clock, self.bus = folder, LateClock(), Bus()
        self.events: list[Event] = []
        self.bus.listen(self.events.append)
        self.files = make_files(folder, HOST)
        named: dict[str, Any] = {"certificate": (self.files,)} if is_named else {}
        (folder / "spool").mkdir()
        self.settings = MailrailSettings(
            hostname=HOST, spool=SpoolSettings(path=folder / "spool"), tls=TlsSettings(**named, **tls)
        )
        self.certificates = Certificates(self.clock, self.bus)

    def begin(self) -> ServerContexts | None:
        return self.certificates.begin(self.settings)

    async def look(self, *, again: bool = False) -> ServerContexts | None:
        return await self.certificates.look(self.settings, again=again)

    def write(self, days_ago: int = 0) -> None:
        """Put another certificate and its key in place, as if it were *days_ago* old."""
        chain, key = self_signed(HOST, LateClock(-days_ago))
        self.put(self.files.chain, chain)
        self.put(self.files.key, key)

    @staticmethod
    def put(file: Path, content: bytes) -> None:
        """Replace *file* as a careful program does, so that its inode differs."""
        fresh = file.with_suffix(".new")
        fresh.touch(0o600)
        fresh.write_bytes(content)
        fresh.rename(file)

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


def run(scenario: Coroutine[None, None, None]) -> None:
    asyncio.run(scenario)


def test_what_is_loaded_is_told_with_names_and_end(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.begin() is not None
    (loaded,) = site.told(CertificatesLoaded)
    assert loaded.names == (HOST,)
    assert loaded.files == (str(site.files.chain),)
    assert site.events == [loaded]


def test_files_that_have_not_changed_are_not_read_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        assert await site.look() is None
        assert await site.look(again=True) is not None

    run(scenario())


def test_changed_files_give_new_contexts_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        old = site.begin()
        site.write()
        new = await site.look()
        assert new is not None
        assert new is not old
        assert await site.look() is None
        assert len(site.told(CertificatesLoaded)) == 2

    run(scenario())


def test_a76_a_key_that_does_not_fit_keeps_the_old_certificates_and_is_told_once(tmp_path: Path) -> None:
    """A76: as between the two writes of whoever renews: the next look, with both there, takes them."""

    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        chain, key = self_signed(HOST, site.clock)
        site.put(site.files.chain, chain)
        assert await site.look() is None
        assert await site.look() is None
        (refused,) = site.told(CertificatesRefused)
        assert "does not belong to certificate" in refused.reason
        assert refused.keeps
        assert site.certificates.facts
        site.put(site.files.key, key)
        assert await site.look() is not None

    run(scenario())


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a76_files_that_cannot_be_read_keep_the_old_certificates(tmp_path: Path, content: bytes) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        site.put(site.files.chain, content)
        assert await site.look() is None
        assert str(site.files.chain) in site.told(CertificatesRefused)[0].reason

    run(scenario())


def test_a76_files_that_have_gone_keep_the_old_certificates(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        site.files.key.unlink()
        assert await site.look() is None
        assert "No such file" in site.told(CertificatesRefused)[0].reason

    run(scenario())


def test_a77_a_key_that_everybody_can_read_now_keeps_the_old_certificates(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        site.write()
        site.files.key.chmod(0o644)
        assert await site.look() is None
        assert "chmod 600" in site.told(CertificatesRefused)[0].reason

    run(scenario())


def test_a76_a_certificate_that_is_over_does_not_replace_one_that_is_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path)
        site.begin()
        site.write(days_ago=900)
        assert await site.look() is None
        assert "ended on" in site.told(CertificatesRefused)[0].reason

    run(scenario())


def test_a76_a_certificate_that_is_over_at_the_start_is_used_and_told_each_day(tmp_path: Path) -> None:
    """A76: most who bring mail to port 25 do not look at it, and no TLS is no better."""

    async def scenario() -> None:
        site = Site(tmp_path)
        site.write(days_ago=900)
        assert site.begin() is not None
        await site.look()
        (ends,) = site.told(CertificateEndsSoon)
        assert ends.days < -70
        site.clock.days = 1
        await site.look()
        await site.look()
        assert len(site.told(CertificateEndsSoon)) == 2

    run(scenario())


def test_links_that_move_are_noticed(tmp_path: Path) -> None:
    """As Certbot renews: the named files are links, and the new ones have other names."""

    async def scenario() -> None:
        site = Site(tmp_path)
        other = make_files(tmp_path, "other.example.org")
        link = tmp_path / "live.pem"
        key = tmp_path / "live.key"
        for name, target in ((link, site.files.chain), (key, site.files.key)):
            name.symlink_to(target)
        tls = TlsSettings(certificate=(CertificateFiles(chain=link, key=key),))
        site.settings = site.settings.model_copy(update={"tls": tls})
        site.begin()
        for name, target in ((link, other.chain), (key, other.key)):
            name.unlink()
            name.symlink_to(target)
        assert await site.look() is not None
        assert site.certificates.facts[0].names == ("other.example.org",)

    run(scenario())


# -- our own -----------------------------------------------------------------------------------------


def test_without_a_certificate_one_is_made_for_the_host_name_and_what_to_do_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, is_named=False)
    assert site.begin() is not None
    (facts,) = site.certificates.facts
    assert facts.file == tmp_path / "spool" / "tls" / "self-signed.pem"
    assert facts.names == (HOST,)
    assert facts.ends_us - facts.begins_us <= 826 * DAY_US
    assert facts.is_self_signed
    assert facts.file.stat().st_mode & 0o777 == 0o600
    assert facts.file.parent.stat().st_mode & 0o777 == 0o700
    (told,) = site.told(SelfSignedInUse)
    assert "[acme]" in told.advice


def test_the_self_signed_certificate_is_kept_for_the_next_start(tmp_path: Path) -> None:
    site = Site(tmp_path, is_named=False)
    site.begin()
    content = site.certificates.facts[0].file.read_bytes()
    Certificates(site.clock, site.bus).begin(site.settings)
    assert site.certificates.facts[0].file.read_bytes() == content


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_self_signed_certificate_that_is_damaged_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    site = Site(tmp_path, is_named=False)
    site.begin()
    site.certificates.facts[0].file.write_bytes(damage)
    assert Certificates(site.clock, site.bus).begin(site.settings) is not None


def test_the_self_signed_certificate_is_made_anew_for_another_name_and_before_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path, is_named=False)
        site.begin()
        first = site.certificates.facts[0]
        site.clock.days = 800
        assert await site.look() is not None
        second = site.certificates.facts[0]
        assert second.ends_us > first.ends_us
        assert await site.look() is None
        site.settings = site.settings.model_copy(update={"hostname": "other.example.org"})
        assert await site.look(again=True) is not None
        assert site.certificates.facts[0].names == ("other.example.org",)

    run(scenario())


def test_nothing_is_made_where_the_settings_say_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        site = Site(tmp_path, is_named=False, self_signed=False)
        assert site.begin() is None
        assert await site.look() is None
        assert site.events == []
        assert not (tmp_path / "spool" / "tls").exists()

    run(scenario())


def test_a_place_that_is_not_there_is_told_and_mail_goes_on_without_tls(tmp_path: Path) -> None:
    site = Site(tmp_path, is_named=False, directory=tmp_path / "no" / "such")
    assert site.begin() is None
    (refused,) = site.told(CertificatesRefused)
    assert "tls.directory" in refused.reason
    assert not refused.keeps


def test_a_listener_that_speaks_only_tls_cannot_start_without_a_certificate(tmp_path: Path) -> None:
    site = Site(tmp_path, is_named=False, directory=tmp_path / "no" / "such")
    wrapped = ListenerSettings(address="127.0.0.1:465", implicit_tls=True)
    site.settings = site.settings.model_copy(update={"listener": (wrapped,)})
    with pytest.raises(SettingsError, match=r"tls\.directory"):
        site.begin()
