"""Floor 3 · routing — which hosts of an MX set may be tried, in which order. Pure.

Source: RFC 5321 §5.1, RFC 7505, RFC 3974 §3. What is wrong with the records of others is passed
over as long as one host is left; what is wrong with all of them is a truth to tell.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from mailrail.dns import Mx
from mailrail.model import AddressError, Rng, parse_domain
from mailrail.net import Endpoint
from mailrail.routing.api import Host
from mailrail.routing.ourselves import Ourselves
from mailrail.routing.settings import RoutingSettings

# Hosts looked up for one plan, however many the zone names (A53); far above any real set.
HOSTS_LOOKED_UP: Final = 20


def is_null_mx(records: Sequence[Mx]) -> bool:
    """Tell whether the domain says that it takes no mail (RFC 7505 §3).

    LENIENT: a null MX beside real ones, which RFC 7505 §3 forbids, is passed over: seen from
    zones in the middle of a move.
    """
    return bool(records) and all(record.host == "" for record in records)


def is_host_name(host: str) -> bool:
    """Tell whether an MX may point at *host*: a name, never an address (RFC 1035 §3.3.9).

    LENIENT: underscores are taken: seen from real MX sets, and they harm nobody.
    """
    try:
        parse_domain(host.replace("_", "-"))
    except AddressError:
        return False
    # RFC 3696 §2: a last label all of digits is an IPv4 address in disguise.
    return not host.startswith("[") and not host.rpartition(".")[2].isdecimal()


def candidates(records: Sequence[Mx], rng: Rng) -> list[Mx]:
    """Return the usable records by preference, equals in random order (RFC 5321 §5.1), each host once."""
    best: dict[str, Mx] = {}
    for record in records:
        known = best.get(record.host)
        if is_host_name(record.host) and (known is None or record.preference < known.preference):
            best[record.host] = record
    usable = list(best.values())
    rng.shuffle(usable)
    usable.sort(key=lambda record: record.preference)
    return usable


def drop_from(hosts: Sequence[Host], preference: int) -> list[Host]:
    """Return the hosts better than *preference*: our own, so that mail only moves towards its goal (RFC 5321 §5.1)."""
    return [host for host in hosts if host.preference < preference]


def own_preference(hosts: Sequence[Host], ourselves: Ourselves) -> int | None:
    """Return our own best preference among *hosts*, by name or by address, or None."""
    return min((host.preference for host in hosts if _is_own(host, ourselves)), default=None)


def _is_own(host: Host, ourselves: Ourselves) -> bool:
    return ourselves.has_name(host.name) or any(map(ourselves.has_endpoint, host.endpoints))


def in_turns(v4: Sequence[Endpoint], v6: Sequence[Endpoint], *, v6_first: bool) -> tuple[Endpoint, ...]:
    """Return both families taking turns, so that a dead family costs every second try only."""
    first, second = (v6, v4) if v6_first else (v4, v6)
    return tuple(endpoint for pair in zip_longest(first, second) for endpoint in pair if endpoint is not None)


def is_v6_first(settings: RoutingSettings, rng: Rng) -> bool:
    """Decide which family leads."""
    return rng.random() < 0.5 if settings.first == "any" else settings.first == "6"


def limited(hosts: Sequence[Host], most: int) -> tuple[Host, ...]:
    """Return at most *most* addresses, and keep one place for the next host.

    A best host with ten dead addresses must not hide the others (A53).
    """
    kept: list[Host] = []
    with_address = [host for host in hosts if host.endpoints]
    for n, host in enumerate(with_address):
        if most == 0:
            break
        reserved = 1 if most > 1 and n + 1 < len(with_address) else 0
        endpoints = host.endpoints[: most - reserved]
        kept.append(Host(host.name, host.preference, endpoints))
        most -= len(endpoints)
    return tuple(kept)
