"""How our resolver asks: servers in turn, forgers passed over, answers kept, questions shared."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from tests.support.memory_net import MemoryNetwork

from mailrail.dns import DnsResolver, DnsSettings, ResolverDownError, ResolversBack, ResolversSilent
from mailrail.model import DnsError, NetError, NetTrouble
from mailrail.net import Endpoint
from mailrail.observe import Bus, Event
from mailrail.sim import DnsFault, Records, Zone, ZoneService, seeded, simulate

ONE, TWO = Endpoint("127.0.0.1", 53), Endpoint("192.0.2.53", 53)
HERE = {"here.example": ["A 192.0.2.1"]}


@dataclass
class World:
    """Zones at their endpoints, a resolver that asks them, and what it told."""

    zones: dict[Endpoint, Zone]
    settings: dict[str, Any] = field(default_factory=dict)
    network: MemoryNetwork = field(default_factory=MemoryNetwork)
    events: list[Event] = field(default_factory=list)

    def run(self, main: Callable[[DnsResolver], Awaitable[None]]) -> float:
        """Run *main* and return how long it took in virtual seconds; nothing may stay open."""

        async def whole() -> float:
            for endpoint, zone in self.zones.items():
                ZoneService(self.network, zone, endpoint)
            bus = Bus()
            bus.listen(self.events.append)
            settings = DnsSettings(**{"servers": tuple(map(str, self.zones))} | self.settings)
            await main(DnsResolver(self.network, settings, seeded(), bus))
            assert set(self.network.sockets) == set(self.zones)
            return asyncio.get_running_loop().time()

        return simulate(whole())


def one(records: Records = HERE, **settings: Any) -> tuple[World, Zone]:
    zone = Zone(records)
    return World({ONE: zone}, settings), zone


def two(**settings: Any) -> tuple[World, Zone, Zone]:
    first, second = Zone(HERE), Zone(HERE)
    return World({ONE: first, TWO: second}, settings), first, second


async def finds(resolver: DnsResolver, name: str = "here.example") -> None:
    assert (await resolver.a(name)).records == (IPv4Address("192.0.2.1"),)


async def fails(resolver: DnsResolver, name: str = "here.example") -> DnsError:
    with pytest.raises(DnsError) as caught:
        await resolver.a(name)
    assert caught.value.try_again
    return caught.value


# --- servers in turn


@pytest.mark.parametrize(
    "fault", [DnsFault.SERVFAIL, DnsFault.REFUSED, DnsFault.FORMERR, DnsFault.GARBAGE, DnsFault.LAME]
)
def test_a52_a_server_that_tells_its_trouble_is_passed_over_at_once(fault: DnsFault) -> None:
    world, first, second = two()
    first.fail("*", fault)
    assert world.run(finds) == 0
    assert (first.asked.total(), second.asked.total()) == (1, 1)


@pytest.mark.parametrize(
    "fault", [DnsFault.SERVFAIL, DnsFault.REFUSED, DnsFault.FORMERR, DnsFault.GARBAGE, DnsFault.LAME]
)
def test_a52_the_same_trouble_of_every_server_is_the_names_trouble(fault: DnsFault) -> None:
    world, first, second = two()
    first.fail("here.example", fault)
    second.fail("here.example", fault)

    async def main(resolver: DnsResolver) -> None:
        assert not isinstance(await fails(resolver), ResolverDownError)

    world.run(main)
    assert (first.asked.total(), second.asked.total()) == (1, 1)


@pytest.mark.parametrize(
    "fault", [DnsFault.DROP, DnsFault.WRONG_ID, DnsFault.WRONG_QUESTION, DnsFault.NO_TCP]
)
def test_a52_a_silent_server_costs_one_try_and_is_then_asked_last(fault: DnsFault) -> None:
    world, first, second = two(timeout_s=2)
    first.fail("*", fault)

    async def main(resolver: DnsResolver) -> None:
        await finds(resolver)
        second.add({"there.example": ["A 192.0.2.1"]})
        await finds(resolver, "there.example")

    assert world.run(main) == (0 if fault is DnsFault.NO_TCP else 2)
    assert first.asked["there.example", "A"] == 0
    assert second.asked.total() == 2


def test_a_lost_datagram_is_asked_for_again() -> None:
    world, zone = one(timeout_s=2)
    zone.fail("here.example", DnsFault.DROP, times=2)
    assert world.run(finds) == 4
    assert zone.asked.total() == 3


def test_a52_a_dead_zone_is_told_from_a_dead_resolver_by_asking_for_the_root() -> None:
    world, zone = one(timeout_s=2, tries=2)
    zone.fail("here.example", DnsFault.DROP)

    async def main(resolver: DnsResolver) -> None:
        assert not isinstance(await fails(resolver), ResolverDownError)

    assert world.run(main) == 4
    assert zone.asked[".", "NS"] == 1
    assert world.events == []


def test_a52_the_death_and_return_of_all_resolvers_is_told_once_each() -> None:
    world, first, second = two(timeout_s=1)

    async def main(resolver: DnsResolver) -> None:
        first.fail("*", DnsFault.DROP)
        second.fail("*", DnsFault.DROP)
        for name in ("a.example", "b.example"):
            assert isinstance(await fails(resolver, name), ResolverDownError)
        second.mend("*")
        await finds(resolver)

    world.run(main)
    assert [type(event) for event in world.events] == [ResolversSilent, ResolversBack]
    assert world.events[0] == ResolversSilent(servers=(str(ONE), str(TWO)))


def test_a52_many_look_ups_share_one_probe_of_dead_resolvers() -> None:
    world, zone = one(timeout_s=1, tries=1)
    zone.fail("*", DnsFault.DROP)

    async def main(resolver: DnsResolver) -> None:
        await asyncio.gather(*(fails(resolver, f"h{n}.example") for n in range(50)))

    world.run(main)
    assert zone.asked.total() == 51


def test_the_deadline_ends_all_tries() -> None:
    world, zone = one(timeout_s=2, tries=10, deadline_s=5)
    zone.fail("here.example", DnsFault.DROP)

    async def main(resolver: DnsResolver) -> None:
        await fails(resolver)

    assert world.run(main) == 5


def test_running_out_of_sockets_is_our_own_trouble() -> None:
    world, _ = one()

    async def main(resolver: DnsResolver) -> None:
        def exhausted(*_: object, **__: object) -> Any:
            raise NetError(NetTrouble.EXHAUSTED, "too many open files")

        world.network.datagrams = exhausted  # type: ignore[method-assign]
        assert isinstance(await fails(resolver), ResolverDownError)

    world.run(main)


def test_servers_are_asked_over_ipv6_too() -> None:
    world = World({Endpoint("2001:db8::53", 53): Zone(HERE)})
    world.run(finds)


def test_without_servers_the_systems_are_asked(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\n")
    world, zone = one(servers=(), resolv_conf=str(file))
    world.run(finds)
    assert zone.asked.total() == 1


# --- forgers


class Forged(Zone):
    """Before the server replies, forgers throw *forgeries* at every open socket."""

    def __init__(
        self, network: MemoryNetwork, forgeries: Callable[[bytes], list[tuple[bytes, Endpoint]]]
    ) -> None:
        super().__init__(HERE)
        self._network = network
        self._forgeries = forgeries

    def respond(self, query: bytes, *, by_tcp: bool = False) -> tuple[float, bytes | None]:
        for data, sender in self._forgeries(query):
            for socket in list(self._network.sockets.values()):
                if socket.endpoint.port != 53:
                    socket.take(data, sender)
        return super().respond(query, by_tcp=by_tcp)


def test_a52_what_no_server_of_ours_said_is_passed_over() -> None:
    lies = Zone({"here.example": ["A 203.0.113.66"]})

    def forgeries(query: bytes) -> list[tuple[bytes, Endpoint]]:
        _, lie = lies.respond(query)
        assert lie is not None
        wrong_id = bytes((lie[0] ^ 0x80, lie[1])) + lie[2:]
        wrong_name = lie.replace(b"\x04here", b"\x04lair")
        return [
            (lie, Endpoint("203.0.113.1", 53)),
            (lie, Endpoint(ONE.host, 5353)),
            (wrong_id, ONE),
            (wrong_name, ONE),
            (query, ONE),
            (lie[:11], ONE),
            (b"", ONE),
        ]

    world = World({})
    zone = Forged(world.network, forgeries)
    world.zones[ONE] = zone
    world.run(finds)
    assert zone.asked.total() == 1


def test_every_try_has_an_id_and_a_port_of_its_own() -> None:
    ids: list[bytes] = []
    ports: set[int] = set()
    world = World({}, {"cache_size": 0})

    def note(query: bytes) -> list[tuple[bytes, Endpoint]]:
        ids.append(query[:2])
        ports.update(endpoint.port for endpoint in world.network.sockets)
        return []

    world.zones[ONE] = Forged(world.network, note)

    async def main(resolver: DnsResolver) -> None:
        for _ in range(20):
            await finds(resolver)

    world.run(main)
    assert len(set(ids)) == 20
    assert len(ports - {53}) == 20


# --- truncation


def test_a52_a_reply_that_was_cut_is_fetched_whole_by_tcp() -> None:
    world, zone = one({"big.example": [f'TXT "{n} {"x" * 200}"' for n in range(20)]})

    async def main(resolver: DnsResolver) -> None:
        assert len((await resolver.txt("big.example")).records) == 20

    world.run(main)
    assert zone.asked_by_tcp["big.example", "TXT"] == 1


def test_a52_a_huge_answer_is_used_but_not_kept() -> None:
    world, zone = one({"big.example": [f'TXT "{n} {"x" * 200}"' for n in range(20)]})

    async def main(resolver: DnsResolver) -> None:
        await resolver.txt("big.example")
        await resolver.txt("big.example")

    world.run(main)
    assert zone.asked_by_tcp["big.example", "TXT"] == 2


def test_a52_an_answer_of_too_many_records_is_refused() -> None:
    world, _ = one({"big.example": [f"A 10.0.{n >> 8}.{n & 255}" for n in range(600)]})

    async def main(resolver: DnsResolver) -> None:
        assert "too many records" in str(await fails(resolver, "big.example"))

    world.run(main)


# --- the cache


def test_an_answer_is_kept_for_its_ttl_and_tells_what_is_left() -> None:
    world, zone = one()

    async def main(resolver: DnsResolver) -> None:
        await finds(resolver)
        await asyncio.sleep(299)
        assert (await resolver.a("here.example")).ttl_s == 1
        assert zone.asked.total() == 1
        await asyncio.sleep(2)
        await finds(resolver)
        assert zone.asked.total() == 2

    world.run(main)


def test_no_such_name_is_kept_for_the_soas_minimum() -> None:
    world, zone = one()

    async def main(resolver: DnsResolver) -> None:
        assert (await resolver.a("nowhere.example")).ttl_s == zone.negative_ttl_s
        await asyncio.sleep(59)
        await resolver.a("nowhere.example")
        assert zone.asked.total() == 1
        await asyncio.sleep(2)
        await resolver.a("nowhere.example")
        assert zone.asked.total() == 2

    world.run(main)


def test_what_must_not_be_kept_is_kept_for_the_least_time_only() -> None:
    world, zone = one(min_ttl_s=0)
    zone.fail("here.example", DnsFault.NO_SOA)

    async def main(resolver: DnsResolver) -> None:
        for _ in range(2):
            answer = await resolver.a("here.example")
            assert (answer.records, answer.name_exists, answer.ttl_s) == ((), True, 0)

    world.run(main)
    assert zone.asked.total() == 2


def test_ttls_are_bounded_both_ways() -> None:
    world, _ = one(
        "long.example. 9999999 A 192.0.2.1\nshort.example. 0 A 192.0.2.1\n",
        min_ttl_s=5,
        max_ttl_s=100,
        max_negative_ttl_s=7,
    )

    async def main(resolver: DnsResolver) -> None:
        assert (await resolver.a("long.example")).ttl_s == 100
        assert (await resolver.a("short.example")).ttl_s == 5
        assert (await resolver.a("none.example")).ttl_s == 7

    world.run(main)


def test_the_least_recently_used_answer_is_forgotten_first() -> None:
    world, zone = one({f"h{n}.example": ["A 192.0.2.1"] for n in range(3)}, cache_size=2)

    async def main(resolver: DnsResolver) -> None:
        for n in (0, 1, 0, 2, 0, 1):
            await finds(resolver, f"h{n}.example")

    world.run(main)
    assert {name: count for (name, _), count in zone.asked.items()} == {
        "h0.example": 1,
        "h1.example": 2,
        "h2.example": 1,
    }


def test_trouble_is_not_kept() -> None:
    world, zone = one()
    zone.fail("here.example", DnsFault.SERVFAIL, times=1)

    async def main(resolver: DnsResolver) -> None:
        await fails(resolver)
        await finds(resolver)

    world.run(main)


# --- sharing


def test_equal_questions_in_flight_are_asked_once() -> None:
    world, zone = one()
    zone.delay_s["*"] = 1

    async def main(resolver: DnsResolver) -> None:
        await asyncio.gather(*(finds(resolver) for _ in range(10)))

    assert world.run(main) == 1
    assert zone.asked.total() == 1


def test_equal_questions_share_a_failure() -> None:
    world, zone = one()
    zone.fail("here.example", DnsFault.SERVFAIL)
    zone.delay_s["*"] = 1

    async def main(resolver: DnsResolver) -> None:
        await asyncio.gather(*(fails(resolver) for _ in range(10)))

    world.run(main)
    assert zone.asked.total() == 1


@pytest.mark.parametrize("given_up", [0, 1, 2])
def test_whoever_gives_up_leaves_the_others_their_answer(given_up: int) -> None:
    world, zone = one()
    zone.delay_s["*"] = 1

    async def main(resolver: DnsResolver) -> None:
        tasks = [asyncio.create_task(finds(resolver)) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[given_up].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [
            n == given_up for n in range(3)
        ]

    world.run(main)
    assert zone.asked.total() == (2 if given_up == 0 else 1)


def test_when_everybody_gives_up_nothing_stays_open() -> None:
    world, zone = one()
    zone.fail("*", DnsFault.TRUNCATE)
    zone.delay_s["*"] = 1

    async def main(resolver: DnsResolver) -> None:
        for moment in (0.0, 0.5, 1.0, 1.5):
            task = asyncio.create_task(finds(resolver))
            await asyncio.sleep(moment)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    world.run(main)


def test_questions_in_flight_are_bounded_and_the_rest_wait() -> None:
    world = World({}, {"max_in_flight": 4})
    most = 0

    def note(_: bytes) -> list[tuple[bytes, Endpoint]]:
        nonlocal most
        most = max(most, len(world.network.sockets) - 1)
        return []

    zone = world.zones[ONE] = Forged(world.network, note)
    zone.add({f"h{n}.example": ["A 192.0.2.1"] for n in range(20)})
    zone.delay_s["*"] = 0.1

    async def main(resolver: DnsResolver) -> None:
        await asyncio.gather(*(finds(resolver, f"h{n}.example") for n in range(20)))

    assert world.run(main) == pytest.approx(0.5)
    assert most == 4


# --- chains, words and trust


def test_a_chain_is_followed_across_replies() -> None:
    class Stingy(Zone):
        """Gives one CNAME at a time and leaves the rest to the asker."""

        def _fill(self, reply: Any, name: Any, kind: Any) -> None:
            super()._fill(reply, name, kind)
            if len(reply.answer) > 1:
                del reply.answer[1:]
            if len(reply.answer) == 1:
                reply.authority.clear()

    zone = Stingy(
        {"a.example": ["CNAME b.example."], "b.example": ["CNAME c.example."], "c.example": ["A 192.0.2.1"]}
    )
    zone.add({"x.example": ["CNAME y.example."], "y.example": ["CNAME x.example."]})
    world = World({ONE: zone})

    async def main(resolver: DnsResolver) -> None:
        answer = await resolver.a("a.example")
        assert (answer.records, answer.canonical_name) == ((IPv4Address("192.0.2.1"),), "c.example")
        assert "CNAME" in str(await fails(resolver, "x.example"))

    world.run(main)


@pytest.mark.parametrize(
    ("server", "trust", "believed"),
    [(ONE, "loopback", True), (TWO, "loopback", False), (TWO, "always", True), (ONE, "never", False)],
)
def test_the_word_authentic_is_taken_only_from_whom_we_trust(
    server: Endpoint, trust: str, believed: bool
) -> None:
    zone = Zone(HERE)
    zone.authentic.add("here.example")
    world = World({server: zone}, {"trust_ad": trust})

    async def main(resolver: DnsResolver) -> None:
        assert (await resolver.a("here.example")).authentic is believed

    world.run(main)


@pytest.mark.parametrize(
    "name", ["", "a..example", f"{'x' * 64}.example", ".".join(["x" * 60] * 5), "bücher.example"]
)
def test_a_name_that_cannot_be_asked_for_does_not_exist(name: str) -> None:
    world, zone = one()

    async def main(resolver: DnsResolver) -> None:
        answer = await resolver.mx(name)
        assert (answer.records, answer.name_exists) == ((), False)

    world.run(main)
    assert zone.asked.total() == 0


def test_names_kept_out_of_the_dns_are_not_asked_for() -> None:
    world, zone = one()

    async def main(resolver: DnsResolver) -> None:
        assert (await resolver.a("localhost")).records == (IPv4Address("127.0.0.1"),)
        assert (await resolver.aaaa("x.localhost")).records == (IPv6Address("::1"),)
        assert (await resolver.mx("localhost")).name_exists
        assert not (await resolver.a("x.invalid")).name_exists

    world.run(main)
    assert zone.asked.total() == 0


def test_a_hostile_mx_host_comes_as_printable_text() -> None:
    world, _ = one({"here.example": [r"MX 1 a\010\000\200b.example."]})

    async def main(resolver: DnsResolver) -> None:
        (record,) = (await resolver.mx("here.example")).records
        assert record.host.isascii()
        assert record.host.isprintable()

    world.run(main)
