"""Floor 2 · dns — the Resolver: a stub that asks recursive servers, on our own transport.

/etc/hosts is not read; the names that the RFCs keep out of the DNS are answered here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, TypeVar

from dns.rdata import Rdata
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from mailrail.dns.api import Answer, Mx
from mailrail.dns.lookup import Lookup
from mailrail.dns.servers import parse_server, system_servers
from mailrail.dns.settings import DnsSettings
from mailrail.dns.upstream import Upstream
from mailrail.dns.wire import Kind, text_of
from mailrail.model import AddressError, Rng, parse_domain
from mailrail.net import Network
from mailrail.observe import Bus

T = TypeVar("T")
_LOCAL_TTL_S: Final = 3600


class DnsResolver:
    """Looks names up over *network*, with a cache.

    Args:
        rng: source of ids; must be unpredictable in production (`model.system_rng`).
        bus: hears when all servers fall silent and when one is back.
    """

    def __init__(self, network: Network, settings: DnsSettings, rng: Rng, bus: Bus | None = None) -> None:
        servers = tuple(map(parse_server, settings.servers)) or system_servers(Path(settings.resolv_conf))
        upstream = Upstream(network, settings, servers, rng, bus or Bus())
        self._mx = Lookup(Kind.MX, _read_mx, upstream, settings)
        self._a = Lookup(Kind.A, _read_a, upstream, settings)
        self._aaaa = Lookup(Kind.AAAA, _read_aaaa, upstream, settings)
        self._txt = Lookup(Kind.TXT, _read_txt, upstream, settings)
        self._ptr = Lookup(Kind.PTR, _read_ptr, upstream, settings)

    @property
    def kept(self) -> int:
        """How many answers of one type are in memory at most; `cache_size` bounds it."""
        return max(one.kept for one in (self._mx, self._a, self._aaaa, self._txt, self._ptr))

    async def mx(self, name: str) -> Answer[Mx]:
        """Look up mail exchangers, sorted by preference."""
        return _local(name) or await self._mx.find(name)

    async def a(self, name: str) -> Answer[IPv4Address]:
        """Look up IPv4 addresses."""
        return _local(name, IPv4Address("127.0.0.1")) or await self._a.find(name)

    async def aaaa(self, name: str) -> Answer[IPv6Address]:
        """Look up IPv6 addresses."""
        return _local(name, IPv6Address("::1")) or await self._aaaa.find(name)

    async def txt(self, name: str) -> Answer[bytes]:
        """Look up texts, the strings of one record joined."""
        return _local(name) or await self._txt.find(name)

    async def ptr(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        """Look up the names of an address; what is no host name is left out."""
        return await self._ptr.find(address.reverse_pointer)


def _local(name: str, *loopback: T) -> Answer[T] | None:
    """Answer for the names that never reach the DNS (RFC 6761 §6.3, §6.4), else None."""
    top = name.rpartition(".")[2]
    if top == "localhost":
        return Answer(loopback, True, False, _LOCAL_TTL_S, name)
    if top == "invalid":
        return Answer((), False, False, _LOCAL_TTL_S, name)
    return None


def _read_mx(records: Iterable[Rdata]) -> tuple[Mx, ...]:
    found = [Mx(record.preference, text_of(record.exchange)) for record in records if isinstance(record, MX)]
    return tuple(sorted(found, key=lambda record: record.preference))


def _read_a(records: Iterable[Rdata]) -> tuple[IPv4Address, ...]:
    return tuple(IPv4Address(record.address) for record in records if isinstance(record, A))


def _read_aaaa(records: Iterable[Rdata]) -> tuple[IPv6Address, ...]:
    return tuple(IPv6Address(record.address) for record in records if isinstance(record, AAAA))


def _read_txt(records: Iterable[Rdata]) -> tuple[bytes, ...]:
    return tuple(b"".join(record.strings) for record in records if isinstance(record, TXT))


def _read_ptr(records: Iterable[Rdata]) -> tuple[str, ...]:
    # Whoever holds the address chose this text; it goes to trace headers and logs.
    names: list[str] = []
    for record in records:
        if isinstance(record, PTR):
            try:
                names.append(parse_domain(text_of(record.target)))
            except AddressError:
                continue
    return tuple(names)
