"""Floor 5 · sim — the mixed scenario: two nodes, nine strangers, clients honest and not, operators, and days of crashes and outages.

`mx` takes mail for ours.example, which is kept elsewhere, for box.example, whose store speaks LMTP, and from members, and hands
what is for *.slow.example to `out`, as to a smarthost; `out` takes mail from `mx` and from programs. All that is not
theirs goes to strangers, each of which is odd in one way. There is little mail, so that a thousand seeds can be run: what finds faults
is how much befalls it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mailrail.net import Endpoint, ServerContexts
from mailrail.sim import faults
from mailrail.sim.clock import seeded
from mailrail.sim.fleet import SMTP, Fleet
from mailrail.sim.ledger import Summary, Violation, summarise
from mailrail.sim.link import Link
from mailrail.sim.loop import simulate
from mailrail.sim.operator import Operator
from mailrail.sim.postman import Route
from mailrail.sim.secrecy import stranger_tls
from mailrail.sim.strangers import (
    Abuser,
    BrokenTls,
    Dropper,
    Greylister,
    Liar,
    Place,
    Store,
    Stranger,
    Tarpit,
    Throttler,
)
from mailrail.sim.traffic import BY_DAY, Kind, Traffic

DAY_S: Final = 86_400.0
_LINK: Final = Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6, loss=0.01, cut=0.01)
_MX, _OUT = Endpoint("192.0.2.1", SMTP), Endpoint("192.0.2.2", SMTP)
_CRASHES_A_DAY: Final = 3.0  # of each node
_HOME, _STORE = Endpoint("192.0.2.30", SMTP), Endpoint("192.0.2.38", 24)
_ABUSES_PER_HOUR: Final = 0.7
_ACT_S: Final = 4 * 3600.0  # between two acts of an operator
_MEMBERS, _PROGRAMS, _OTHERS = "10.0.0.7", "10.0.0.8", "198.51.100.7"
_ABUSER: Final = "203.0.113.66"
_ELSEWHERE: Final = {
    "good.example": 3.0,
    "grey.example": 2.0,
    "throttled.example": 1.0,
    "dropping.example": 1.0,
    "broken-tls.example": 1.0,
    "tar.slow.example": 1.0,
    "lying.slow.example": 1.0,
}


@dataclass(frozen=True, slots=True)
class Report:
    """How one seed went.

    Attributes:
        took_s: real seconds.
        timeline: what happened, line by line.
        digest: fingerprint of the timeline.
    """

    seed: int
    days: float
    summary: Summary
    violations: Sequence[Violation]
    timeline: Sequence[str]
    digest: str
    took_s: float


def run_mixed(seed: int, *, days: float = 3.0, is_told: bool = False) -> Report:
    """Run the mixed scenario from *seed*.

    Args:
        is_told: write all that nodes tell into the timeline, too; the run is the same.
    """
    began_s = time.perf_counter()
    fleet = simulate(_main(seed, days, is_told=is_told), seed)
    return Report(
        seed,
        days,
        summarise(fleet.ledger.books),
        tuple(fleet.ledger.violations),
        fleet.timeline.lines,
        fleet.timeline.digest(),
        time.perf_counter() - began_s,
    )


async def _main(seed: int, days: float, *, is_told: bool) -> Fleet:
    fleet = Fleet(seed, _LINK, is_told=is_told)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _complain(fleet, context))
    strangers = _strangers(fleet)
    _nodes(fleet)
    fleet.watch()
    plan = faults.draw(
        seeded(f"faults {seed}"), days, tuple(fleet.nodes), strangers, crashes_a_day=_CRASHES_A_DAY
    )
    faults.carry_out(plan, fleet)
    await asyncio.sleep(1)
    await _life(fleet, days * DAY_S)
    await fleet.finish()
    return fleet


def _complain(fleet: Fleet, context: dict[str, Any]) -> None:
    """Something raised where nobody catches it."""
    fleet.ledger.books.break_rule("own fault", f"{context.get('message')}: {context.get('exception')!r}")


def _nodes(fleet: Fleet) -> None:
    fleet.node(
        "mx",
        _MX.host,
        relay={"networks": ["10.0.0.0/8"]},
        domain={
            "ours.example": {"relay_to": str(_HOME)},
            "box.example": {"relay_to": str(_STORE), "lmtp": True},
        },
        route=[{"match": "*.slow.example", "next_hop": f"{_OUT.host}:{SMTP}"}],
        queue={"destination": {"dropping.example": {"connections": 1}}},
    )
    fleet.node(
        "out",
        _OUT.host,
        relay={"networks": ["10.0.0.0/8", f"{_MX.host}/32"]},
        spool={"path": "/spool", "reserve_bytes": 0, "reserve_share": 0.0, "reserve_inodes": 0},
        queue={"retry": {"first_s": 60, "longest_s": 3600, "give_up_s": "12h", "give_up_notice_s": "12h"}},
    )


def _strangers(fleet: Fleet) -> tuple[str, ...]:
    tls = stranger_tls()

    def place(name: str, tls: ServerContexts | None = None) -> Place:
        return Place(f"{name}.example", fleet.ledger, seeded(f"{name} {fleet.seed}"), tls=tls)

    fleet.stranger(Stranger(place("home", tls)), _HOME.host)
    fleet.stranger(Store(place("store")), _STORE.host, ports=(_STORE.port,))
    found = (
        fleet.stranger(Stranger(place("mail.good", tls)), "192.0.2.31", "good.example"),
        fleet.stranger(Greylister(place("mail.grey")), "192.0.2.32", "grey.example"),
        fleet.stranger(
            Throttler(place("mail.throttled"), connections=2, per_hour=30), "192.0.2.33", "throttled.example"
        ),
        # Without CHUNKING: there messages go by DATA, and under a burst the next one's envelope behind them.
        fleet.stranger(
            Dropper(replace(place("mail.dropping"), offer=("PIPELINING", "8BITMIME", "DSN"))),
            "192.0.2.34",
            "dropping.example",
        ),
        fleet.stranger(BrokenTls(place("mail.broken-tls")), "192.0.2.35", "broken-tls.example"),
        fleet.stranger(Tarpit(place("mail.tar")), "192.0.2.36", "tar.slow.example"),
        fleet.stranger(Liar(place("mail.lying")), "192.0.2.37", "lying.slow.example"),
    )
    return tuple(stranger.place.name for stranger in found)


async def _life(fleet: Fleet, until_s: float) -> None:
    """Let everybody do as they do until *until_s*, and honest clients end what they began."""
    rng = seeded(f"abuser {fleet.seed}")
    abuser = Abuser(fleet.clients("abuser", _ABUSER), (_MX, _OUT), "victim@ours.example", rng)
    async with asyncio.TaskGroup() as tasks:
        abuse = tasks.create_task(abuser.run(_ABUSES_PER_HOUR))
        for node, domain in (("mx", "good.example"), ("out", "lying.slow.example")):
            operator = Operator(
                fleet.nodes[node], fleet.ledger, seeded(f"operator {node} {fleet.seed}"), domain
            )
            tasks.create_task(operator.run(_ACT_S, until_s))
        await _traffic(fleet, until_s)
        abuse.cancel()


async def _traffic(fleet: Fleet, until_s: float) -> None:
    traffic = Traffic(fleet.ledger, seeded(f"traffic {fleet.seed}"))
    out = fleet.clients("members", _MEMBERS, _PROGRAMS)
    world = fleet.clients("others", _OTHERS)
    people = Kind(("ours.example",), _ELSEWHERE, most_recipients=3, bad_share=0.05, dsn_share=0.3)
    robots = Kind(("ours.example", "good.example"), _ELSEWHERE, bad_share=0.02, eight_bit_share=0.3)
    burst = Kind(("ours.example",), {"dropping.example": 1.0}, size_bytes=(600, 2000))
    others = Kind(
        ("good.example",),
        {"ours.example": 2.0, "box.example": 1.0},
        most_recipients=3,
        bad_share=0.05,
        null_share=0.05,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.people(people, Route(out, (("mx", _MX),), _MEMBERS), 1.6, until_s, BY_DAY))
        tasks.create_task(traffic.programs(burst, Route(out, (("mx", _MX),), _MEMBERS), 20, 40, until_s))
        tasks.create_task(traffic.people(others, Route(world, (("mx", _MX),)), 1.2, until_s, BY_DAY))
        tasks.create_task(
            traffic.programs(
                robots, Route(out, (("out", _OUT),), _PROGRAMS), 2, 100, until_s, pause_s=10_000.0
            )
        )
