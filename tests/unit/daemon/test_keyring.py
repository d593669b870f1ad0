"""The keys of reverse-paths under a running daemon: made once, read again, changed, and kept where something is wrong with the file."""

import asyncio
from pathlib import Path

import pytest

from mailrail.addresses import SigningKeys, read_keys
from mailrail.config import MailrailSettings
from mailrail.daemon.events import SigningKeysChanged, SigningKeysRefused
from mailrail.daemon.keyring import Keyring
from mailrail.model import SettingsError, StoreError, SystemClock, system_rng
from mailrail.observe import Bus, Event

MONTH_US = 30 * 86_400_000_000


def settings(**changes: object) -> MailrailSettings:
    given = {"hostname": "mx.ours.example", "domain": {"ours.example": {}}, **changes}
    return MailrailSettings.model_validate(given)


class Site:
    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.bus = Bus()
        self.bus.listen(self.events.append)
        self.file = folder / "signing-keys"

    def ring(self) -> Keyring:
        return Keyring(self.file, SystemClock(), system_rng(), self.bus)


def test_a_key_is_made_at_the_first_start_where_something_is_to_be_signed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.ring().begin(settings(domain={})) is None
    assert site.ring().begin(settings(srs={"rewrite": False})) is None
    assert not site.file.exists()
    made = site.ring().begin(settings())
    assert made is not None
    assert site.ring().begin(settings()) == made
    assert site.ring().begin(settings(srs={"rewrite": False})) == made, "what was signed still verifies"
    ring = site.ring()
    assert ring.begin(settings()) == made
    site.file.unlink()
    assert ring.begin(settings()) == made, "other settings are no reason for another key"
    assert not site.file.exists()


def test_every_worker_finds_the_key_that_one_of_them_added(tmp_path: Path) -> None:
    site = Site(tmp_path)
    one, two = site.ring(), site.ring()
    begun = one.begin(settings())
    assert begun == two.begin(settings())

    async def main() -> SigningKeys:
        added = await one.rotate(MONTH_US)
        assert await two.look() == added == read_keys(site.file)
        assert await two.look() == added
        return added

    added = asyncio.run(main())
    assert begun is not None
    assert added.keys[1:] == begun.keys
    assert [event.keys for event in site.events if isinstance(event, SigningKeysChanged)] == [2, 2]


@pytest.mark.parametrize("content", [None, "", "not a key\n"])
def test_keys_that_cannot_be_read_any_more_go_on_and_it_is_told_once(
    tmp_path: Path, content: str | None
) -> None:
    site = Site(tmp_path)
    ring = site.ring()
    begun = ring.begin(settings())
    site.file.unlink()
    if content is not None:
        site.file.write_text(content)

    async def main() -> None:
        assert await ring.look() == begun
        assert await ring.look() == begun

    asyncio.run(main())
    assert [type(event) for event in site.events] == ([] if content is None else [SigningKeysRefused])


def test_a_key_that_cannot_be_added_is_an_error(tmp_path: Path) -> None:
    site = Site(tmp_path / "gone")
    site.file.parent.mkdir()
    ring = site.ring()
    with pytest.raises(SettingsError, match=r"srs\.rewrite"):
        asyncio.run(ring.rotate(MONTH_US))
    ring.begin(settings())
    site.file.unlink()
    site.file.parent.rmdir()
    tmp_path.joinpath("gone").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(ring.rotate(MONTH_US))
