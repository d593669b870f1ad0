"""Floor 5 · sim — what befalls a fleet, and when: a plan by script, or drawn from a seed.

Each fault is a value with a time; `carry_out` has loop timers do it, and undo it where it lasts. Faults overlap as they like.
"""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, assert_never

from mailrail.sim.disk import SimDisk
from mailrail.sim.internet import Internet
from mailrail.sim.names import DnsFault, Zone
from mailrail.sim.node import Node

HOUR_S: Final = 3600.0
_SPARE_BYTES: Final = 20_000  # of a full disk: enough to begin something, too little to finish it


@dataclass(frozen=True, slots=True)
class Crash:
    """A node dies, alone or with its machine's power, and is started again."""

    node: str
    is_power_cut: bool
    down_s: float


@dataclass(frozen=True, slots=True)
class DiskFull:
    """Nearly nothing is free on a node's disk."""

    node: str
    lasts_s: float


@dataclass(frozen=True, slots=True)
class FailingSyncs:
    """So many syncs of a node's disk fail, those that come first in that time."""

    node: str
    count: int
    lasts_s: float


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Each job for a node's disk takes longer."""

    node: str
    slow_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A node's clock is set, and later set right."""

    node: str
    seconds: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class NamesOut:
    """No name can be looked up."""

    how: DnsFault
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Partition:
    """Nothing passes between two groups of machines."""

    these: tuple[str, ...]
    those: tuple[str, ...]
    lasts_s: float


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A machine is off the network."""

    machine: str
    lasts_s: float


Fault = Crash | DiskFull | FailingSyncs | SlowDisk | ClockStep | NamesOut | Partition | LinkDown


class Stage(Protocol):
    """What faults happen to.

    Attributes:
        nodes: by name.
        zone: what the name servers know.
    """

    internet: Internet
    nodes: dict[str, Node]
    zone: Zone

    def crashed(self, node: Node) -> None:
        """Know that *node* is about to die."""
        ...

    def say(self, words: str) -> None:
        """Write something into the timeline."""
        ...


def carry_out(plan: Sequence[tuple[float, Fault]], stage: Stage) -> None:
    """Let timers of the running loop do all that is in *plan*, each at so many seconds from now."""
    loop = asyncio.get_running_loop()
    for at_s, fault in plan:
        loop.call_later(at_s, _begin, fault, stage)


def _begin(fault: Fault, stage: Stage) -> None:
    begin, undo, lasts_s = _deed(fault, stage)
    stage.say(f"fault: {fault}")
    begin()
    asyncio.get_running_loop().call_later(lasts_s, _over, undo, fault, stage)


def _over(undo: Callable[[], None], fault: Fault, stage: Stage) -> None:
    stage.say(f"over: {fault}")
    undo()


def _deed(fault: Fault, stage: Stage) -> tuple[Callable[[], None], Callable[[], None], float]:
    """Return how *fault* begins, how it is undone, and after how many seconds."""
    net = stage.internet
    match fault:
        case Crash(name, is_power_cut, down_s):
            node = stage.nodes[name]
            return lambda: _crash(node, stage, is_power_cut=is_power_cut), lambda: _start(node), down_s
        case DiskFull(name, lasts_s):
            return *_fill(stage.nodes[name]), lasts_s
        case FailingSyncs(name, count, lasts_s):
            disk = stage.nodes[name].disk
            return partial(_set_failing, disk, count), partial(_set_failing, disk, 0), lasts_s
        case SlowDisk(name, slow_s, lasts_s):
            node = stage.nodes[name]
            return lambda: node.slow_down(slow_s), lambda: node.slow_down(0.0), lasts_s
        case ClockStep(name, seconds, lasts_s):
            clock = stage.nodes[name].clock
            return lambda: clock.step(seconds), lambda: clock.step(-seconds), lasts_s
        case NamesOut(how, lasts_s):
            return lambda: stage.zone.fail("*", how), lambda: stage.zone.mend("*"), lasts_s
        case Partition(these, those, lasts_s):
            return lambda: net.sever(these, those), lambda: net.rejoin(these, those), lasts_s
        case LinkDown(name, lasts_s):
            return lambda: net.unplug(name), lambda: net.plug(name), lasts_s
        case _:
            assert_never(fault)


def _crash(node: Node, stage: Stage, *, is_power_cut: bool) -> None:
    if node.is_up:
        stage.crashed(node)
        node.crash(is_power_cut=is_power_cut)


def _start(node: Node) -> None:
    if not node.is_up:
        node.start()


def _fill(node: Node) -> tuple[Callable[[], None], Callable[[], None]]:
    taken = 0

    def fill() -> None:
        nonlocal taken
        taken = max(node.disk.free_bytes - _SPARE_BYTES, 0)
        node.disk.free_bytes -= taken

    def empty() -> None:
        node.disk.free_bytes += taken

    return fill, empty


def _set_failing(disk: SimDisk, count: int) -> None:
    disk.failing_syncs = count


def draw(
    rng: random.Random,
    days: float,
    nodes: Sequence[str],
    machines: Sequence[str],
    *,
    crashes_a_day: float = 8.0,
) -> list[tuple[float, Fault]]:
    """Draw what befalls a fleet in so many days.

    Args:
        nodes: names of those that run mailrail.
        machines: names of everybody else.
        crashes_a_day: of each node, on average; half of them are power cuts.
    """
    plan: list[tuple[float, Fault]] = []

    def several(a_day: float, make: Callable[[], Fault]) -> None:
        count = round(a_day * days * rng.uniform(0.5, 1.5))
        plan.extend((rng.uniform(0.0, days * 24 * HOUR_S), make()) for _ in range(count))

    for node in nodes:
        several(crashes_a_day, partial(_crash_of, rng, node))
        several(0.5, partial(_disk_full_of, rng, node))
        several(0.5, partial(_failing_syncs_of, rng, node))
        several(0.5, partial(_slow_disk_of, rng, node))
        several(0.5, partial(_clock_step_of, rng, node))
        several(0.7, partial(_link_of, rng, (node,)))
        several(1.0, partial(_partition_of, rng, node, machines))
    several(1.0, partial(_names_out, rng))
    several(1.0, partial(_link_of, rng, machines))
    return sorted(plan, key=lambda timed: timed[0])


def _lasting_s(rng: random.Random) -> float:
    """Draw how long something lasts: 3 s to 3 h, each order of magnitude as often as the next."""
    return math.exp(rng.uniform(math.log(3.0), math.log(3 * HOUR_S)))


def _crash_of(rng: random.Random, node: str) -> Fault:
    return Crash(node, is_power_cut=rng.random() < 0.5, down_s=_lasting_s(rng) / 10)


def _disk_full_of(rng: random.Random, node: str) -> Fault:
    return DiskFull(node, _lasting_s(rng))


def _failing_syncs_of(rng: random.Random, node: str) -> Fault:
    return FailingSyncs(node, rng.choice((1, 2, 5, 10**6)), _lasting_s(rng))


def _slow_disk_of(rng: random.Random, node: str) -> Fault:
    return SlowDisk(node, rng.uniform(0.05, 3.0), _lasting_s(rng))


def _clock_step_of(rng: random.Random, node: str) -> Fault:
    return ClockStep(node, rng.uniform(-2 * HOUR_S, 2 * HOUR_S), _lasting_s(rng))


def _link_of(rng: random.Random, machines: Sequence[str]) -> Fault:
    return LinkDown(rng.choice(machines), _lasting_s(rng))


def _partition_of(rng: random.Random, node: str, machines: Sequence[str]) -> Fault:
    return Partition((node,), tuple(rng.sample(machines, 2)), _lasting_s(rng))


def _names_out(rng: random.Random) -> Fault:
    return NamesOut(rng.choice((DnsFault.SERVFAIL, DnsFault.DROP)), _lasting_s(rng))
