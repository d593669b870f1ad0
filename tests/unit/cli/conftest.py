"""A settings file of a server that does not run, with a spool of its own, and the program to run on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailrail.cli.entry import run
from mailrail.model import (
    Envelope,
    Item,
    Message,
    Origin,
    Pending,
    QueueId,
    QueueIds,
    Recipient,
    SystemClock,
    parse_address,
)
from mailrail.observe import Bus
from mailrail.spool import open_spool
from mailrail.spool.settings import SpoolSettings

REPLY = "451 4.4.1 No answer from the next hop"


@dataclass
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


Program = Callable[..., Said]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mailrail.toml"
    file.write_text(
        f"""
        hostname = "mx1.example.org"
        spool.path = "{tmp_path}/spool"
        [[listener]]
        address = "127.0.0.1:9"
        [relay]
        networks = ["192.0.2.0/24"]
        [domain."example.org"]
        relay_to = "10.0.0.5:25"
        [[route]]
        match = "*"
        next_hop = "[2001:db8::1]:2525"
        """
    )
    return file


@pytest.fixture
def mailrail(capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run a command line as the program does; the settings are found by the environment."""
    monkeypatch.setenv("MAILRAIL_CONFIG", str(config))

    def program(*arguments: str) -> Said:
        code = run(arguments)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return program


async def fill(path: Path, senders: tuple[str, ...], node: int = 0) -> list[QueueId]:
    """Store a message of each of *senders* and return their ids."""
    clock = SystemClock()
    spool = await open_spool(SpoolSettings(path=path), clock, Bus())
    ids, made = QueueIds(clock, node), []
    for number, sender in enumerate(senders):
        draft = spool.begin(ids.make())
        draft.write(b"Subject: x\r\n\r\nhello\r\n")
        recipients = (
            Recipient(parse_address(f"bob{number}@example.org")),
            Recipient(
                parse_address("c@example.net"),
                target="|/bin/cat",
                returns_to=parse_address("owner-l@example.org"),
            ),
        )
        message = Message(
            draft.queue_id,
            clock.now_us(),
            Envelope(parse_address(sender) if sender else None, recipients, envid="E1", priority=number),
            draft.size_bytes,
            origin=Origin("192.0.2.1", "client.example", "ESMTPSA", user="ann"),
        )
        due_us = clock.now_us() + number * 3_600_000_000
        item = Item(
            draft.queue_id, "mx:example.org", (Pending(0, REPLY), Pending(1)), attempts=number, due_us=due_us
        )
        await draft.commit(message, [item], lease=False)
        made.append(draft.queue_id)
    await spool.close()
    return made


@pytest.fixture
def stored(config: Path) -> list[QueueId]:
    """Three messages in the spool; returns their ids."""
    return asyncio.run(fill(config.parent / "spool", ("alice@example.com", "", "eve@example.net")))
