"""Floor 5 · sim — runs a scenario: puts the world together that its file describes, lets it live, closes the books."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from itertools import count
from typing import Any, Final

from mailrail.config import MailrailSettings
from mailrail.sim import faults
from mailrail.sim.clock import seeded
from mailrail.sim.fleet import NAMES, Fleet
from mailrail.sim.guards import guard_stranger
from mailrail.sim.ledger import Summary, Violation, summarise
from mailrail.sim.link import Link
from mailrail.sim.loop import simulate
from mailrail.sim.machine import Machine
from mailrail.sim.postman import Route
from mailrail.sim.scenario.files import Scenario
from mailrail.sim.scenario.kinds import make_fault, make_stranger
from mailrail.sim.scenario.mapping import Mapped, bring_in
from mailrail.sim.scenario.samples import SAMPLES, Sample, Samples
from mailrail.sim.scenario.settings import AbuserSettings, ScenarioSettings, TrafficSettings
from mailrail.sim.secrecy import stranger_tls
from mailrail.sim.strangers import Abuser, Place, Stranger
from mailrail.sim.traffic import BY_DAY, Kind, Traffic

DAY_S: Final = 86_400.0
_OUTSIDE: Final = "198.51.100.7"
_EVER: Final = 2**31
Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """How a scenario went.

    Attributes:
        notes: what of the settings is not as in the real world, in words.
        unanswered: recipients that a client could not get rid of.
        timeline: what happened, line by line.
        took_s: real seconds.
    """

    name: str
    settings: ScenarioSettings
    summary: Summary
    violations: Sequence[Violation]
    samples: Sequence[Sample]
    notes: Sequence[str]
    unanswered: int
    timeline: Sequence[str]
    took_s: float


def run_scenario(scenario: Scenario, tell: Tell = lambda share: None, *, is_told: bool = False) -> Result:
    """Run *scenario*.

    Args:
        tell: called now and then with the share of the simulated time that has passed.
        is_told: write all that nodes tell into the timeline, too; the run is the same.
    """
    began_s = time.perf_counter()
    play = simulate(_main(scenario, tell, is_told=is_told), scenario.settings.seed)
    ledger = play.fleet.ledger
    return Result(
        scenario.name,
        scenario.settings,
        summarise(ledger.books),
        tuple(ledger.violations),
        tuple(play.samples.rows),
        tuple(note for mapped in play.nodes.values() for note in mapped.notes),
        play.traffic.unanswered,
        play.fleet.timeline.lines,
        time.perf_counter() - began_s,
    )


async def _main(scenario: Scenario, tell: Tell, *, is_told: bool) -> "Play":
    play = Play(scenario, is_told=is_told)
    await play.run(tell)
    return play


class Play:
    """One run; make it inside the simulated loop.

    Attributes:
        nodes: by name, as they are in this world.
        strangers: by domain; a stranger of several domains is there once for each.
    """

    def __init__(self, scenario: Scenario, *, is_told: bool) -> None:
        settings = scenario.settings
        link = settings.link
        self.settings = settings
        self.fleet = Fleet(
            settings.seed,
            Link(link.latency_s, link.jitter_s, link.rate_bytes or None, link.loss, link.cut),
            is_told=is_told,
        )
        self.samples = Samples()
        self.traffic = Traffic(self.fleet.ledger, seeded(f"traffic {settings.seed}"))
        self.nodes: dict[str, Mapped] = {}
        self.strangers: dict[str, Stranger] = {}
        self._sources: dict[str, Machine] = {}
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._complain(context))
        self._name_names()
        self._settle_strangers()
        self._start_nodes(scenario.nodes)

    def _complain(self, context: dict[str, Any]) -> None:
        """Something raised where nobody catches it."""
        words = f"{context.get('message')}: {context.get('exception')!r}"
        self.fleet.ledger.books.break_rule("own fault", words)

    # --- who is there

    def _name_names(self) -> None:
        names = self.settings.dns
        self.fleet.zone.add(names.records)
        if names.delay_s:
            self.fleet.zone.delay_s["*"] = names.delay_s

    def _settle_strangers(self) -> None:
        numbers = count(1)
        tls = stranger_tls() if any(one.tls for one in self.settings.stranger.values()) else None
        for domain, wanted in self.settings.stranger.items():
            name = wanted.name or f"mx.{domain}"
            rng = seeded(f"{domain} {self.settings.seed}")
            place = Place(name, self.fleet.ledger, rng, tls=tls if wanted.tls else None)
            stranger = make_stranger(wanted, place)
            address = wanted.address or f"203.0.113.{next(numbers)}"
            domains = (domain, *wanted.domains)
            self.fleet.stranger(stranger, address, *domains, ports=wanted.ports)
            self.strangers.update(dict.fromkeys(domains, stranger))

    def _start_nodes(self, nodes: Mapping[str, MailrailSettings]) -> None:
        for name, wanted in self.settings.node.items():
            mapped = self.nodes[name] = bring_in(nodes[name], wanted.address, NAMES)
            self.fleet.settle(name, mapped.settings, *mapped.addresses)
            for stranger in dict.fromkeys(self.strangers.values()):
                self._guard(name, mapped, stranger)

    def _guard(self, name: str, mapped: Mapped, stranger: Stranger) -> None:
        """Watch the node's limits at *stranger*, as many as destinations may lead there."""
        queue = mapped.settings.queue
        limits = [queue.limits(f"mx:{domain}") for domain, one in self.strangers.items() if one is stranger]
        hops = [one.next_hop for one in mapped.settings.route if one.next_hop]
        hops += [one.relay_to for one in mapped.settings.domain.values() if one.relay_to]
        limits += [queue.limits(f"host:{hop}") for hop in dict.fromkeys(hops)]
        loop = asyncio.get_running_loop()
        guard_stranger(self.fleet.ledger, stranger, name, mapped.addresses, limits, loop.time)

    # --- what happens

    async def run(self, tell: Tell) -> None:
        """Let it live for its days, then end everything and close the books."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self.settings.days * DAY_S
        self.fleet.watch()
        faults.carry_out(self._faults(), self.fleet)
        await asyncio.sleep(1)
        clients = [asyncio.ensure_future(self._clients(one, until_s)) for one in self.settings.traffic]
        clients += [
            asyncio.ensure_future(self._abuse(number, one)) for number, one in enumerate(self.settings.abuser)
        ]
        every_s = self.settings.days * DAY_S / SAMPLES
        while loop.time() < until_s:
            self.samples.look(self.fleet.ledger)
            tell(1 - (until_s - loop.time()) / (self.settings.days * DAY_S))
            await asyncio.sleep(min(every_s, until_s - loop.time()))
        for one in clients:
            one.cancel()
        for ended in await asyncio.gather(*clients, return_exceptions=True):
            if isinstance(ended, Exception):
                self._complain({"message": "a client ended", "exception": ended})
        self.samples.look(self.fleet.ledger)
        await self.fleet.finish()

    async def _clients(self, wanted: TrafficSettings, until_s: float) -> None:
        await asyncio.sleep(wanted.starts_s)
        kind = Kind(
            wanted.senders,
            wanted.recipients,
            size_bytes=(wanted.size_low, wanted.size_high),
            most_recipients=wanted.most_recipients,
            bad_share=wanted.bad_share,
            null_share=wanted.null_share,
            dsn_share=wanted.dsn_share,
            eight_bit_share=wanted.eight_bit_share,
        )
        route = self._route(wanted)
        if wanted.per_hour:
            shape = BY_DAY if wanted.shape == "day" else (1.0,)
            await self.traffic.people(kind, route, wanted.per_hour, until_s, shape)
        else:
            messages = wanted.messages or _EVER
            await self.traffic.programs(kind, route, wanted.clients, messages, until_s, wanted.pause_s)

    async def _abuse(self, number: int, wanted: AbuserSettings) -> None:
        nodes = [self.nodes[wanted.node]] if wanted.node else self.nodes.values()
        doors = tuple(door for node in nodes for door in node.doors)
        machine = self.fleet.clients(f"abuser {number}", f"198.18.0.{number + 1}")
        rng = seeded(f"abuser {number} {self.settings.seed}")
        await Abuser(machine, doors, wanted.recipient, rng).run(wanted.per_hour)

    def _route(self, wanted: TrafficSettings) -> Route:
        name = wanted.node or next(iter(self.nodes))
        mapped = self.nodes[name]
        door = next((one for one in mapped.doors if wanted.port in (0, one.port)), mapped.doors[0])
        source = _inside(mapped) if wanted.is_inside else _OUTSIDE
        if source not in self._sources:
            self._sources[source] = self.fleet.clients(f"clients at {source}", source)
        return Route(self._sources[source], ((name, door),), source)

    def _faults(self) -> list[tuple[float, faults.Fault]]:
        found = []
        for one in self.settings.fault:
            node = one.node or next(iter(self.nodes))
            far = self.strangers[one.domain].place.name if one.domain else node
            fault = make_fault(one, node, far)
            at_s, end_s = one.at_s, self.settings.days * DAY_S
            found.append((at_s, fault))
            while one.every_s and (at_s := at_s + one.every_s) < end_s:
                found.append((at_s, fault))
        return found


def _inside(mapped: Mapped) -> str:
    """Return an address that may relay: a host of the first network that is neither loopback nor everybody."""
    for network in mapped.settings.relay.networks:
        if not network.is_loopback:
            return _host_of(network)
    return "10.0.0.7"


def _host_of(network: IPv4Network | IPv6Network) -> str:
    offset = min(7, network.num_addresses - 1)
    return str(network.network_address + offset)
