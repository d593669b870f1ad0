"""ACCEPTANCE §5: the limits of a server that nobody configured, and memory that keeps to them."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.house import ANN, BOB, FRIEND, HOP, LETTER, House, live

from mailrail.config import MailrailSettings
from mailrail.message.mime import MAX_DEPTH, MAX_PARTS
from mailrail.net import Endpoint
from mailrail.server import Handler, Port, Server

MEGABYTE = 1024**2
DEFAULTS = MailrailSettings(hostname="mx.ours.example")

EXPECTED: dict[str, object] = {
    "limits.command_line_bytes": 2048,
    "limits.auth_line_bytes": 12_288,
    "limits.text_line_bytes": 64 * 1024,
    "limits.message_bytes": 35 * MEGABYTE,
    "limits.header_bytes": 256 * 1024,
    "limits.header_lines": 1000,
    "limits.recipients": 1000,
    "limits.messages": 1000,
    "limits.messages_of_strangers": 100,
    "limits.hops": 50,
    "limits.soft_errors": 5,
    "limits.errors": 10,
    "limits.junk": 50,
    "limits.connections_per_client": 20,
    "limits.connections": 10_000,
    "limits.connections_per_minute": 120,
    "limits.repair_line_ends": False,
    "timeouts.command_s": 300,
    "timeouts.data_s": 180,
    "timeouts.minimum_rate_bytes": 500,
    "timeouts.session_s": 1800,
    "timeouts.processing_s": 300,
    "spool.reserve_bytes": 200_000_000,
    "spool.reserve_share": 0.05,
    "spool.most_items": 0,
    "queue.retry.first_s": 300,
    "queue.retry.factor": 2.0,
    "queue.retry.longest_s": 4 * 3600,
    "queue.retry.spread": 0.1,
    "queue.retry.give_up_s": 5 * 86_400,
    "queue.retry.give_up_notice_s": 2 * 86_400,
    "queue.retry.warn_s": 4 * 3600,
    "queue.window.start": 5,
    "queue.window.most": 20,
    "routing.max_hosts": 5,
    "relay.networks": (),
    "tls.minimum_version": "1.2",
}


@pytest.mark.parametrize("key", EXPECTED)
def test_section_5_a_default_is_as_agreed(key: str) -> None:
    found: Any = DEFAULTS
    for name in key.split("."):
        found = getattr(found, name)
    assert found == EXPECTED[key]


def test_section_5_a17_depth_and_parts_that_are_looked_at() -> None:
    assert (MAX_DEPTH, MAX_PARTS) == (50, 1000)


def test_section_5_a23_a27_a33_what_an_unconfigured_server_asks_and_refuses(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.arrive()
        await client.reply()
        assert (await client.say(f"MAIL FROM:<{ANN}>")).startswith("503")
        offer = await client.say("EHLO client.example")
        assert "AUTH" not in offer
        assert "STARTTLS" not in offer  # no certificate is set
        assert (await client.say("VRFY bob")).startswith("252")
        assert (await client.say("EXPN list")).startswith("502")
        assert (await client.say("AUTH PLAIN AGEAYg=="))[:3] in ("502", "503", "538", "530")

    live(tmp_path, scenario)


def test_section_5_a41_mistakes_are_counted_and_end_in_421(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        await client.send(b"WHAT\r\n" * 20)
        await house.until(lambda: client.is_over)
        said = client.heard.decode().splitlines()
        assert len(said) == 11
        assert said[-1].startswith("421 4.7.0")

    live(tmp_path, scenario)


# --- Memory -------------------------------------------------------------------------------------


class Sink(Handler):
    """Counts, and keeps nothing."""

    octets = 0

    def chunk(self, content: bytes) -> Awaitable[None] | None:
        Sink.octets += len(content)
        return None


def peak_of(path: Path, scenario: Callable[[House], Awaitable[None]], **settings: Any) -> int:
    """Return how many bytes of memory *scenario* took at most beyond what the idle daemon has."""
    peaks: list[int] = []

    async def measured(house: House) -> None:
        assert (await (await house.client()).give()).startswith("250")
        await house.until(lambda: house.told("RecipientDelivered"))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        try:
            await scenario(house)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()

    live(path, measured, **settings)
    return peaks[0]


async def pour(house: House, megabytes: int, *, to: str = BOB) -> str:
    """Send a message of so many megabytes, no faster than it is taken."""
    client = await house.client(FRIEND)
    assert (await client.start(to)).startswith("354")
    await client.send(b"Subject: large\r\n\r\n")
    block = (b"x" * 1022 + b"\r\n") * 64
    for _ in range(16 * megabytes):
        await client.send(block)
    await client.send(b".\r\n")
    return await client.reply()


def test_a18_memory_stays_bounded_while_a_message_over_the_limit_is_thrown_away(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        assert (await pour(house, 50)).startswith("552 5.3.4")
        assert await house.queued() == 0

    assert peak_of(tmp_path, scenario) < 2 * MEGABYTE


def test_section_5_a_large_message_adds_under_4_megabytes_in_and_out(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        sink = Server(Sink, hostname="sink.example", network=house.network, clock=house.clock)
        sink.start()
        sink.listen_on(Port(endpoint=Endpoint("192.0.2.98", 25)))
        house.zone.add({"sink.example": ["A 192.0.2.98"]})
        assert (await pour(house, 30, to="bob@sink.example")).startswith("250")
        await house.until(lambda: len(house.told("RecipientDelivered")) == 2)
        assert Sink.octets > 30 * MEGABYTE
        await sink.stop()

    assert peak_of(tmp_path, scenario) < 4 * MEGABYTE


def test_a13_a_megabyte_without_a_line_end_is_refused_once_and_not_kept(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        client = await house.client()
        for _ in range(16):
            await client.send(b"A" * 65_536)
        assert (await client.say("")).startswith("500 5.5")
        assert (await client.give()).startswith("250")
        assert client.heard == b""

    assert peak_of(tmp_path, scenario) < MEGABYTE


def test_a72_memory_is_bounded_by_the_active_window_and_not_by_the_queue(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.network.black_hole(HOP)
        await asyncio.sleep(600)  # until the session that is kept has ended
        house.is_listening = False
        client = await house.client(FRIEND)
        for _ in range(2000):
            assert (await client.give(content=LETTER)).startswith("250")
        await asyncio.sleep(600)
        assert await house.queued() == 2000

    settings = {"queue": {"active_items": 100}, "limits": {"messages": 10_000}}
    assert peak_of(tmp_path, scenario, **settings) < 8 * MEGABYTE


def test_a39_a_thousand_idle_sessions_cost_less_than_30_megabytes_both_ends_together(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.is_listening = False
        crowd = [await house.client(FRIEND) for _ in range(1000)]
        assert house.daemon.server.session_count >= 1000
        assert (await (await house.client()).give()).startswith("250")
        for client in crowd:
            client.connection.close()

    assert peak_of(tmp_path, scenario) < 30 * MEGABYTE
