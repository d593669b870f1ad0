"""ACCEPTANCE §3, A43, A59, A75: connections that are cut at any octet, and next hops that say no at any step."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from tests.acceptance.house import ANN, FRIEND, HOP, House, live

HOUR_S = 3600.0
MANY = {"connections_per_minute": 10_000, "messages": 10_000}
DIALOGUE = (
    b"EHLO client.example\r\n"
    b"MAIL FROM:<ann@far.example>\r\nRCPT TO:<bob@ours.example>\r\nDATA\r\n"
    b"Subject: cut\r\n\r\nhello\r\n.\r\n"
)
CHUNKS = (
    b"EHLO client.example\r\n"
    b"MAIL FROM:<ann@far.example>\r\nRCPT TO:<bob@ours.example>\r\nBDAT 16\r\nSubject: cut\r\n\r\n"
    b"BDAT 7 LAST\r\nhello\r\n"
)


@pytest.mark.parametrize("dialogue", [DIALOGUE, CHUNKS], ids=["DATA", "BDAT"])
@pytest.mark.parametrize("is_good_end", [True, False], ids=["closed", "reset"])
def test_a20_a43_a_client_that_is_cut_at_any_octet_has_handed_over_all_or_nothing(
    tmp_path: Path, dialogue: bytes, is_good_end: bool
) -> None:
    async def scenario(house: House) -> None:
        for length in range(len(dialogue) + 1):
            client = await house.arrive(FRIEND)  # a friend may run ahead of our answers
            await client.reply()
            client.connection.write(dialogue[:length])
            client.connection.close() if is_good_end else client.connection.abort()
            await asyncio.sleep(5)
            is_whole = length == len(dialogue)
            assert len(house.told("MessageAccepted")) == is_whole, length
        await house.until(lambda: house.hop.contents)
        assert house.hop.contents[0].endswith(b"Subject: cut\r\n\r\nhello\r\n")
        assert house.daemon.server.session_count == 0

    live(tmp_path, scenario, in_memory=True)


def has_more(house: House, delivered: int) -> bool:
    return len(house.told("RecipientDelivered")) > delivered


def test_a59_a75_a_next_hop_that_is_cut_off_at_any_octet_gets_the_message_in_the_end(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client(FRIEND)  # a stranger may give 100 only
        for count in range(0, 900, 7):
            house.network.drop_after(HOP, count)
            had = len(house.hop.contents)
            delivered = len(house.told("RecipientDelivered"))
            assert (await client.give()).startswith("250")
            await asyncio.sleep(30)
            house.network.heal(HOP)
            await house.until(partial(has_more, house, delivered), within_s=HOUR_S)
            # Twice only if the hop had it all and its answer was lost.
            assert had + 1 <= len(house.hop.contents) <= had + 2
            await asyncio.sleep(200)  # the session that is kept has ended
        assert await house.queued() == 0
        assert house.told("RecipientFailed") == []

    live(tmp_path, scenario, in_memory=True, timeouts={"command_s": "1h", "session_s": "1d"}, limits=MANY)


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("reply", ["421 4.3.2 closing", "450 4.2.0 not now", "452 4.3.1 full"])
def test_a58_a61_a_temporary_no_at_any_step_is_never_a_failure(tmp_path: Path, step: str, reply: str) -> None:
    async def scenario(house: House) -> None:
        house.hop.script[step] = [reply] * 3
        client = await house.client()
        assert (await client.give()).startswith("250")
        await house.until(lambda: house.told("RecipientDelivered"), within_s=12 * HOUR_S)
        assert house.told("RecipientFailed") == []
        assert await house.queued() == 0
        whole = [
            content for content in house.hop.contents if content
        ]  # "." alone ends what nobody was to get
        assert len(whole) == (4 if step == "END" else 1)  # the toy keeps what it refuses

    live(tmp_path, scenario, in_memory=True)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "END"])
def test_a58_a63_a_permanent_no_at_any_step_comes_back_in_printable_words(tmp_path: Path, step: str) -> None:
    async def scenario(house: House) -> None:
        house.hop.script[step] = ["550 5.7.1 \x1b[2Jbad \x07 words"]
        client = await house.client()
        assert (await client.give()).startswith("250")
        await house.until(lambda: house.told("RecipientDelivered"))
        notice = house.hop.contents[-1]
        assert b"Status: 5.7.1" in notice
        assert b"words" in notice
        assert b"\x1b" not in notice
        assert b"\x07" not in notice
        assert notice.isascii()

    live(tmp_path, scenario, in_memory=True)


def test_a60_each_recipient_has_an_end_of_its_own(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.hop.script["RCPT"] = ["250 2.1.5 ok", "550 5.1.1 nobody", "451 4.2.0 later", "452 4.5.3 enough"]
        client = await house.client()
        assert (await client.give(*(f"r{n}@ours.example" for n in range(6)))).startswith("250")
        await house.until(lambda: len(house.told("RecipientDelivered")) == 6, within_s=HOUR_S)
        failed = house.told("RecipientFailed")
        assert len(failed) == 1
        assert {event.recipient for event in house.told("RecipientDelivered")} == (
            {f"r{n}@ours.example" for n in range(6)} - {failed[0].recipient} | {ANN}
        )
        assert await house.queued() == 0

    live(tmp_path, scenario, in_memory=True)
