"""Floor 3 · routing — the Router: rules first, then the DNS.

The law: a truth of the DNS may fail mail; trouble with the DNS only delays it (A52, A53). Where
our own resolvers are silent, or our own settings name a host that is not there, the blame is ours, and
nobody is bounced for it; where a zone is broken, its own queue waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from mailrail.dns import Answer, Mx, Resolver, ResolverDownError
from mailrail.model import Address, Blame, Deferred, DnsError, Failed, Rng, reply
from mailrail.net import Endpoint
from mailrail.routing import mx
from mailrail.routing.api import Host, Plan, Route
from mailrail.routing.ourselves import Ourselves
from mailrail.routing.settings import RoutingRules
from mailrail.routing.table import RouteTable

# What needs no look-up stays true until the settings change; an hour bounds what is kept.
FIXED_PLAN_TTL_S: Final = 3600.0

Ip = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look-up of addresses brought.

    Attributes:
        trouble: why it is not known now, or None.
    """

    addresses: tuple[Ip, ...]
    name_exists: bool
    ttl_s: float
    trouble: DnsError | None = None


@dataclass(frozen=True, slots=True)
class _Located:
    """A host with all that was found of it."""

    host: Host
    found: tuple[_Found, ...]


class SettingsRouter:
    """Routes by the settings, plans by the DNS.

    Args:
        own_names: names that are this server, lower-case A-labels.
        own_endpoints: where this server takes mail.
        is_own_address: tells whether an address is this machine's; by default loopback only is.

    Raises:
        SettingsError: a password file of the rules cannot be read.
    """

    def __init__(
        self,
        rules: RoutingRules,
        resolver: Resolver,
        rng: Rng,
        own_names: Iterable[str] = (),
        own_endpoints: Iterable[Endpoint] = (),
        is_own_address: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._settings = rules.routing
        self._table = RouteTable(rules)
        self.route_of = self._table.route_of  # asked twice a message
        self._resolver = resolver
        self._rng = rng
        self._ourselves = Ourselves(own_names, own_endpoints, is_own_address)

    def route(self, address: Address) -> Route:
        """Return the route of *address*; the settings alone decide."""
        return self._table.route(address)

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Find the hosts of *route* now.

        Returns:
            Failed for truths: no such domain (5.1.2), null MX (5.1.10), loop to self (5.4.6), no
            host (5.4.4). Deferred (4.4.3) for trouble: blame OURSELVES when our resolvers are
            silent or a next hop of the settings does not exist, DESTINATION when its zone is broken.

        *Cancel-safe:* yes.
        """
        if route.domain:
            return await self._plan_domain(route)
        if route.agent:
            return Deferred(
                Blame.OURSELVES, reply.AGENT_MISSING.with_text(f"{route.agent} is an agent, no host")
            )
        if not route.host:
            # RFC 5321 §4.1.1.3: a bare <Postmaster> is ours to read, and nobody else's.
            return _failed(reply.NO_MAIL_HOST, "The address has no domain")
        if route.host.startswith("/"):
            return self._plan_endpoint(route.host, Endpoint(route.host, 0))
        try:
            address = ip_address(route.host)
        except ValueError:
            return await self._plan_fixed(route)
        return self._plan_endpoint(f"[{address}]", Endpoint(str(address), route.port))

    def _plan_endpoint(self, name: str, endpoint: Endpoint) -> Plan | Failed:
        if self._ourselves.has_endpoint(endpoint):
            return _failed(reply.LOOP_TO_SELF, f"The next hop {endpoint} is this server itself")
        return Plan((Host(name, 0, (endpoint,)),), FIXED_PLAN_TTL_S)

    async def _plan_fixed(self, route: Route) -> Plan | Deferred | Failed:
        (located,) = await self._locate([Mx(0, route.host)], route.port)
        if any(map(self._ourselves.has_endpoint, located.host.endpoints)):
            return _failed(reply.LOOP_TO_SELF, f"The next hop {route.host} is this server itself")
        if not located.host.endpoints:
            # A next hop that the operator named and that is not there is no fault of the recipient.
            trouble = _worst(located.found)
            words = f"The next hop {route.host} " + (
                f"is not known now: {trouble}" if trouble else "has no address"
            )
            return Deferred(Blame.OURSELVES, reply.DNS_UNAVAILABLE.with_text(words))
        return self._as_plan([located.host], [located], FIXED_PLAN_TTL_S)

    async def _plan_domain(self, route: Route) -> Plan | Deferred | Failed:
        try:
            answer = await self._resolver.mx(route.domain)
        except DnsError as error:
            # Never the addresses instead: an unknown MX is not "no MX" (A53, RFC 5321 §5.1).
            return _deferred(route.domain, error)
        if not answer.name_exists:
            return _failed(reply.NO_SUCH_DOMAIN, f"The domain {route.domain} does not exist")
        if mx.is_null_mx(answer.records):
            return _failed(reply.NULL_MX, f"The domain {route.domain} takes no mail")
        # RFC 5321 §5.1: without any MX the domain itself is the host (implicit MX).
        records = answer.records or (Mx(0, route.domain),)
        chosen = mx.candidates(records, self._rng)
        located = await self._locate(self._before_ourselves(chosen), route.port)
        return self._decide(route.domain, chosen, located, answer)

    def _before_ourselves(self, chosen: Sequence[Mx]) -> Sequence[Mx]:
        """Leave out what our own name rules out before asking for addresses, then bound the number of hosts."""
        own = min(
            (record.preference for record in chosen if self._ourselves.has_name(record.host)), default=None
        )
        kept = chosen if own is None else [record for record in chosen if record.preference < own]
        return kept[: mx.HOSTS_LOOKED_UP]

    def _decide(
        self, domain: str, chosen: Sequence[Mx], located: Sequence[_Located], answer: Answer[Mx]
    ) -> Plan | Deferred | Failed:
        hosts = [each.host for each in located]
        own = mx.own_preference(hosts, self._ourselves)
        if own is not None:
            hosts = mx.drop_from(hosts, own)
        if chosen and not hosts:
            return _failed(
                reply.LOOP_TO_SELF, f"The best MX of {domain} is this server, which does not take its mail"
            )
        if any(host.endpoints for host in hosts):
            return self._as_plan(hosts, located, answer.ttl_s, is_authentic=answer.authentic)
        found = [part for each in located for part in each.found]
        trouble = _worst(found)
        if trouble is not None:
            return _deferred(domain, trouble)
        if not answer.records and not any(part.name_exists for part in found):
            return _failed(reply.NO_SUCH_DOMAIN, f"The domain {domain} does not exist")
        return _failed(reply.NO_MAIL_HOST, f"The domain {domain} has no host for mail")

    def _as_plan(
        self, hosts: Sequence[Host], located: Sequence[_Located], ttl_s: float, *, is_authentic: bool = True
    ) -> Plan:
        ttls = [part.ttl_s for each in located for part in each.found if part.trouble is None]
        return Plan(mx.limited(hosts, self._settings.max_hosts), min([ttl_s, *ttls]), is_authentic)

    async def _locate(self, records: Sequence[Mx], port: int) -> list[_Located]:
        """Look up the addresses of every host at once."""
        asks = self._families()
        async with asyncio.TaskGroup() as group:
            tasks = [[group.create_task(_addresses(ask, record.host)) for ask in asks] for record in records]
        v6_first = mx.is_v6_first(self._settings, self._rng)
        return [
            _located(record, tuple(task.result() for task in row), port, v6_first=v6_first)
            for record, row in zip(records, tasks, strict=True)
        ]

    def _families(self) -> list[Callable[[str], Awaitable[Answer[IPv4Address] | Answer[IPv6Address]]]]:
        match self._settings.ip_version:
            case "4":
                return [self._resolver.a]
            case "6":
                return [self._resolver.aaaa]
            case "both":
                return [self._resolver.a, self._resolver.aaaa]


async def _addresses(
    ask: Callable[[str], Awaitable[Answer[IPv4Address] | Answer[IPv6Address]]], host: str
) -> _Found:
    try:
        answer = await ask(host)
    except DnsError as error:
        return _Found((), True, 0.0, error)
    # LENIENT: an MX that points to a CNAME (RFC 2181 §10.3 forbids it) is followed, as everybody does.
    return _Found(tuple(ip for ip in answer.records if _is_host(ip)), answer.name_exists, answer.ttl_s)


def _is_host(ip: Ip) -> bool:
    """Tell whether a host can be at *ip*: connecting to the unspecified or a mapped address could reach ourselves."""
    is_mapped = isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None
    return not (ip.is_unspecified or ip.is_multicast or is_mapped)


def _located(record: Mx, found: tuple[_Found, ...], port: int, *, v6_first: bool) -> _Located:
    addresses = [ip for part in found for ip in part.addresses]
    v4 = [Endpoint(str(ip), port) for ip in addresses if ip.version == 4]
    v6 = [Endpoint(str(ip), port) for ip in addresses if ip.version == 6]
    return _Located(Host(record.host, record.preference, mx.in_turns(v4, v6, v6_first=v6_first)), found)


def _worst(found: Iterable[_Found]) -> DnsError | None:
    troubles = [part.trouble for part in found if part.trouble is not None]
    return next(
        (error for error in troubles if isinstance(error, ResolverDownError)), next(iter(troubles), None)
    )


def _deferred(domain: str, error: DnsError) -> Deferred:
    blame = Blame.OURSELVES if isinstance(error, ResolverDownError) else Blame.DESTINATION
    return Deferred(
        blame, reply.DNS_UNAVAILABLE.with_text(f"The domain {domain} could not be looked up: {error}")
    )


def _failed(known: reply.Reply, words: str) -> Failed:
    return Failed(Blame.RECIPIENT, known.with_text(words))
