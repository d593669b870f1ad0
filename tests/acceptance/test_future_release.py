"""FUTURERELEASE through a whole daemon: kept back in the spool, released in time, old from then on (RFC 4865)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import BOB, FRIEND, HOP, MX, Client, House, live

from mailrail.model import SECOND_US, instant_text
from mailrail.spool import Filter

HOUR_S, DAY_S = 3600, 86_400
LISTENER: list[dict[str, Any]] = [{"address": str(MX), "role": "internal", "future_release_s": "30d"}]


async def hold(client: Client, *wish: str) -> str:
    """Give a message with *wish* and return the last reply."""
    reply = await client.say(f"MAIL FROM:<ann@far.example> {' '.join(wish)}")
    if not reply.startswith("250"):
        return reply
    await client.say(f"RCPT TO:<{BOB}>")
    await client.say("DATA")
    await client.send(b"Subject: later\r\n\r\nA line.\r\n.\r\n")
    return await client.reply()


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_message_leaves_when_its_sender_said_and_not_before(tmp_path: Path, is_restarted: bool) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        assert (await hold(client, "HOLDFOR=7200")).startswith("250")
        if is_restarted:
            await house.stop()
            await house.start()
        await asyncio.sleep(7190)
        assert house.hop.contents == []
        assert await house.queued() == 1
        await asyncio.sleep(20)
        assert len(house.hop.contents) == 1

    live(tmp_path, scenario, listener=LISTENER)


def test_a_date_will_do_and_one_too_far_is_refused(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        now_us = house.clock.now_us()
        assert (await hold(client, f"HOLDUNTIL={instant_text(now_us + HOUR_S * SECOND_US)}")).startswith(
            "250"
        )
        for wish in (f"HOLDUNTIL={instant_text(now_us + 31 * DAY_S * SECOND_US)}", f"HOLDFOR={31 * DAY_S}"):
            assert (await hold(client, wish)).startswith("501 5.5.4")
        assert (await hold(client, f"HOLDUNTIL={instant_text(now_us - DAY_S * SECOND_US)}")).startswith("250")
        await asyncio.sleep(1)
        assert len(house.hop.contents) == 1, "what should have left yesterday leaves now"
        await asyncio.sleep(HOUR_S)
        assert len(house.hop.contents) == 2

    live(tmp_path, scenario, listener=LISTENER)


def test_it_grows_old_from_its_release_on(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client(FRIEND)
        assert (await hold(client, f"HOLDFOR={4 * DAY_S}")).startswith("250")
        await asyncio.sleep(4 * DAY_S + 20 * HOUR_S)
        assert BOB not in [event.recipient for event in house.told("RecipientExpired")]
        await asyncio.sleep(8 * HOUR_S)
        assert BOB in [event.recipient for event in house.told("RecipientExpired")]

    retry = {"give_up_s": "1d"}
    live(tmp_path, scenario, in_memory=True, listener=LISTENER, queue={"retry": retry})


def test_an_operator_lets_it_go_or_takes_it_away(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        assert (await hold(client, f"HOLDFOR={DAY_S}")).startswith("250")
        await house.daemon.control.retry(Filter())
        await house.until(lambda: len(house.hop.contents) == 1)
        assert (await hold(client, f"HOLDFOR={DAY_S}")).startswith("250")
        await house.daemon.control.delete(Filter())
        await asyncio.sleep(2 * DAY_S)
        assert len(house.hop.contents) == 1

    live(tmp_path, scenario, listener=LISTENER)


def test_a62_a_step_back_of_the_clock_lets_nothing_go(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        assert (await hold(client, f"HOLDFOR={DAY_S}")).startswith("250")
        house.clock.step(-HOUR_S)
        await asyncio.sleep(HOUR_S)
        assert house.hop.contents == []
        assert await house.queued() == 1
        await asyncio.sleep(DAY_S + 60)
        assert len(house.hop.contents) == 1

    live(tmp_path, scenario, listener=LISTENER)
