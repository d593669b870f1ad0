"""Other settings under way, through a whole daemon: what began ends as it began, and nothing of the old is kept for ever."""

import asyncio
from pathlib import Path

import pytest
from tests.acceptance.house import BOB, FRIEND, STRANGER, House, live

from mailrail.model import SettingsError
from mailrail.net import Endpoint

ELSEWHERE = Endpoint("192.0.2.98", 25)
MINUTES_S = 200.0


def test_a_message_that_is_being_taken_or_sent_ends_under_the_rules_that_it_began_with(
    tmp_path: Path,
) -> None:
    async def scenario(house: House) -> None:
        elsewhere = house.server(ELSEWHERE)
        house.write(
            domain={
                "ours.example": {"relay_to": f"{ELSEWHERE.host}:25", "alias": {"info": BOB}, "separators": ""}
            },
            relay={"networks": []},
        )
        friend, stranger = await house.client(FRIEND), await house.client(STRANGER)
        assert (await friend.start("x@away.far.example")).startswith("354")
        change = await house.daemon.reload()
        assert "relay.networks" in change.applied
        await friend.send(b"Subject: x\r\n\r\ntext\r\n.\r\n")
        assert (await friend.reply()).startswith("250")
        assert (await friend.give("y@away.far.example")).startswith("250"), "whoever was let in stays in"
        await house.until(lambda: len(house.hop.contents) == 2)
        assert (await (await house.client(FRIEND)).give("z@away.far.example")).startswith("550 5.7.1")
        assert (await (await house.client(STRANGER)).give("info@ours.example")).startswith("250")
        await house.until(lambda: elsewhere.contents)
        await house.until(lambda: house.daemon.retired)
        for client in (friend, stranger):
            await client.say("QUIT")
        await house.until(lambda: not house.daemon.retired, within_s=MINUTES_S)
        assert await house.queued() == 0

    live(tmp_path, scenario)


def test_the_old_is_kept_as_long_as_a_session_goes_by_it_and_no_longer(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        for _ in range(3):
            await house.daemon.reload()
            await asyncio.sleep(0.01)
        await asyncio.sleep(MINUTES_S)
        assert len(house.daemon.retired) == 3
        await client.say("QUIT")
        await house.until(lambda: not house.daemon.retired, within_s=MINUTES_S)
        assert (await (await house.client(FRIEND)).give(BOB)).startswith("250")

    live(tmp_path, scenario)


def test_a77_settings_that_cannot_be_put_in_force_change_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        book = house.daemon.book
        missing = {"match": "*", "next_hop": "192.0.2.1:25", "tls": "verify", "ca_file": tmp_path / "none"}
        house.write(route=[missing])
        with pytest.raises(SettingsError, match="none"):
            await house.daemon.reload()
        assert house.daemon.book is book
        assert house.daemon.settings == house.settings
        assert len(house.told("SettingsRefused")) == 1
        assert (await (await house.client()).give(BOB)).startswith("250")
        await house.until(lambda: house.hop.contents)

    live(tmp_path, scenario)
