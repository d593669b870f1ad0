"""A66: `kill -9` under load, again and again: every message answered 250 arrives, or waits in the queue.

MAILRAIL_CRASH_ROUNDS says how often (`make crash`: 50), MAILRAIL_CRASH_SEED when and what; both are printed, with
the counts. A letter goes to one of two next hops, to both, or to somebody whom the next hop refuses: then the
notice must reach its sender. Some are so large that the spool keeps them in a file of their own. The receiver
checks each octet, counts by number, and shares no code with mailrail.
"""

import asyncio
import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, running, to
from tests.support.load_client import Letter, Load, LoadClient, under_load
from tests.support.peers.processes import free_port
from tests.support.receiver import DROP, Mail, Receiver, Script, Step

pytestmark = [pytest.mark.crash, pytest.mark.slow]

ROUNDS = int(os.environ.get("MAILRAIL_CRASH_ROUNDS", "5"))
SEED = int(os.environ.get("MAILRAIL_CRASH_SEED", "20260101"))
SESSIONS = 10
MOST_A_ROUND = 1500  # taken; beyond it the draining at the end would take longer than the rounds
LARGE_BYTES = 300 * 1024  # over the 256 KiB that stand in the database
LIFE_S = (0.02, 1.2)  # from its greeting to the kill
DRAIN_S = 120.0
RESTART_S = 90.0  # the wait before a worker is started again doubles each time that it lives short
# Every kill may repeat what was on its way or not yet settled: at most the connections, and one batch of results.
REPEATED_A_KILL = 250

LEFT, RIGHT, SENDERS = "left.example", "right.example", "senders.example"
ROUTES = {LEFT: 0, SENDERS: 0, RIGHT: 1}


def letters(chance: random.Random) -> Iterator[Letter]:
    """Write letters without end; each carries the digest of its own body."""
    block = chance.randbytes(48_000).hex().encode()
    lines = b"\r\n".join(block[at : at + 70] for at in range(0, len(block), 70)) + b"\r\n"
    number = 0
    while True:
        number += 1
        body = b"%d\r\n" % number + lines[: chance.randrange(0, 6000) // 72 * 72]
        if number % 40 == 0:
            body += lines * (LARGE_BYTES // len(lines) + 1)
        header = f"Subject: {number}\r\nX-Digest: {hashlib.sha256(body).hexdigest()}\r\n\r\n".encode()
        yield Letter(number, f"n{number}@{SENDERS}", recipients(number), header + body)


def recipients(number: int) -> tuple[str, ...]:
    """Say to whom letter *number* goes."""
    if number % 20 == 7:
        return (f"gone{number}@{LEFT}",)
    if number % 20 == 3:
        return (f"n{number}@{LEFT}", f"n{number}@{RIGHT}")
    return (f"n{number}@{LEFT if number % 2 else RIGHT}",)


def owed(number: int) -> tuple[str, ...]:
    """Say which mailboxes must have something once letter *number* was answered 250."""
    if number % 20 == 7:
        return (f"n{number}@{SENDERS}",)  # the notice
    return recipients(number)


def refuse_the_gone(step: Step) -> str | None:
    if step.verb == "RCPT" and step.argument.startswith("TO:<gone"):
        return "550 5.1.1 no such user"
    return None


def in_trouble(chance: random.Random) -> Script:
    """Script of a next hop that refuses the gone, and of the others puts off one in ten, and drops some."""

    def script(step: Step) -> str | None:
        if refusal := refuse_the_gone(step):
            return refusal
        if step.verb in ("MAIL", "RCPT", ".") and chance.random() < 0.04:
            return "451 4.3.0 not now"
        if step.verb in ("DATA", ".") and chance.random() < 0.02:
            return DROP
        return None

    return script


class Tally:
    """Counts what arrived, by mailbox, and looks at each octet."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.broken: list[str] = []

    def take(self, mail: Mail) -> None:
        if not mail.reply.startswith("250"):
            return
        for argument in mail.recipients:
            mailbox = argument.removeprefix("TO:<").partition(">")[0]
            self.arrived[mailbox] += 1
            if not mailbox.endswith(SENDERS) and not is_whole(mail):
                self.broken.append(mailbox)
            if mailbox.endswith(SENDERS) and not mail.sender.startswith("FROM:<>"):
                self.broken.append(mailbox)

    def missing(self, load: Load) -> set[str]:
        return {mailbox for number in load.taken for mailbox in owed(number)} - self.arrived.keys()


def is_whole(mail: Mail) -> bool:
    header, body = mail.header, mail.body
    return hashlib.sha256(body).hexdigest().encode() == header.rpartition(b"X-Digest: ")[2][:64]


async def kill_again_and_again(daemon: Daemon, client: LoadClient, chance: random.Random) -> None:
    for number in range(1, ROUNDS + 1):
        life_s = chance.uniform(*LIFE_S)
        client.allow(len(client.load.taken) + MOST_A_ROUND)
        await asyncio.sleep(life_s)
        await asyncio.to_thread(daemon.kill)
        print(f"  kill {number:3} after {life_s:.3f} s: {len(client.load.taken)} taken so far", flush=True)
        await asyncio.to_thread(daemon.start)


async def kill_workers(daemon: Daemon, client: LoadClient, chance: random.Random) -> None:
    """Kill one worker each time, whichever; the supervisor has another take its place, and the others go on."""
    await asyncio.to_thread(daemon.wait_for, "DaemonStarted", 2)
    for number in range(1, ROUNDS + 1):
        life_s = chance.uniform(*LIFE_S)
        client.allow(len(client.load.taken) + MOST_A_ROUND)
        await asyncio.sleep(life_s)
        os.kill(chance.choice(daemon.worker_pids()), signal.SIGKILL)
        print(f"  kill {number:3} after {life_s:.3f} s: {len(client.load.taken)} taken so far", flush=True)
        await asyncio.to_thread(daemon.wait_for, "DaemonStarted", 2 + number, timeout_s=RESTART_S)


Killing = Callable[[Daemon, LoadClient, random.Random], Awaitable[None]]


def kill_under_load(daemon: Daemon, seed: int, killing: Killing = kill_again_and_again) -> Load:
    chance = random.Random(seed)
    client = LoadClient(daemon.host, daemon.port, letters(chance), sessions=SESSIONS, most_taken=MOST_A_ROUND)
    asyncio.run(under_load(client, lambda: killing(daemon, client, chance)))
    return client.load


def drain(tally: Tally, load: Load, daemon: Daemon) -> None:
    """Wait until nothing owed is missing and the queue is empty, or time is over."""
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline and (tally.missing(load) or daemon.queue()):
        time.sleep(0.2)


def judge(tally: Tally, load: Load, daemon: Daemon) -> None:
    """Print the counts and hold them against the promise."""
    queued = {row["address"] for item in daemon.queue() for row in item["recipients"]}
    missing = tally.missing(load)
    repeated = sum(tally.arrived.values()) - len(tally.arrived)
    print(
        f"seed {SEED}: {ROUNDS} kills, {len(load.sent)} sent, {len(load.taken)} answered 250, "
        f"{len(tally.arrived)} mailboxes reached, {repeated} duplicates, {len(queued)} still queued, "
        f"{len(missing - queued)} lost, {len(tally.broken)} broken",
        flush=True,
    )
    assert not tally.broken
    assert not missing - queued
    assert not load.refused
    assert repeated <= ROUNDS * REPEATED_A_KILL
    assert len(load.taken) > 10 * ROUNDS, "too little load to show anything"
    daemon.stop()
    assert [event for event in daemon.errors() if event["event"] != "WorkerEnded"] == []


def settings(left: str, right: str) -> dict[str, Any]:
    hops = (left, right)
    return {
        "route": [to(hops[hop], domain) for domain, hop in ROUTES.items()],
        "log": {"level": "warning", "format": "json"},
        "queue": {"retry": {"warn_s": 0}},
    }


@pytest.mark.timeout(900)
def test_every_message_answered_250_survives_kill_9_while_it_is_relayed(tmp_path: Path) -> None:
    """A66: next hops up all the time."""
    tally = Tally()
    with (
        Receiver(script=refuse_the_gone, on_mail=tally.take) as left,
        Receiver(script=refuse_the_gone, on_mail=tally.take) as right,
        running(tmp_path, **settings(left.address, right.address)) as daemon,
    ):
        load = kill_under_load(daemon, SEED)
        drain(tally, load, daemon)
        judge(tally, load, daemon)
        assert tally.missing(load) == set()


@pytest.mark.timeout(900)
def test_every_message_answered_250_survives_kill_9_of_one_worker_after_the_other(tmp_path: Path) -> None:
    """A66 with two workers: one dies, the other goes on, and nobody is refused."""
    tally = Tally()
    with (
        Receiver(script=refuse_the_gone, on_mail=tally.take) as left,
        Receiver(script=refuse_the_gone, on_mail=tally.take) as right,
        running(
            tmp_path,
            workers=2,
            **{**settings(left.address, right.address), "log": {"level": "info", "format": "json"}},
        ) as daemon,
    ):
        load = kill_under_load(daemon, SEED + 3, kill_workers)
        drain(tally, load, daemon)
        judge(tally, load, daemon)
        assert tally.missing(load) == set()


@pytest.mark.timeout(900)
def test_every_message_answered_250_survives_kill_9_of_all_workers_at_once(tmp_path: Path) -> None:
    """A66 with two workers and their supervisor."""
    tally = Tally()
    with (
        Receiver(script=refuse_the_gone, on_mail=tally.take) as left,
        Receiver(script=refuse_the_gone, on_mail=tally.take) as right,
        running(tmp_path, workers=2, **settings(left.address, right.address)) as daemon,
    ):
        load = kill_under_load(daemon, SEED + 4)
        drain(tally, load, daemon)
        judge(tally, load, daemon)
        assert tally.missing(load) == set()


@pytest.mark.timeout(900)
def test_every_message_answered_250_survives_kill_9_while_it_waits(tmp_path: Path) -> None:
    """A66: next hops down during the kills, so that all stays queued; then they come back."""
    tally = Tally()
    left, right = free_port(), free_port()
    with running(tmp_path, **settings(f"127.0.0.1:{left}", f"127.0.0.1:{right}")) as daemon:
        load = kill_under_load(daemon, SEED + 1)
        assert tally.arrived.total() == 0
        with (
            Receiver(script=refuse_the_gone, on_mail=tally.take, port=left),
            Receiver(script=refuse_the_gone, on_mail=tally.take, port=right),
        ):
            drain(tally, load, daemon)
            judge(tally, load, daemon)
            assert tally.missing(load) == set()


@pytest.mark.timeout(900)
def test_every_message_answered_250_survives_kill_9_while_next_hops_are_in_trouble(tmp_path: Path) -> None:
    """A66 with A59 and A61: some are put off, some connections drop, also after the final dot."""
    tally = Tally()
    with (
        Receiver(script=in_trouble(random.Random(SEED)), on_mail=tally.take) as left,
        Receiver(script=in_trouble(random.Random(SEED + 1)), on_mail=tally.take) as right,
        running(tmp_path, **settings(left.address, right.address)) as daemon,
    ):
        load = kill_under_load(daemon, SEED + 2)
        drain(tally, load, daemon)
        judge(tally, load, daemon)
        assert tally.missing(load) == set()
