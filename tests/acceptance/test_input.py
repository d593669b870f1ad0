"""ACCEPTANCE §1: bad input against the whole daemon: which reply, and that nothing is queued."""

import asyncio
from pathlib import Path

import pytest
from tests.acceptance.house import LETTER, House, live


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n"],
)
def test_a1_a2_what_only_looks_like_the_end_ends_nothing_and_queues_nothing(
    tmp_path: Path, end: bytes
) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        smuggled = b"MAIL FROM:<evil@far.example>\r\nRCPT TO:<bob@ours.example>\r\nDATA\r\nevil\r\n.\r\n"
        reply = await client.give(content=LETTER + b"text" + end + smuggled)
        assert reply[0] == "5", reply
        await asyncio.sleep(60)
        assert await house.queued() == 0
        assert house.hop.contents == []
        assert house.told("MessageAccepted") == []

    live(tmp_path, scenario)
