"""What every Resolver promises (dns/api.py): the same suite for ours and for the fake.

Ours runs against a Zone in memory; once more over real sockets, marked e2e.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from tests.support.dnsserver import DnsServer
from tests.support.fake_resolver import FakeResolver
from tests.support.memory_net import MemoryNetwork

from mailrail.dns import DnsResolver, DnsSettings, Mx, Resolver, ResolverDownError
from mailrail.model import DnsError
from mailrail.net import Endpoint, SocketNetwork
from mailrail.sim import DnsFault, Zone, ZoneService, seeded, simulate

SERVER = Endpoint("127.0.0.1", 53)
RECORDS = {
    "example.org": ["MX 20 b.example.org.", "MX 10 A.Example.ORG.", 'TXT "two " "parts"', 'TXT "other"'],
    "a.example.org": ["A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1"],
    "null.example": ["MX 0 ."],
    "alias.example": ["CNAME middle.example."],
    "middle.example": ["CNAME example.org."],
    "dangling.example": ["CNAME nowhere.example."],
    "bare.example": ["CNAME a.example.org."],
    "loop.example": ["CNAME pool.example."],
    "pool.example": ["CNAME loop.example."],
    "broken.example": ["A 192.0.2.3"],
    "signed.example": ["A 192.0.2.4"],
    "below.parent.example": ["A 192.0.2.5"],
    "1.2.0.192.in-addr.arpa": ["PTR A.example.org."],
    "2.2.0.192.in-addr.arpa": [r"PTR evil\010\013x.example.", "PTR good.example."],
    f"{IPv6Address('2001:db8::1').reverse_pointer}": ["PTR a.example.org."],
} | {f"c{n}.example": [f"CNAME c{n + 1}.example."] for n in range(12)}


@dataclass
class Case:
    """One implementation, and how to spoil it."""

    make: Callable[[], Resolver]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    silence: Callable[[], None]


def _memory() -> Iterator[Case]:
    zone = Zone(RECORDS)
    zone.authentic.add("signed.example")
    zone.fail("broken.example", DnsFault.SERVFAIL)
    settings = DnsSettings(servers=(str(SERVER),))

    def make() -> Resolver:
        network = MemoryNetwork()
        ZoneService(network, zone, SERVER)
        return DnsResolver(network, settings, seeded())

    yield Case(make, simulate, lambda: zone.fail("*", DnsFault.DROP))


def _sockets() -> Iterator[Case]:
    with DnsServer(RECORDS) as server:
        server.zone.authentic.add("signed.example")
        server.zone.fail("broken.example", DnsFault.SERVFAIL)
        settings = DnsSettings(servers=(str(server.endpoint),), tries=1)
        in_force = [settings]

        def silence() -> None:
            server.zone.fail("*", DnsFault.DROP)
            in_force.append(settings.model_copy(update={"timeout_s": 0.2}))

        yield Case(
            lambda: DnsResolver(SocketNetwork(), in_force[-1], seeded()),
            asyncio.run,
            silence,
        )


def _fake() -> Iterator[Case]:
    resolver = FakeResolver(RECORDS, broken=["broken.example"], authentic=["signed.example"])
    yield Case(lambda: resolver, asyncio.run, lambda: setattr(resolver, "is_down", True))


@pytest.fixture(
    params=[
        pytest.param(_fake, id="fake"),
        pytest.param(_memory, id="memory"),
        pytest.param(_sockets, id="sockets", marks=pytest.mark.e2e),
    ]
)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield from request.param()


def ask(case: Case, look_up: Callable[[Resolver], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await look_up(case.make())

    return case.run(main())


def test_mx_come_sorted_with_lower_case_names(case: Case) -> None:
    answer = ask(case, lambda resolver: resolver.mx("example.org"))
    assert answer.records == (Mx(10, "a.example.org"), Mx(20, "b.example.org"))
    assert (answer.name_exists, answer.authentic, answer.canonical_name) == (True, False, "example.org")
    assert answer.ttl_s == 300


def test_the_host_of_a_null_mx_is_empty(case: Case) -> None:
    assert ask(case, lambda resolver: resolver.mx("null.example")).records == (Mx(0, ""),)


def test_addresses_are_found_in_both_families(case: Case) -> None:
    a = ask(case, lambda resolver: resolver.a("a.example.org"))
    assert set(a.records) == {IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")}
    assert ask(case, lambda resolver: resolver.aaaa("a.example.org")).records == (IPv6Address("2001:db8::1"),)


def test_the_strings_of_one_text_are_joined(case: Case) -> None:
    assert set(ask(case, lambda resolver: resolver.txt("example.org")).records) == {b"two parts", b"other"}


def test_the_names_of_an_address_are_found(case: Case) -> None:
    four = ask(case, lambda resolver: resolver.ptr(IPv4Address("192.0.2.1")))
    six = ask(case, lambda resolver: resolver.ptr(IPv6Address("2001:db8::1")))
    assert four.records == six.records == ("a.example.org",)


def test_a_hostile_ptr_is_left_out(case: Case) -> None:
    assert ask(case, lambda resolver: resolver.ptr(IPv4Address("192.0.2.2"))).records == ("good.example",)


def test_no_such_name_is_a_value(case: Case) -> None:
    answer = ask(case, lambda resolver: resolver.a("nowhere.example"))
    assert (answer.records, answer.name_exists) == ((), False)


@pytest.mark.parametrize("name", ["example.org", "parent.example"])
def test_no_such_record_is_another_value(case: Case, name: str) -> None:
    answer = ask(case, lambda resolver: resolver.a(name))
    assert (answer.records, answer.name_exists) == ((), True)


def test_chains_of_cnames_are_followed(case: Case) -> None:
    answer = ask(case, lambda resolver: resolver.mx("alias.example"))
    assert (len(answer.records), answer.canonical_name) == (2, "example.org")


def test_a_chain_may_end_without_the_record(case: Case) -> None:
    answer = ask(case, lambda resolver: resolver.mx("bare.example"))
    assert (answer.records, answer.name_exists, answer.canonical_name) == ((), True, "a.example.org")


def test_a_chain_into_nothing_is_no_such_name(case: Case) -> None:
    answer = ask(case, lambda resolver: resolver.a("dangling.example"))
    assert (answer.records, answer.name_exists, answer.canonical_name) == ((), False, "nowhere.example")


@pytest.mark.parametrize("name", ["loop.example", "c0.example"])
def test_a52_a_loop_or_an_endless_chain_may_be_tried_again(case: Case, name: str) -> None:
    with pytest.raises(DnsError) as caught:
        ask(case, lambda resolver: resolver.a(name))
    assert caught.value.try_again
    assert caught.value.name == name
    assert not isinstance(caught.value, ResolverDownError)


def test_a52_servfail_may_be_tried_again(case: Case) -> None:
    with pytest.raises(DnsError) as caught:
        ask(case, lambda resolver: resolver.a("broken.example"))
    assert caught.value.try_again
    assert not isinstance(caught.value, ResolverDownError)


def test_a52_silence_of_all_servers_is_our_own_trouble(case: Case) -> None:
    case.silence()
    with pytest.raises(ResolverDownError) as caught:
        ask(case, lambda resolver: resolver.a("a.example.org"))
    assert caught.value.try_again


def test_an_authentic_answer_says_so(case: Case) -> None:
    assert ask(case, lambda resolver: resolver.a("signed.example")).authentic
