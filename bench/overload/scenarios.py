"""What is done to the server, and what is looked at meanwhile and after.

One way for all: the crowd comes, the honest client sends for a window of time beside it, the crowd goes (or waits to be
ended by the server's deadlines), and what is left is compared with what was before.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from bench.load import forget_peak_memory, memory_mb
from bench.overload.site import Site

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One crowd.

    Attributes:
        name: for the table.
        kind: of `crowds.KINDS`.
        size, quick_size: how many.
        ready: the fact that is waited for before the window begins, for all or for one.
        last: the fact that is waited for before the crowd goes home, for all or for one.
        patience_s: how long the server may take to end what is left; 0: the crowd goes by itself.
        needs_strangers: it is about limits that loopback is exempt from.
    """

    name: str
    kind: str
    size: int
    quick_size: int
    ready: str = "there"
    is_all_ready: bool = True
    last: str = ""
    is_last_of_all: bool = False
    patience_s: float = 0.0
    needs_strangers: bool = False


# With the deadlines that nobody has changed.
DEFAULTS: Final = (
    Scenario(name="idle sessions", kind="idle", size=10_000, quick_size=500),
    Scenario(
        name="garbage as fast as it goes",
        kind="garbage",
        size=200,
        quick_size=20,
        is_all_ready=False,
        last="cut off",
    ),
    Scenario(name="commands as fast as they go", kind="floods_commands", size=200, quick_size=20),
    Scenario(
        name="connections from one address",
        kind="one_address",
        size=5000,
        quick_size=300,
        needs_strangers=True,
    ),
    Scenario(
        name="large messages at once",
        kind="large",
        size=60,
        quick_size=6,
        is_all_ready=False,
        last="ended",
        is_last_of_all=True,
    ),
    Scenario(name="idle sessions again", kind="idle", size=10_000, quick_size=500),
)
# With short deadlines, to see them kept.
DEADLINES: Final = (
    Scenario(name="a byte a second written", kind="slow_writer", size=300, quick_size=20, patience_s=60),
    Scenario(name="a byte a second read", kind="slow_reader", size=300, quick_size=20, patience_s=60),
    Scenario(name="no answer ever read", kind="never_reads", size=300, quick_size=20, patience_s=60),
    Scenario(name="half-open", kind="half_open", size=300, quick_size=20, ready="vanished", patience_s=60),
    Scenario(
        name="a byte a second of a message",
        kind="slow_data",
        size=300,
        quick_size=20,
        ready="in data",
        patience_s=120,
    ),
)
TIMEOUTS: Final = {"command_s": 20, "data_s": 10, "session_s": 30, "write_s": 10}
QUICK_TIMEOUTS: Final = {"command_s": 3, "data_s": 3, "session_s": 10, "write_s": 2}


@dataclass(slots=True)
class Measured:
    """What a scenario came to."""

    name: str
    size: int
    figures: Figures = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)


def alone(site: Site, seconds: float) -> Measured:
    """Measure the honest client with nobody beside it."""
    with site.honest() as client:
        cpu_s = site.daemon.cpu_s()
        window = client.window(seconds)
        share = (site.daemon.cpu_s() - cpu_s) / window.seconds
    return Measured("nobody else", 0, {**window.figures(), "server CPU": round(share, 2)})


def measure(site: Site, scenario: Scenario, *, size: int, seconds: float, patience_s: float) -> Measured:
    """Run one scenario.

    Args:
        size: of the crowd.
        seconds: of the honest client's window.
        patience_s: wait so long for the server to end the crowd; 0 sends it home.
    """
    daemon = site.daemon
    level = site.settle(30)
    forget_peak_memory(daemon.pid)
    measured = Measured(scenario.name, size)
    started = time.perf_counter()
    with site.honest() as client, site.crowd(scenario.kind, size) as crowd:
        crowd.wait_for(scenario.ready, size if scenario.is_all_ready else 1)
        came_s = time.perf_counter() - started
        cpu_s = daemon.cpu_s()
        window = client.window(seconds)
        share = (daemon.cpu_s() - cpu_s) / window.seconds
        during = daemon.usage()
        if scenario.last:
            crowd.wait_for(scenario.last, size if scenario.is_last_of_all else 1, 120)
        ended_s = _wait_for_end(site, started, patience_s) if patience_s else 0.0
        measured.facts = crowd.facts()
    if scenario.kind == "large":
        site.expected |= {f"large-{number}" for number in range(size)}
    after = site.settle(30)
    missing, twice = site.missing_and_twice()
    measured.figures = {
        **window.figures(),
        "server CPU": round(share, 2),
        "came in s": round(came_s, 2),
        "ended by the server after s": round(ended_s, 1),
        "memory before MB": round(level.memory_mb, 1),
        "memory peak MB": round(memory_mb(daemon.pid, "VmHWM"), 1),
        "memory after MB": round(after.memory_mb, 1),
        "sessions": during.sessions,
        "sessions after": after.sessions,
        "descriptors before": level.descriptors,
        "descriptors": during.descriptors,
        "descriptors after": after.descriptors,
        "CPU at rest after": _cpu_at_rest(site, min(1.0, seconds / 3)),
        "promised and missing": missing,
        "arrived twice": twice,
    }
    return measured


def _wait_for_end(site: Site, started: float, patience_s: float) -> float:
    """Wait until the server has ended all but the honest client's session; return the seconds since the start."""
    deadline = time.monotonic() + patience_s
    while site.daemon.usage().sessions > 1 and time.monotonic() < deadline:
        time.sleep(0.5)
    return time.perf_counter() - started


def _cpu_at_rest(site: Site, seconds: float) -> float:
    before = site.daemon.cpu_s()
    time.sleep(seconds)
    return round((site.daemon.cpu_s() - before) / seconds, 2)
