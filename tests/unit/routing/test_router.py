"""From a route to the hosts to try: the truths and troubles of the DNS."""

import asyncio
import random
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fake_resolver import FakeResolver

from mailrail.model import Address, Blame, Deferred, Failed, parse_address
from mailrail.net import Endpoint
from mailrail.routing import (
    Plan,
    RouteSettings,
    RoutingRules,
    RoutingSettings,
    SettingsRouter,
    explain_plan,
    explain_route,
)
from mailrail.routing.ourselves import Ourselves

OWN_NAMES = ("mx.self.example",)
OWN_ENDPOINTS = (Endpoint("198.51.100.1", 25), Endpoint("127.0.0.1", 2525))

Records = dict[str, list[str]]


def plan_for(
    address: str,
    resolver: FakeResolver,
    *,
    next_hop: str = "",
    seed: int = 1,
    own_endpoints: Iterable[Endpoint] = OWN_ENDPOINTS,
    **settings: Any,
) -> Plan | Deferred | Failed:
    routes = (RouteSettings(match="*", next_hop=next_hop),) if next_hop else ()
    rules = RoutingRules(RoutingSettings(**settings), routes)
    router = SettingsRouter(rules, resolver, random.Random(seed), OWN_NAMES, own_endpoints)
    return asyncio.run(router.plan(router.route(parse_address(address))))


def plan_mx(records: Records, **options: Any) -> Plan | Deferred | Failed:
    return plan_for("jo@example.org", FakeResolver(records), **options)


def tried(plan: Plan | Deferred | Failed) -> list[str]:
    assert isinstance(plan, Plan), plan
    return [str(endpoint) for host in plan.hosts for endpoint in host.endpoints]


def names(plan: Plan | Deferred | Failed) -> list[str]:
    assert isinstance(plan, Plan), plan
    return [host.name for host in plan.hosts]


def failure(plan: Plan | Deferred | Failed) -> tuple[int, str]:
    assert isinstance(plan, Failed), plan
    return plan.reply.code, plan.reply.enhanced_code


def test_hosts_are_tried_by_preference() -> None:
    plan = plan_mx(
        {
            "example.org": ["MX 20 b.example", "MX 10 a.example"],
            "a.example": ["A 192.0.2.1"],
            "b.example": ["A 192.0.2.2"],
        }
    )
    assert tried(plan) == ["192.0.2.1:25", "192.0.2.2:25"]
    assert isinstance(plan, Plan)
    assert [host.preference for host in plan.hosts] == [10, 20]
    assert plan.ttl_s == 300


def test_hosts_of_equal_preference_come_in_random_order() -> None:
    zone = {"example.org": [f"MX 10 h{n}.example" for n in range(4)]} | {
        f"h{n}.example": [f"A 192.0.2.{n}"] for n in range(4)
    }
    orders = {tuple(names(plan_mx(zone, seed=seed))) for seed in range(40)}
    assert len(orders) > 5
    assert {order[0] for order in orders} == {f"h{n}.example" for n in range(4)}


def test_the_same_seed_gives_the_same_order() -> None:
    zone = {"example.org": [f"MX 10 h{n}.example" for n in range(4)]} | {
        f"h{n}.example": [f"A 192.0.2.{n}"] for n in range(4)
    }
    assert plan_mx(zone, seed=7) == plan_mx(zone, seed=7)


BOTH = {"example.org": ["MX 1 a.example"], "a.example": ["A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1"]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["192.0.2.1:25", "[2001:db8::1]:25", "192.0.2.2:25"]),
        ({"first": "6"}, ["[2001:db8::1]:25", "192.0.2.1:25", "192.0.2.2:25"]),
        ({"ip_version": "4"}, ["192.0.2.1:25", "192.0.2.2:25"]),
        ({"ip_version": "6"}, ["[2001:db8::1]:25"]),
        ({"mx_port": 2500, "ip_version": "6"}, ["[2001:db8::1]:2500"]),
    ],
)
def test_address_families_take_turns_as_the_settings_say(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert tried(plan_mx(BOTH, **settings)) == expected


def test_any_family_may_come_first_by_chance() -> None:
    assert {tried(plan_mx(BOTH, first="any", seed=seed))[0] for seed in range(20)} == {
        "192.0.2.1:25",
        "[2001:db8::1]:25",
    }


def test_only_the_families_wanted_are_asked_for() -> None:
    resolver = FakeResolver(BOTH)
    plan_for("jo@example.org", resolver, ip_version="4")
    assert resolver.asked["a.example", "AAAA"] == 0


def test_without_an_mx_the_domain_itself_is_the_host() -> None:
    plan = plan_mx({"example.org": ["A 192.0.2.1"]})
    assert (names(plan), tried(plan)) == (["example.org"], ["192.0.2.1:25"])


def test_a52_nxdomain_is_permanent() -> None:
    assert failure(plan_mx({})) == (550, "5.1.2")


def test_an_implicit_mx_without_address_is_no_host() -> None:
    assert failure(plan_mx({"example.org": ["TXT nothing"]})) == (550, "5.4.4")


def test_a52_servfail_waits_and_blames_the_zone() -> None:
    plan = plan_for("jo@example.org", FakeResolver(broken=["example.org"]))
    assert isinstance(plan, Deferred)
    assert (plan.blame, plan.reply.code, plan.reply.enhanced_code) == (Blame.DESTINATION, 451, "4.4.3")


def test_a52_a_dead_resolver_waits_and_blames_ourselves() -> None:
    plan = plan_for("jo@example.org", FakeResolver(is_down=True))
    assert isinstance(plan, Deferred)
    assert (plan.blame, plan.reply.enhanced_code) == (Blame.OURSELVES, "4.4.3")


def test_a53_no_fallback_to_addresses_when_the_mx_is_not_known() -> None:
    resolver = FakeResolver({"example.org": ["A 192.0.2.1"]}, broken=[("example.org", "MX")])
    assert isinstance(plan_for("jo@example.org", resolver), Deferred)
    assert resolver.asked["example.org", "A"] == 0


def test_a53_a_null_mx_fails_at_once() -> None:
    assert failure(plan_mx({"example.org": ["MX 0 .", "A 192.0.2.1"]})) == (556, "5.1.10")


def test_a53_a_null_mx_beside_real_ones_is_passed_over() -> None:
    plan = plan_mx({"example.org": ["MX 0 .", "MX 10 a.example"], "a.example": ["A 192.0.2.1"]})
    assert names(plan) == ["a.example"]


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "[192.0.2.1]", "2001:db8::1", r"a\000b.example", "a..b", "-x.example"]
)
def test_a53_an_mx_to_an_address_or_a_bad_name_is_refused(host: str) -> None:
    assert failure(plan_mx({"example.org": [f"MX 10 {host}", "A 192.0.2.9"]})) == (550, "5.4.4")


def test_a53_a_bad_mx_does_not_spoil_a_good_one() -> None:
    plan = plan_mx({"example.org": ["MX 5 192.0.2.7", "MX 10 a_b.example"], "a_b.example": ["A 192.0.2.1"]})
    assert names(plan) == ["a_b.example"]


def test_a53_an_mx_to_a_cname_is_followed() -> None:
    zone = {
        "example.org": ["MX 10 a.example"],
        "a.example": ["CNAME b.example"],
        "b.example": ["A 192.0.2.1"],
    }
    assert tried(plan_mx(zone)) == ["192.0.2.1:25"]


def test_a_domain_that_is_a_cname_is_taken_for_its_target() -> None:
    zone = {
        "example.org": ["CNAME real.example"],
        "real.example": ["MX 1 a.example"],
        "a.example": ["A 192.0.2.1"],
    }
    assert names(plan_mx(zone)) == ["a.example"]


def test_a52_a_loop_of_cnames_waits() -> None:
    assert isinstance(plan_mx({"example.org": ["CNAME example.org"]}), Deferred)


SELF_ZONE = {
    "example.org": ["MX 10 a.example", "MX 20 mx.self.example", "MX 20 c.example", "MX 30 d.example"],
    "a.example": ["A 192.0.2.1"],
    "c.example": ["A 192.0.2.3"],
    "d.example": ["A 192.0.2.4"],
    "mx.self.example": ["A 198.51.100.1"],
}


def test_a53_our_own_name_drops_us_and_all_that_are_no_better() -> None:
    assert names(plan_mx(SELF_ZONE)) == ["a.example"]


def test_a53_our_own_address_under_another_name_does_the_same() -> None:
    zone = SELF_ZONE | {
        "example.org": ["MX 10 a.example", "MX 20 alias.example", "MX 30 d.example"],
        "alias.example": ["A 198.51.100.1"],
    }
    assert names(plan_mx(zone)) == ["a.example"]


@pytest.mark.parametrize("own", ["mx.self.example", "alias.example"])
def test_a53_when_we_are_the_best_mx_it_is_a_loop(own: str) -> None:
    zone = {
        "example.org": [f"MX 10 {own}", "MX 20 b.example"],
        own: ["A 198.51.100.1"],
        "b.example": ["A 192.0.2.2"],
    }
    assert failure(plan_mx(zone)) == (554, "5.4.6")


def test_a53_a_backup_never_bounces_while_the_better_mx_is_not_known() -> None:
    resolver = FakeResolver(SELF_ZONE, broken=["a.example"])
    plan = plan_for("jo@example.org", resolver)
    assert isinstance(plan, Deferred)
    assert plan.blame is Blame.DESTINATION


def test_a53_our_address_on_another_port_is_not_us() -> None:
    zone = {"example.org": ["MX 10 a.example"], "a.example": ["A 127.0.0.1"]}
    assert tried(plan_mx(zone)) == ["127.0.0.1:25"]
    assert failure(plan_mx(zone, mx_port=2525)) == (554, "5.4.6")


def test_a53_a_wildcard_listener_is_reached_by_every_loopback_address() -> None:
    zone = {"example.org": ["MX 10 a.example"], "a.example": ["A 127.9.9.9", "AAAA ::1"]}
    assert failure(plan_mx(zone, own_endpoints=[Endpoint("0.0.0.0", 25)])) == (554, "5.4.6")


def test_a53_a_wildcard_listener_is_reached_by_every_address_of_the_machine() -> None:
    ours = Ourselves((), [Endpoint("0.0.0.0", 25), Endpoint("192.0.2.7", 587)], {"192.0.2.7"}.__contains__)
    assert ours.has_endpoint(Endpoint("192.0.2.7", 25))
    assert ours.has_endpoint(Endpoint("192.0.2.7", 587))
    assert not ours.has_endpoint(Endpoint("192.0.2.7", 2525))
    assert not ours.has_endpoint(Endpoint("192.0.2.8", 25))


def test_addresses_where_no_host_can_be_are_left_out() -> None:
    zone = {
        "example.org": ["MX 10 a.example"],
        "a.example": ["A 0.0.0.0", "A 224.0.0.1", "AAAA ::ffff:127.0.0.1", "AAAA ::", "A 192.0.2.1"],
    }
    assert tried(plan_mx(zone)) == ["192.0.2.1:25"]


def test_a53_a_hundred_mx_are_bounded_in_look_ups_and_in_addresses() -> None:
    zone = {"example.org": [f"MX {n} h{n}.example" for n in range(100)]} | {
        f"h{n}.example": [f"A 192.0.2.{n}"] for n in range(100)
    }
    resolver = FakeResolver(zone)
    assert len(tried(plan_for("jo@example.org", resolver))) == 5
    assert resolver.asked.total() <= 1 + 2 * 20


def test_a53_a_host_with_many_addresses_leaves_room_for_the_next_host() -> None:
    zone = {
        "example.org": ["MX 10 a.example", "MX 20 b.example"],
        "a.example": [f"A 192.0.2.{n}" for n in range(10)],
        "b.example": ["A 203.0.113.1"],
    }
    assert tried(plan_mx(zone))[-1] == "203.0.113.1:25"
    assert len(tried(plan_mx(zone))) == 5


def test_trouble_with_one_host_does_not_hide_the_others() -> None:
    zone = {"example.org": ["MX 10 a.example", "MX 20 b.example"], "b.example": ["A 192.0.2.2"]}
    plan = plan_for("jo@example.org", FakeResolver(zone, broken=["a.example"]))
    assert names(plan) == ["b.example"]


def test_trouble_with_one_family_does_not_hide_the_other() -> None:
    resolver = FakeResolver(BOTH, broken=[("a.example", "AAAA")])
    assert tried(plan_for("jo@example.org", resolver)) == ["192.0.2.1:25", "192.0.2.2:25"]


def test_no_host_with_an_address_is_permanent() -> None:
    assert failure(plan_mx({"example.org": ["MX 10 a.example"], "a.example": ["TXT x"]})) == (550, "5.4.4")


def test_no_address_and_some_trouble_waits() -> None:
    resolver = FakeResolver(
        {"example.org": ["MX 10 a.example"], "a.example": ["TXT x"]}, broken=[("a.example", "AAAA")]
    )
    assert isinstance(plan_for("jo@example.org", resolver), Deferred)


def test_a_literal_is_its_own_host() -> None:
    plan = plan_for("jo@[192.0.2.1]", FakeResolver())
    assert (names(plan), tried(plan)) == (["[192.0.2.1]"], ["192.0.2.1:25"])


@pytest.mark.parametrize("literal", ["[198.51.100.1]", "[IPv6:::ffff:198.51.100.1]"])
def test_a31_a_literal_of_our_own_address_is_a_loop(literal: str) -> None:
    assert failure(plan_for(f"jo@{literal}", FakeResolver())) == (554, "5.4.6")


def test_a_fixed_host_by_name_is_looked_up_without_mx() -> None:
    resolver = FakeResolver({"smart.example": ["A 192.0.2.5", "MX 1 no.example"]})
    plan = plan_for("jo@example.org", resolver, next_hop="smart.example:587")
    assert (names(plan), tried(plan)) == (["smart.example"], ["192.0.2.5:587"])


def test_a_fixed_host_by_address_needs_no_dns() -> None:
    plan = plan_for("jo@example.org", FakeResolver(is_down=True), next_hop="[2001:db8::5]:26")
    assert tried(plan) == ["[2001:db8::5]:26"]


def test_a_fixed_socket_needs_no_dns() -> None:
    assert tried(plan_for("jo@example.org", FakeResolver(), next_hop="unix:/run/x")) == ["unix:/run/x"]


def test_a_neighbour_on_another_port_of_our_address_is_not_us() -> None:
    assert tried(plan_for("jo@example.org", FakeResolver(), next_hop="127.0.0.1:2526")) == ["127.0.0.1:2526"]


@pytest.mark.parametrize("next_hop", ["127.0.0.1:2525", "here.example:2525"])
def test_a53_a_fixed_host_that_is_ourselves_is_a_loop(next_hop: str) -> None:
    resolver = FakeResolver({"here.example": ["A 127.0.0.1"]})
    assert failure(plan_for("jo@example.org", resolver, next_hop=next_hop)) == (554, "5.4.6")


@pytest.mark.parametrize(
    "resolver",
    [FakeResolver(), FakeResolver({"smart.example": ["TXT x"]}), FakeResolver(broken=["smart.example"])],
)
def test_a_fixed_host_that_is_not_found_bounces_nobody(resolver: FakeResolver) -> None:
    plan = plan_for("jo@example.org", resolver, next_hop="smart.example")
    assert isinstance(plan, Deferred)
    assert plan.blame is Blame.OURSELVES


def test_the_bare_postmaster_has_no_way_out() -> None:
    router = SettingsRouter(RoutingRules(), FakeResolver(), random.Random(1))
    assert failure(asyncio.run(router.plan(router.route(Address("postmaster", ""))))) == (550, "5.4.4")


def test_route_and_plan_are_told_in_words() -> None:
    rules = RoutingRules(
        routes=(
            RouteSettings.model_validate(
                {
                    "match": "*",
                    "next_hop": "192.0.2.1",
                    "implicit_tls": True,
                    "login": {"user": "u", "password": "p"},
                }
            ),
        )
    )
    router = SettingsRouter(rules, FakeResolver(), random.Random(1))
    route = router.route(parse_address("jo@example.org"))
    assert explain_route(route) == [
        'rule: route 1, match = "*": 192.0.2.1:465',
        "destination: host:192.0.2.1:465;tls=verify;implicit;user=u",
        "TLS: TLS with a good certificate for the host's name, or nothing",
        "TLS from the first byte",
        "login: u",
    ]
    assert explain_plan(asyncio.run(router.plan(route))) == [
        "try 1: [192.0.2.1] (preference 0) at 192.0.2.1:465"
    ]
    assert explain_plan(plan_mx({})) == ["would fail: 550 5.1.2 The domain example.org does not exist"]
    down = explain_plan(plan_for("jo@example.org", FakeResolver(is_down=True)))
    assert down[0].startswith("would wait: 451 4.4.3 ")
    assert down[0].endswith("(blame: ourselves)")


REAL_HOSTS = {f"h{n}.example" for n in range(6)}
HOST = st.sampled_from(["", "192.0.2.1", "mx.self.example", *sorted(REAL_HOSTS)])
ADDRESS = st.sampled_from(["198.51.100.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "0.0.0.0"])


@given(
    st.lists(st.tuples(st.integers(0, 3), HOST), max_size=8),
    st.dictionaries(HOST.filter(bool), st.lists(ADDRESS, max_size=4)),
    st.sets(HOST),
    st.integers(0, 9),
)
def test_a53_whatever_a_zone_says_a_plan_is_bounded_ordered_and_never_ourselves(
    mx: list[tuple[int, str]], hosts: dict[str, list[str]], broken: set[str], seed: int
) -> None:
    zone = {"example.org": [f"MX {preference} {host}." for preference, host in mx]}
    for host, addresses in hosts.items():
        zone[host] = [f"{'AAAA' if ip_address(ip).version == 6 else 'A'} {ip}" for ip in addresses]
    plan = plan_for("jo@example.org", FakeResolver(zone, broken=broken - {""}), seed=seed)
    if isinstance(plan, Plan):
        assert 1 <= len(tried(plan)) <= 5
        assert "198.51.100.1:25" not in tried(plan)
        preferences = [host.preference for host in plan.hosts]
        assert preferences == sorted(preferences)
        return
    named = {host for _, host in mx}
    if isinstance(plan, Failed) and "mx.self.example" not in named and broken & named & REAL_HOSTS:
        # Trouble never becomes a permanent failure, but for a loop to ourselves.
        assert plan.reply.enhanced_code == "5.4.6"
