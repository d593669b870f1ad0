"""Floor 5 · sim — mailrail in a make-believe world: its own time, network and names, from a seed.

    async def main() -> None:
        internet = Internet(seeded("network 7"), Link(latency_s=0.02, jitter_s=0.01))
        mx1 = internet.machine("mx1", "192.0.2.1")
        ...

    simulate(main(), seed=7)

Production modules run in here unchanged: they are handed a `Machine` for a network, a `Mount` of a `SimDisk`, a `SimClock` and a seeded
source of chance, and the running loop is a `SimLoop`. How it works, and what it cannot show: docs/explanation/simulation.md.

This door has the parts that need no daemon, cheap to import. Whole fleets have doors of their own: `sim.fleet`, `sim.mixed`.
"""

from mailrail.sim.clock import START_US, SimClock, seeded
from mailrail.sim.connection import SimConnection
from mailrail.sim.disk import SimDisk
from mailrail.sim.internet import Internet
from mailrail.sim.life import Life
from mailrail.sim.link import Link
from mailrail.sim.loop import DeadlockError, SimLoop, simulate
from mailrail.sim.machine import Machine
from mailrail.sim.mount import Mount
from mailrail.sim.names import DnsFault, Records, Zone, ZoneService

__all__ = [
    "START_US",
    "DeadlockError",
    "DnsFault",
    "Internet",
    "Life",
    "Link",
    "Machine",
    "Mount",
    "Records",
    "SimClock",
    "SimConnection",
    "SimDisk",
    "SimLoop",
    "Zone",
    "ZoneService",
    "seeded",
    "simulate",
]
