"""DELIVERBY through a whole daemon: in time, or back, or told (RFC 2852)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import ANN, BOB, FRIEND, HOP, MX, Client, House, live

HOUR_S = 3600
LISTENER: list[dict[str, Any]] = [
    {"address": str(MX), "role": "internal", "future_release_s": "30d", "deliver_by_s": 60}
]


async def urgent(client: Client, wish: str) -> str:
    """Give a message with *wish* and return the last reply."""
    reply = await client.say(f"MAIL FROM:<{ANN}> {wish}")
    if not reply.startswith("250"):
        return reply
    await client.say(f"RCPT TO:<{BOB}>")
    await client.say("DATA")
    await client.send(b"Subject: urgent\r\n\r\nA line.\r\n.\r\n")
    return await client.reply()


def notices(house: House) -> list[bytes]:
    return [content for content in house.hop.contents if b"MAILER-DAEMON" in content]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_what_did_not_arrive_in_time_goes_back_then_and_not_later(tmp_path: Path, is_restarted: bool) -> None:
    async def scenario(house: House) -> None:
        house.hop.keywords = ("PIPELINING", "DELIVERBY")
        house.hop.script[f"RCPT TO:<{BOB}>"] = ["450 4.2.0 not now"] * 50
        client = await house.client(FRIEND)
        assert (await urgent(client, f"BY={HOUR_S};R")).startswith("250")
        if is_restarted:
            await house.stop()
            await house.start()
        await asyncio.sleep(HOUR_S - 10)
        assert notices(house) == []
        await asyncio.sleep(11)
        (notice,) = notices(house)
        tries = len([line for line in house.hop.heard if line == f"RCPT TO:<{BOB}>"])
        assert b"Action: failed\r\nStatus: 5.4.7\r\n" in notice
        assert b"\r\nDeliver-by-date: " in notice
        await asyncio.sleep(24 * HOUR_S)
        assert len([line for line in house.hop.heard if line == f"RCPT TO:<{BOB}>"]) == tries
        assert await house.queued() == 0

    live(tmp_path, scenario, listener=LISTENER)


def test_mode_n_is_told_of_in_time_even_if_nobody_answers_and_arrives_later(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.keywords = ("PIPELINING", "DELIVERBY")
        house.hop.script[f"RCPT TO:<{BOB}>"] = ["450 4.2.0 not now"] * 12
        client = await house.client(FRIEND)
        assert (await urgent(client, f"BY={HOUR_S};N")).startswith("250")
        await asyncio.sleep(HOUR_S + 10)
        (notice,) = notices(house)
        assert b"Action: delayed\r\nStatus: 4.4.7\r\n" in notice
        await asyncio.sleep(60 * HOUR_S)
        (letter,) = [content for content in house.hop.contents if content not in notices(house)]
        assert b"Subject: urgent" in letter
        assert len(notices(house)) == 1
        (mail,) = [line for line in house.hop.heard if " BY=-" in line][-1:]
        assert mail.endswith(";N"), "the hop is told how late it is"

    live(tmp_path, scenario, listener=LISTENER, in_memory=True)


def test_a_hop_that_promises_nothing_gets_nothing_of_mode_r_and_its_sender_hears_at_once(
    tmp_path: Path,
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        assert (await urgent(client, f"BY={HOUR_S};R")).startswith("250")
        await house.until(lambda: notices(house))
        (notice,) = house.hop.contents
        assert b"it offers no DELIVERBY" in notice
        assert b"Action: failed\r\n" in notice

    live(tmp_path, scenario, listener=LISTENER)


def test_mode_n_goes_to_such_a_hop_and_its_sender_hears_that_the_wish_ends_there(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)
        assert (await urgent(client, f"BY={HOUR_S};N")).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 2)
        (notice,) = notices(house)
        assert b"Action: relayed\r\n" in notice

    live(tmp_path, scenario, listener=LISTENER)


@pytest.mark.parametrize(
    ("wish", "reply"),
    [
        (f"BY={HOUR_S};R HOLDFOR={HOUR_S}", "250"),
        (f"BY={HOUR_S};R HOLDFOR={HOUR_S + 1}", "501 5.5.4"),
        (f"BY={HOUR_S};N HOLDFOR={2 * HOUR_S}", "501 5.5.4"),
        ("BY=-1;N HOLDFOR=60", "501 5.5.4"),
    ],
)
def test_nothing_is_kept_back_beyond_the_time_it_may_take(tmp_path: Path, wish: str, reply: str) -> None:
    """RFC 4865 §5.2.2."""

    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client(FRIEND)
        assert (await urgent(client, wish)).startswith(reply)

    live(tmp_path, scenario, listener=LISTENER)
