"""A node's lives: started, crashed, started again from its disk, stopped; and faults by script."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from mailrail.net import Endpoint
from mailrail.sim import Link, simulate
from mailrail.sim.clock import seeded
from mailrail.sim.faults import (
    ClockStep,
    Crash,
    DiskFull,
    FailingSyncs,
    Fault,
    LinkDown,
    NamesOut,
    Partition,
    SlowDisk,
    carry_out,
    draw,
)
from mailrail.sim.fleet import Fleet
from mailrail.sim.loop import SimLoop
from mailrail.sim.names import DnsFault
from mailrail.sim.node import Node
from mailrail.sim.operator import Act, Operator
from mailrail.sim.strangers import Dialogue, Place, Stranger
from mailrail.spool import Filter

HOME, MX, CLIENT = "192.0.2.30", "192.0.2.1", "10.0.0.7"
LETTER = b"Subject: hello\r\n\r\nA line.\r\n"


class Town:
    """One node, its mailbox server, and a client."""

    def __init__(self) -> None:
        self.fleet = Fleet(1, Link(latency_s=0.01), is_told=True)
        place = Place("home.example", self.fleet.ledger, seeded("home"))
        self.home = self.fleet.stranger(Stranger(place), HOME)
        self.machine = self.fleet.clients("client", CLIENT)
        domain = {"ours.example": {"relay_to": f"{HOME}:25"}}
        self.node = self.fleet.node("mx", MX, domain=domain)

    async def give(self) -> str:
        """Give one message and return the last reply, or the first that refuses."""
        dialogue = await Dialogue.open(self.machine, Endpoint(MX, 25), CLIENT)
        await dialogue.hello("client.example")
        for line in ("MAIL FROM:<ann@a.example>", "RCPT TO:<bob@ours.example>", "DATA"):
            if (reply := await dialogue.say(line))[0] not in "23":
                dialogue.abort()
                return reply
        await dialogue.send(LETTER + b".\r\n")
        reply = await dialogue.reply()
        await dialogue.quit()
        return reply

    def befall(self, *plan: tuple[float, Fault]) -> None:
        carry_out(plan, self.fleet)


def play(scenario: Callable[[Town], Awaitable[None]]) -> Town:
    async def main() -> Town:
        town = Town()
        await asyncio.sleep(1)
        await scenario(town)
        await town.fleet.finish()
        return town

    town = simulate(main(), 1)
    assert town.fleet.ledger.violations == []
    return town


async def kept(node: Node) -> int:
    assert node.daemon is not None
    return await node.daemon.spool.count(Filter())


@pytest.mark.parametrize("is_power_cut", [False, True])
def test_mail_that_was_answered_250_survives_a_crash_and_is_delivered_after_the_restart(
    is_power_cut: bool,
) -> None:
    async def scenario(town: Town) -> None:
        town.fleet.internet.unplug("home.example")
        assert (await town.give()).startswith("250")
        town.node.crash(is_power_cut=is_power_cut)
        assert not town.node.is_up
        town.node.crash(is_power_cut=is_power_cut)  # dead is dead
        town.fleet.internet.mend()
        await asyncio.sleep(60)
        assert town.home.tally.taken == 0
        town.node.start()
        await asyncio.sleep(3600)
        assert town.home.tally.taken == 1
        assert await kept(town.node) == 0

    play(scenario)


@pytest.mark.parametrize("act", [Act.RETRY, Act.BOUNCE, Act.DELETE])
def test_an_operator_changes_mail_that_waits(act: Act) -> None:
    async def scenario(town: Town) -> None:
        await asyncio.sleep(1)
        town.befall((0.0, LinkDown("home.example", 10_000)))
        await town.give()
        await asyncio.sleep(60)
        operator = Operator(town.node, town.fleet.ledger, seeded(), "ours.example")
        assert town.node.daemon is not None
        await operator._do(lambda daemon: operator._change(daemon.control, act))
        await asyncio.sleep(30)
        assert await kept(town.node) == (act is Act.RETRY)  # a notice to a.example goes nowhere

    play(scenario)


def test_an_operator_holds_a_domain_for_an_hour_and_what_a_crash_cut_short_is_done_again() -> None:
    async def scenario(town: Town) -> None:
        await asyncio.sleep(1)
        operator = Operator(town.node, town.fleet.ledger, seeded(), "ours.example")
        holding = asyncio.ensure_future(operator._hold(Filter(recipient="ours.example")))
        await asyncio.sleep(10)
        town.befall((3580.0, Crash("mx", is_power_cut=True, down_s=30)))
        await town.give()
        await asyncio.sleep(3500)
        assert town.home.tally.taken == 0
        await holding
        await asyncio.sleep(100)
        assert town.home.tally.taken == 1

    play(scenario)


def test_nothing_of_a_dead_life_goes_on() -> None:
    async def scenario(town: Town) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        before = loop.tasks_left()
        town.node.crash(is_power_cut=True)
        told = len(town.fleet.timeline.lines)
        await asyncio.sleep(1)
        assert [name for name in before if name not in loop.tasks_left()] != []
        assert not [name for name in loop.tasks_left() if "Daemon" in name or "Manager" in name]
        await asyncio.sleep(3600)
        assert len(town.fleet.timeline.lines) == told
        town.node.start()
        await asyncio.sleep(1)

    play(scenario)


def test_a_daemon_that_cannot_start_is_started_again() -> None:
    async def scenario(town: Town) -> None:
        town.node.crash(is_power_cut=False)
        town.node.disk.is_read_only = True
        town.node.start()
        await asyncio.sleep(60)
        assert not town.node.is_up or town.node.daemon is None
        town.node.disk.is_read_only = False
        await asyncio.sleep(60)
        assert (await town.give()).startswith("250")

    town = play(scenario)
    assert any("mx gave up" in line for line in town.fleet.timeline.lines)


def test_more_connections_to_one_host_than_the_settings_allow_are_seen() -> None:
    async def main() -> list[str]:
        town = Town()
        await asyncio.sleep(1)
        for _ in range(town.node.settings.queue.window.most + 1):
            await town.node.machine.connect(Endpoint(HOME, 25), timeout_s=5)
        town.fleet.ledger.look()
        return [violation.words for violation in town.fleet.ledger.violations]

    (words,) = simulate(main(), 1)
    assert words == "connections of mx to one host: 21, allowed are 20"


def test_what_is_left_at_the_end_is_told() -> None:
    async def main() -> set[str]:
        town = Town()
        await asyncio.sleep(1)
        await town.machine.connect(Endpoint(HOME, 25), timeout_s=5)
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        town.fleet.nodes.clear()  # nobody is stopped
        await town.fleet.finish()
        waiting.cancel()
        return {violation.rule for violation in town.fleet.ledger.violations}

    assert simulate(main(), 1) == {"left"}


def test_faults_come_and_go_as_the_plan_says() -> None:
    async def scenario(town: Town) -> None:
        began_us, disk = town.node.clock.now_us(), town.node.disk
        free = disk.free_bytes
        town.befall(
            (10, DiskFull("mx", 10)),
            (10, FailingSyncs("mx", 10**6, 10)),
            (10, SlowDisk("mx", 0.5, 10)),
            (10, ClockStep("mx", -600, 10)),
            (10, NamesOut(DnsFault.SERVFAIL, 10)),
            (10, LinkDown("home.example", 10)),
            (10, Partition(("mx",), ("client",), 5)),
        )
        await asyncio.sleep(16)
        assert disk.free_bytes < 100_000
        assert disk.failing_syncs > 0
        assert town.node.slow_s == 0.5
        assert town.node.clock.now_us() < began_us
        assert (await town.give())[0] == "4"
        await asyncio.sleep(10)
        assert disk.free_bytes > free - 1_000_000
        assert disk.failing_syncs == 0
        assert town.node.slow_s == 0.0
        assert (await town.give()).startswith("250")
        town.befall((1, Crash("mx", is_power_cut=True, down_s=10)))
        await asyncio.sleep(5)
        assert not town.node.is_up
        await asyncio.sleep(10)
        assert town.node.is_up

    play(scenario)


def test_a_plan_is_the_seeds_and_in_the_order_of_time() -> None:
    def plan(seed: int) -> list[tuple[float, Fault]]:
        return draw(seeded(seed), 3.0, ("a", "b"), ("x", "y", "z"))

    assert plan(1) == plan(1) != plan(2)
    assert [at_s for at_s, _ in plan(1)] == sorted(at_s for at_s, _ in plan(1))
    assert {type(fault) for _, fault in plan(1)} >= {Crash, Partition, SlowDisk}


@pytest.mark.parametrize("seed", range(20))
def test_in_three_days_a_fleet_meets_every_kind_of_fault(seed: int) -> None:
    plan = draw(seeded(seed), 3, ("mx", "out"), ("one", "two"), crashes_a_day=3.0)
    kinds = Counter(type(fault) for _, fault in plan)
    assert set(kinds) == {Crash, DiskFull, SlowDisk, FailingSyncs, ClockStep, NamesOut, Partition, LinkDown}
    assert kinds[Crash] > 2


def test_a_node_keeps_no_certificate_for_the_real_disk_is_none_of_its_business() -> None:
    async def scenario(town: Town) -> None:
        assert town.node.daemon is not None
        assert not town.node.daemon.certificates.facts

    town = play(scenario)
    assert not any("ertificate" in line for line in town.fleet.timeline.lines)
