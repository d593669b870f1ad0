"""ACCEPTANCE §3: the clock, a stop, names and next hops that fail round the whole daemon."""

import asyncio
from pathlib import Path

import pytest
from tests.acceptance.house import ANN, BOB, FRIEND, HOP, LETTER, MX, NAMES, House, live
from tests.unit.client.toy_server import CUT, ToyServer

from mailrail.net import Endpoint
from mailrail.spool import SMALL_BYTES

LARGE = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (SMALL_BYTES // 50)
HOUR_S, DAY_S = 3600.0, 86_400.0


def test_a_message_goes_through_the_house(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        assert (await client.give(content=LETTER)).startswith("250 2.0.0")
        assert (await client.give(content=LARGE)).startswith("250 2.0.0")
        await house.until(lambda: len(house.hop.contents) == 2)
        assert sorted(len(content) for content in house.hop.contents)[1] > len(LARGE)
        assert all(LETTER in content or LARGE in content for content in house.hop.contents)
        assert await client.say("QUIT") == "221 2.0.0 Bye"
        assert await house.queued() == 0

    live(tmp_path, scenario)


# --- The end ------------------------------------------------------------------------------------


def test_a44_a_stop_finishes_what_runs_tells_the_idle_and_keeps_the_queue(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["MAIL"] = ["451 4.3.0 later"] * 1000
        waiting, idle, busy = await house.client(), await house.client(), await house.client()
        assert (await waiting.give()).startswith("250")
        assert (await busy.start(BOB)).startswith("354")
        house.daemon.ask_to_stop()
        await asyncio.sleep(1)
        assert (await idle.reply()).startswith("421 4.3.2")
        assert idle.is_over
        await busy.send(LETTER + b".\r\n")
        assert (await busy.reply()).startswith("250")
        assert (await busy.reply()).startswith("421 4.3.2")
        await house.stop()
        house.hop.script.clear()
        await house.start()
        await house.until(lambda: len(house.hop.contents) == 2, within_s=2 * HOUR_S)
        assert (await (await house.client()).give()).startswith("250")

    live(tmp_path, scenario)


# --- The clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [5 * DAY_S, -HOUR_S, 14 * 365 * DAY_S, -5 * DAY_S])
def test_a62_a_step_of_the_clock_expires_nothing_and_delays_nothing(tmp_path: Path, step_s: float) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        client = await house.client()
        for _ in range(20):
            assert (await client.give()).startswith("250")
        await asyncio.sleep(HOUR_S)
        house.clock.step(step_s)
        await asyncio.sleep(HOUR_S)
        assert await house.queued() == 20
        assert house.told("RecipientExpired") == []
        house.network.heal(HOP)
        # No later than the longest wait between two tries.
        await house.until(lambda: len(house.hop.contents) == 20, within_s=5 * HOUR_S)
        assert await house.queued() == 0

    live(tmp_path, scenario, in_memory=True)


def test_a62_a_clock_set_back_while_the_daemon_is_down_repeats_no_queue_id(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.refuse(HOP)
        for step_s in (0.0, -HOUR_S, -HOUR_S):
            house.clock.step(step_s)
            await house.start()
            client = await house.client()
            for _ in range(3):
                assert (await client.give()).startswith("250")
            await house.stop()
        ids = [event.queue_id for event in house.told("MessageAccepted")]
        assert len(ids) == 9
        assert sorted(set(ids)) == ids

    live(tmp_path, scenario, start=False)


# --- Next hops and names ------------------------------------------------------------------------


def test_a72_a_dead_destination_and_a_slow_one_harm_no_other(tmp_path: Path) -> None:
    slow, dead = Endpoint("192.0.2.81", 25), Endpoint("192.0.2.82", 25)

    async def scenario(house: House) -> None:
        house.zone.add({"slow.example": ["A 192.0.2.81"], "dead.example": ["A 192.0.2.82"]})
        house.silent(slow)
        house.network.black_hole(dead)
        client = await house.client(FRIEND)
        for number in range(900):
            domain = ("slow.example", "dead.example", f"d{number % 10}.far.example")[number % 3]
            assert (await client.give(f"bob@{domain}")).startswith("250")
        began_s = asyncio.get_running_loop().time()
        await house.until(lambda: len(house.hop.contents) == 300, within_s=60)
        late = await house.client(FRIEND)
        assert (await late.give("bob@new.far.example")).startswith("250")
        await house.until(lambda: len(house.hop.contents) == 301, within_s=10)
        assert asyncio.get_running_loop().time() - began_s < 60
        assert await house.queued() == 600

    live(tmp_path, scenario, limits={"messages": 10_000})


@pytest.mark.parametrize("is_dead", [True, False])
def test_a74_a_resolver_that_is_down_or_silent_delays_mail_and_fails_none(
    tmp_path: Path, is_dead: bool
) -> None:
    async def scenario(house: House) -> None:
        if is_dead:
            house.network.black_hole(NAMES)
        else:
            house.zone.delay_s["*"] = 1000.0
        client = await house.client(FRIEND)
        assert (await client.give("bob@far.example", sender="")).startswith("250")
        await asyncio.sleep(3 * DAY_S)  # a null sender's mail lives for two
        assert await house.queued() == 1
        assert house.told("RecipientFailed") == house.told("RecipientExpired") == []
        house.zone.delay_s.clear()
        house.network.heal(NAMES)
        await house.until(lambda: house.hop.contents, within_s=HOUR_S)

    live(tmp_path, scenario, in_memory=True)


def test_a75_a_hop_that_resets_cuts_or_falls_silent_loses_nothing_and_frees_its_slot(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.drop_after(HOP, 400)
        client = await house.client()
        assert (await client.give(content=LARGE)).startswith("250")
        await asyncio.sleep(600)
        house.network.heal(HOP)
        house.hop.script["END"] = [CUT, ""]
        await house.until(lambda: house.told("RecipientDelivered"), within_s=3 * HOUR_S)
        assert await house.queued() == 0
        assert any(LARGE in content for content in house.hop.contents)

    live(tmp_path, scenario)


def test_a53_mail_for_an_mx_that_is_ourselves_comes_back_at_once(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.zone.add({"loop.example": ["MX 10 other.name.example"], "other.name.example": [f"A {MX.host}"]})
        client = await house.client(FRIEND)
        assert (await client.give("bob@loop.example")).startswith("250")
        await house.until(lambda: house.hop.contents)
        assert b"Status: 5.4.6" in house.hop.contents[0]

    live(tmp_path, scenario, listener=[{"address": "0.0.0.0:25"}])


def test_a64_two_servers_that_hand_each_other_a_message_end_it_with_5_4_6(tmp_path: Path) -> None:
    there = Endpoint("192.0.2.26", 25)
    (tmp_path / "other").mkdir()

    async def scenario(house: House) -> None:
        other = House(
            tmp_path / "other",
            {
                "hostname": "mx.theirs.example",
                "listener": [{"address": str(there)}],
                "domain": {"ours.example": {"relay_to": str(MX)}},
            },
            in_memory=True,
        )
        other.network = house.network
        await other.start()
        client = await house.client(FRIEND)
        assert (await client.give("bob@ours.example")).startswith("250")
        await house.until(lambda: house.hop.contents, within_s=HOUR_S)
        await asyncio.sleep(HOUR_S)
        (notice,) = house.hop.contents
        assert b"554 5.4.6" in notice
        assert await house.queued() == await other.queued() == 0
        await other.stop()

    live(tmp_path, scenario, domain={"ours.example": {"relay_to": str(there)}}, in_memory=True)


def test_a63_a_failed_notice_is_not_answered(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["RCPT"] = ["550 5.1.1 nobody"] * 100
        client = await house.client()
        assert (await client.give(sender=ANN)).startswith("250")
        assert (await client.give(sender="")).startswith("250")
        await asyncio.sleep(HOUR_S)
        assert await house.queued() == 0
        assert len(house.told("NoticeMade")) == 1
        assert len(house.told("DoubleBounce")) == 1
        assert house.hop.contents == []

    live(tmp_path, scenario)


def test_a65_a_failed_message_of_10_megabytes_comes_back_with_its_header_only(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["RCPT"] = ["550 5.1.1 nobody"]
        client = await house.client()
        assert (await client.say(f"MAIL FROM:<{ANN}> RET=FULL")).startswith("250")
        assert (await client.say(f"RCPT TO:<{BOB}>")).startswith("250")
        assert (await client.say("DATA")).startswith("354")
        await client.send(b"Subject: huge\r\n\r\n")
        for _ in range(160):
            await client.send((b"z" * 1022 + b"\r\n") * 64)
        await client.send(b".\r\n")
        assert (await client.reply()).startswith("250")
        await house.until(lambda: house.hop.contents)
        (notice,) = house.hop.contents
        assert len(notice) < SMALL_BYTES
        assert b"Subject: huge" in notice
        assert b"text/rfc822-headers" in notice
        assert b"zzzzzzzz" not in notice

    live(tmp_path, scenario)


def test_a61_the_sender_hears_of_a_delay_and_why_then_of_the_end(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.keywords = ()
        house.hop.script["MAIL FROM:<ann@far.example>"] = ["451 4.7.1 greylisted: come back later"] * 10_000
        client = await house.client(FRIEND)
        assert (await client.give("bob@far.example")).startswith("250")
        await house.until(lambda: house.hop.contents, within_s=5 * HOUR_S)
        assert b"Action: delayed" in house.hop.contents[0]
        assert b"greylisted" in house.hop.contents[0]
        await house.until(lambda: len(house.hop.contents) == 2, within_s=6 * DAY_S)
        assert b"Action: failed" in house.hop.contents[1]
        assert b"greylisted" in house.hop.contents[1]
        tries = [line for line in house.hop.heard if line.startswith("MAIL FROM:<ann@")]
        assert 25 <= len(tries) <= 60
        assert await house.queued() == 0

    live(tmp_path, scenario, in_memory=True)


def test_a_toy_that_offers_nothing_still_gets_its_mail(tmp_path: Path) -> None:
    plain = Endpoint("192.0.2.83", 25)

    async def scenario(house: House) -> None:
        toy = house.server(plain, ToyServer(keywords=()))
        house.zone.add({"plain.example": ["A 192.0.2.83"]})
        client = await house.client(FRIEND)
        assert (await client.give("bob@plain.example")).startswith("250")
        await house.until(lambda: toy.contents)

    live(tmp_path, scenario)
