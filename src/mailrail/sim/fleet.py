"""Floor 5 · sim — several mailrail nodes, strangers and honest clients in one world, with the books kept all the time.

Make it inside a running simulated loop; put nodes and strangers in, start, let traffic come and faults befall, then `finish`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mailrail.agents import RESERVED, Kind, all_agents
from mailrail.config import MailrailSettings
from mailrail.net import Endpoint
from mailrail.observe import Bus, Level
from mailrail.sim.clock import seeded
from mailrail.sim.guards import guard_node
from mailrail.sim.internet import Internet
from mailrail.sim.ledger import Ledger, NodeFacts, leftovers
from mailrail.sim.link import Link
from mailrail.sim.loop import SimLoop
from mailrail.sim.machine import Machine
from mailrail.sim.mailboxes import kept_in_mailboxes
from mailrail.sim.mount import Mount
from mailrail.sim.names import Zone, ZoneService
from mailrail.sim.node import Node
from mailrail.sim.strangers import Stranger
from mailrail.sim.timeline import Timeline
from mailrail.spool import open_spool

SMTP: Final = 25
NAMES: Final = Endpoint("192.0.2.53", 53)
_LOOK_S: Final = 120.0
_TTL_S: Final = 3600
_GOODBYES_S: Final = 1800.0  # the longest that a connection takes to end when nobody is faulty any more


class Fleet:
    """Everything in one world; a `faults.Stage`.

    Args:
        link: between any two machines.
        is_told: write all that nodes tell into the timeline, too.

    Attributes:
        timeline: what happened.
        ledger: the books.
    """

    def __init__(self, seed: int | str, link: Link, *, is_told: bool) -> None:
        self.seed = seed
        self.internet = Internet(seeded(f"internet {seed}"), link)
        self.zone = Zone({})
        self.zone.ttl_s, self.zone.negative_ttl_s = _TTL_S, _TTL_S // 2
        self.nodes: dict[str, Node] = {}
        self.ledger = Ledger()
        self.timeline = Timeline()
        self._is_told = is_told
        self._watch: asyncio.TimerHandle | None = None
        ZoneService(self.internet.machine("names", NAMES.host), self.zone, NAMES)

    # -- who is there ----------------------------------------------------------------------------

    def node(self, name: str, address: str, **settings: Any) -> Node:
        """Put a mailrail into the world, and start it.

        Args:
            settings: tables of its settings file.
        """
        listeners = {"listener": [{"address": f"{address}:{SMTP}"}], "spool": {"path": "/spool"}}
        # OpenSSL reads keys from the real disk only, and draws them from its own chance.
        # No other programs are on these machines, so that nothing is handed in there.
        quiet = {"tls": {"self_signed": False}, "srs": {"rewrite": False}, "maildrop": {"access": "nobody"}}
        names = {"hostname": f"{name}.sim.example", "dns": {"servers": [str(NAMES)]}}
        checked = MailrailSettings.model_validate({**names, **listeners, **quiet, **settings})
        node = self.settle(name, checked, address)
        words = f"connections of {name} to one host"
        self.ledger.bound(words, checked.queue.window.most, lambda: _busiest(node.machine))
        return node

    def settle(self, name: str, settings: MailrailSettings, *addresses: str) -> Node:
        """Put a mailrail with *settings*, made for this world, on a machine with *addresses*, and start it."""
        machine = self.internet.machine(name, *addresses)
        self.zone.add({settings.hostname: [f"A {one}" for one in addresses if ":" not in one]})

        def on_start(bus: Bus) -> None:
            self.ledger.listen(name, bus)
            if self._is_told:
                bus.listen(self.timeline.hears(name), level=Level.INFO)

        node = Node(name, settings, machine, seed=self.seed, on_start=on_start, say=self.say)
        self.ledger.enrol(
            NodeFacts(
                name, frozenset(addresses), settings.queue, node.clock.now_us, frozenset(_traceless(settings))
            )
        )
        self.ledger.bound(
            f"connections of {name}", _most_connections(settings), lambda: len(machine.connections)
        )
        guard_node(self.ledger, name, settings, lambda: node.daemon)
        self.nodes[name] = node
        node.start()
        return node

    def stranger(
        self, stranger: Stranger, address: str, *domains: str, ports: Iterable[int] = (SMTP,)
    ) -> Stranger:
        """Put *stranger* on a machine of its own, as the mail server of *domains*."""
        name = stranger.place.name
        machine = self.internet.machine(name, address)
        for port in ports:
            stranger.listen(machine, Endpoint(address, port))
        self.zone.add({name: (f"A {address}",)})
        self.zone.add({domain: (f"MX 10 {name}",) for domain in domains if domain != name})
        return stranger

    def clients(self, name: str, *addresses: str) -> Machine:
        """Put a machine into the world that only connects."""
        return self.internet.machine(name, *addresses)

    # -- what happens ----------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """Write something into the timeline."""
        self.timeline.say(words)

    def crashed(self, node: Node) -> None:
        """Know that *node* is about to die."""
        self.ledger.crashed(node.name)

    def watch(self) -> None:
        """Check all limits, from now on every two minutes."""
        self.ledger.look()
        self._watch = asyncio.get_running_loop().call_later(_LOOK_S, self.watch)

    # -- the end ---------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Stop all nodes in good order, and hold what their spools keep against the books."""
        if self._watch is not None:
            self._watch.cancel()
        for node in self.nodes.values():
            await node.stop()
        await asyncio.sleep(_GOODBYES_S)
        for node in self.nodes.values():
            for fault in node.faults:
                self.ledger.books.break_rule("own fault", f"{node.name} ended by itself: {fault!r}")
        self._check_nothing_is_left()
        for node in self.nodes.values():
            for handover, content in kept_in_mailboxes(node):
                self.ledger.took(handover, content)
        self.ledger.close([one for node in self.nodes.values() for one in await _kept(node)])

    def _check_nothing_is_left(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        for words in loop.tasks_left():
            self.ledger.books.break_rule("left", f"a task is left at the end: {words}")
        for end in self.internet.open_ends():
            self.ledger.books.break_rule("left", f"a connection is left at the end: {end}")


def _traceless(settings: MailrailSettings) -> Iterator[str]:
    """Yield the destinations of agents that have no mailbox."""
    for name, agent in all_agents(settings.agent).items():
        if agent.kind not in (Kind.MAILDIR, Kind.MBOX):
            yield f"agent:{name}"
    yield from (f"agent:{name}" for name in RESERVED)


def _most_connections(settings: MailrailSettings) -> int:
    """Return how many connections a node may ever have, those that come and those that go."""
    return 2 * settings.limits.connections


def _busiest(machine: Machine) -> int:
    """Return how many connections *machine* has with the mail server that it has most with."""
    hosts = Counter(end.peer for end in machine.connections if end.peer.port == SMTP)
    return max(hosts.values(), default=0)


async def _kept(node: Node) -> list[Any]:
    """Read what the spool of *node*, which has ended, still keeps."""
    spool = await open_spool(node.settings.spool, node.clock, Bus(), disk=Mount(node.disk))
    try:
        return await leftovers(spool, node.clock.now_us())
    finally:
        await spool.close()
