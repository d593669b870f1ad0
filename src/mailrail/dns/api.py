"""Floor 2 · dns — what a resolver promises.

NXDOMAIN and "no such record" are truths and are returned; SERVFAIL, timeouts and garbage are
`DnsError(try_again=True)`: nobody is bounced because our resolver is down (A52).
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, Protocol, TypeVar

from mailrail.model import DnsError

T = TypeVar("T")


class ResolverDownError(DnsError):
    """None of our resolvers answers anything: the trouble is ours, not the name's."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text, try_again=True)


@dataclass(frozen=True, slots=True)
class Mx:
    """One MX record.

    Attributes:
        preference: 0 to 65535, lower first.
        host: lower-case name without the final dot, printable ASCII but otherwise as hostile as
            the zone likes; "" is the null MX's "." (RFC 7505).
    """

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The records of one name and type.

    Attributes:
        records: empty when the name has none of this type.
        name_exists: False on NXDOMAIN; True with no records is "no data".
        authentic: the resolver set AD and is one whose word we trust (DNSSEC).
        ttl_s: how long this may be kept, negative answers included (RFC 2308).
        canonical_name: the name after following CNAMEs.
    """

    records: tuple[T, ...]
    name_exists: bool
    authentic: bool
    ttl_s: int
    canonical_name: str


class Resolver(Protocol):
    """Asks the DNS. Names are lower-case A-labels without the final dot.

    Every method raises DnsError with try_again=True for SERVFAIL, REFUSED, timeout, garbage or a
    CNAME loop (ResolverDownError when no server of ours says anything at all), and is cancel-safe.
    """

    async def mx(self, name: str) -> Answer[Mx]:
        """Look up mail exchangers, sorted by preference (equals in the answer's order)."""
        ...

    async def a(self, name: str) -> Answer[IPv4Address]:
        """Look up IPv4 addresses."""
        ...

    async def aaaa(self, name: str) -> Answer[IPv6Address]:
        """Look up IPv6 addresses."""
        ...

    async def txt(self, name: str) -> Answer[bytes]:
        """Look up texts, the strings of one record joined."""
        ...

    async def ptr(self, address: IPv4Address | IPv6Address) -> Answer[str]:
        """Look up the names of an address."""
        ...
