"""Floor 5 · sim — from the tables of strangers and faults to what they describe."""

from collections.abc import Callable
from typing import Final

from mailrail.sim import faults
from mailrail.sim.names import DnsFault
from mailrail.sim.scenario.settings import FaultSettings, StrangerSettings
from mailrail.sim.strangers import (
    BrokenTls,
    Dropper,
    Greylister,
    Liar,
    Moody,
    Place,
    Step,
    Store,
    Stranger,
    Tarpit,
    Throttler,
)

_KINDS: Final[dict[str, Callable[[Place, StrangerSettings], Stranger]]] = {
    "good": lambda place, _: Stranger(place),
    "greylister": lambda place, wanted: Greylister(
        place, opens_after_s=wanted.opens_after_s, forgets_after_s=wanted.forgets_after_s
    ),
    "throttler": lambda place, wanted: Throttler(
        place, connections=wanted.connections, per_hour=wanted.per_hour
    ),
    "dropper": lambda place, wanted: Dropper(place, share=wanted.share, kept=wanted.kept),
    "tarpit": lambda place, wanted: Tarpit(place, reply_s=wanted.reply_s, end_s=wanted.end_s),
    "broken_tls": lambda place, wanted: BrokenTls(place, breakage=wanted.breakage),
    "liar": lambda place, wanted: Liar(place, lie=wanted.lie),
    "moody": lambda place, wanted: Moody(
        place, temporary=_shares(wanted.temporary), permanent=_shares(wanted.permanent)
    ),
    "store": lambda place, wanted: Store(place, busy=wanted.busy),
}


def make_stranger(wanted: StrangerSettings, place: Place) -> Stranger:
    """Make the stranger that *wanted* describes."""
    return _KINDS[wanted.kind](place, wanted)


def make_fault(wanted: FaultSettings, node: str, far: str) -> faults.Fault:
    """Make the fault that *wanted* describes.

    Args:
        node: whom it befalls.
        far: the machine at the other end, where there is one; else the node's.
    """
    match wanted.kind:
        case "crash" | "power_cut":
            return faults.Crash(node, is_power_cut=wanted.kind == "power_cut", down_s=wanted.lasts_s)
        case "disk_full":
            return faults.DiskFull(node, wanted.lasts_s)
        case "slow_disk":
            return faults.SlowDisk(node, wanted.slow_s, wanted.lasts_s)
        case "clock_step":
            return faults.ClockStep(node, wanted.step_s, wanted.lasts_s)
        case "dns_outage":
            return faults.NamesOut(DnsFault[wanted.how.upper()], wanted.lasts_s)
        case "partition":
            return faults.Partition((node,), (far,), wanted.lasts_s)
        case "offline":
            return faults.LinkDown(far, wanted.lasts_s)


def _shares(by_name: dict[str, float]) -> dict[Step, float]:
    return {Step(name): share for name, share in by_name.items()}
