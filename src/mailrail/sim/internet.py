"""Floor 5 · sim — all machines of one make-believe world, and the links between them.

    internet = Internet(seeded("network 7"), Link(latency_s=0.02, jitter_s=0.01))
    mx1 = internet.machine("mx1", "192.0.2.1", "2001:db8::1")     # a net.Network of its own
    internet.sever({"mx1"}, {"ns"})                                # until `mend`: packets vanish

What is wrong with an endpoint (`refuse`, `black_hole`, `delay`, `drop_after`) holds for new connections and for
datagrams; what is wrong with a link or a machine, for all.
"""

import random
from collections import Counter
from collections.abc import Iterable
from contextvars import Context
from dataclasses import replace
from typing import Final

from mailrail.net import Endpoint
from mailrail.sim.clock import seeded
from mailrail.sim.connection import SimConnection
from mailrail.sim.link import PERFECT, Link, Trouble, Wire
from mailrail.sim.machine import Machine

LOOPBACK: Final = ("127.", "::1")


class Internet:
    """Who is where, and what passes between them.

    Args:
        rng: draws jitter, losses and cuts.
        link: the link between two machines that have none of their own.
    """

    def __init__(self, rng: random.Random | None = None, link: Link = PERFECT) -> None:
        self._rng = rng or seeded()
        self._link = link
        self._links: dict[frozenset[str], Link] = {}
        self._machines: dict[str, Machine] = {}
        self._at: dict[str, Machine] = {}
        self._troubles: dict[Endpoint, Trouble] = {}
        self._severed: Counter[frozenset[str]] = Counter()  # by how many partitions
        self._unplugged: Counter[str] = Counter()
        self._stranded: dict[SimConnection, None] = {}  # in order
        self.system = Context()

    def machine(self, name: str, *addresses: str) -> Machine:
        """Put a machine into the world.

        Args:
            addresses: its own, beside loopback; none: every address is its own, in a world without others.
        """
        assert name not in self._machines
        machine = self._machines[name] = Machine(self, name, addresses)
        for address in addresses:
            assert address not in self._at, f"{address} is taken"
            self._at[address] = machine
        return machine

    # -- knobs -----------------------------------------------------------------------------------

    def connect(self, one: str, other: str, link: Link) -> None:
        """Let *link* be what lies between two machines."""
        self._links[frozenset((one, other))] = link

    def sever(self, these: Iterable[str], those: Iterable[str]) -> None:
        """Let no packet pass between any of *these* and any of *those*; nobody is told."""
        self._severed.update(_pairs(these, those))

    def rejoin(self, these: Iterable[str], those: Iterable[str]) -> None:
        """Take one `sever` back; what TCP still repeats arrives."""
        self._severed -= Counter(_pairs(these, those))
        self.thaw()

    def unplug(self, name: str) -> None:
        """Take the machine off the network; it goes on by itself."""
        self._unplugged[name] += 1

    def plug(self, name: str) -> None:
        """Take one `unplug` back."""
        self._unplugged -= Counter((name,))
        self.thaw()

    def mend(self) -> None:
        """Take every `sever` and `unplug` back."""
        self._severed.clear()
        self._unplugged.clear()
        self.thaw()

    def cut(self, one: str, other: str) -> None:
        """Reset the connections between two machines."""
        for end in tuple(self._machines[one].connections):
            if self.owner(self._machines[one], end.peer.host) is self._machines[other]:
                end.cut()

    def refuse(self, endpoint: Endpoint) -> None:
        """Refuse every connection to *endpoint* from now on."""
        self._spoil(endpoint, refused=True)

    def black_hole(self, endpoint: Endpoint) -> None:
        """Never answer a connect or a datagram to *endpoint*."""
        self._spoil(endpoint, black_hole=True)

    def delay(self, endpoint: Endpoint, seconds: float) -> None:
        """Let everything to and from *endpoint* take so much longer one way."""
        self._spoil(endpoint, delay_s=seconds)

    def drop_after(self, endpoint: Endpoint, count: int) -> None:
        """Reset each new connection to *endpoint* after *count* bytes, both directions together."""
        self._spoil(endpoint, drop_after_bytes=count)

    def heal(self, endpoint: Endpoint) -> None:
        """Take what was ordered for *endpoint* back."""
        self._troubles.pop(endpoint, None)

    def _spoil(self, endpoint: Endpoint, **change: float | None) -> None:
        self._troubles[endpoint] = replace(self.trouble(endpoint), **change)  # type: ignore[arg-type]

    # -- what machines ask -----------------------------------------------------------------------

    def trouble(self, endpoint: Endpoint) -> Trouble:
        """Return what is wrong with *endpoint*."""
        return self._troubles.get(endpoint, Trouble())

    def owner(self, asker: Machine, host: str) -> Machine | None:
        """Return the machine that *host* leads to, seen from *asker*."""
        if not asker.addresses or "/" in host or host.startswith(LOOPBACK) or host in asker.addresses:
            return asker
        return self._at.get(host)

    def passes(self, one: Machine, other: Machine) -> bool:
        """Tell whether packets between two machines arrive now."""
        if not (one.is_powered and other.is_powered):
            return False
        if one is other or not (self._severed or self._unplugged):
            return True
        if one.name in self._unplugged or other.name in self._unplugged:
            return False
        return frozenset((one.name, other.name)) not in self._severed

    def link(self, one: Machine, other: Machine) -> Link:
        """Return what lies between two machines."""
        if one is other:
            return PERFECT
        return self._links.get(frozenset((one.name, other.name)), self._link)

    def wire(self, one: Machine, other: Machine, to: Endpoint) -> Wire:
        """Lay the way of one new connection to *to*; chance may have it that it breaks."""
        link, trouble = self.link(one, other), self.trouble(to)
        left_bytes = trouble.drop_after_bytes
        if link.cut and self._rng.random() < link.cut:
            left_bytes = self._rng.randrange(link.cut_within_bytes)
        return Wire(link, trouble.delay_s, self._rng, lambda: self.passes(one, other), left_bytes)

    def is_lost(self, link: Link) -> bool:
        """Draw whether one datagram is lost."""
        return link.loss > 0 and self._rng.random() < link.loss

    def strand(self, end: SimConnection) -> None:
        """Remember that something for *end* waits for a way."""
        self._stranded[end] = None

    def thaw(self) -> None:
        """Send all that waits out again; what still finds no way comes back to wait."""
        stranded, self._stranded = self._stranded, {}
        for end in stranded:
            end.thaw()

    def open_ends(self) -> list[str]:
        """Return the ends of connections that are still open, for whoever wants none left."""
        return [
            f"{machine.name}: {end.local} with {end.peer}"
            for machine in self._machines.values()
            for end in machine.connections
        ]


def _pairs(these: Iterable[str], those: Iterable[str]) -> list[frozenset[str]]:
    others = tuple(those)
    return [frozenset((one, other)) for one in these for other in others]
