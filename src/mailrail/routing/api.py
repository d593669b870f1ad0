"""Floor 3 · routing — where to next: the answers that the queue and delivery get.

Two steps. `route` is synchronous and asks only the settings: it names the destination that an
address belongs to, so that the queue can sort mail before any look-up. `plan` asks the DNS
when a session is to be opened, and returns the hosts to try in order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailrail.model import Address, Deferred, Failed, Login, Recipient, TlsLevel
from mailrail.net import CertificateFiles, Endpoint


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What TLS with a next hop goes by, where it is not what everybody goes by.

    Attributes:
        ca_file: the authorities to trust, None for the system's.
        certificate: what to show when it asks who we are, None for nothing.
    """

    ca_file: Path | None
    certificate: CertificateFiles | None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an address goes, as far as the settings say.

    Attributes:
        destination: key of the queue's destination object, stable text: "mx:DOMAIN",
            "host:HOST:PORT", "literal:IP", "agent:NAME". Equal keys may share sessions and transactions.
        domain: what to ask MX for; "" for a fixed host.
        host, port: the fixed next hop; host may be a name or an IP address. Port 25 for MX.
        tls: what it must give.
        implicit_tls: TLS from the first byte (port 465).
        lmtp: speak LMTP to it.
        login: credentials, or None.
        rule: which rule of the settings decided, in words for `explain`.
        tls_files: authorities and certificate of its own, or None.
        agent: name of the local delivery agent that takes it instead of any host, or "".
    """

    destination: str
    domain: str
    host: str
    port: int
    tls: TlsLevel
    implicit_tls: bool
    lmtp: bool
    login: Login | None
    rule: str
    tls_files: TlsFiles | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a plan and its addresses in the order to try.

    Attributes:
        name: host name for SNI, certificate checks and logs, or an address literal.
        preference: of the MX record; 0 for fixed hosts.
    """

    name: str
    preference: int
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The hosts to try, best first; equal preferences already shuffled (RFC 5321 §5.1).

    Attributes:
        ttl_s: for how long the plan may be used again.
        is_authentic: the names of the hosts come from the settings, or from a DNS answer that DNSSEC vouches for.
    """

    hosts: tuple[Host, ...]
    ttl_s: float
    is_authentic: bool = True


class Router(Protocol):
    """Finds the way."""

    def route(self, address: Address) -> Route:
        """Return the route of *address*; the settings alone decide."""
        ...

    def route_of(self, recipient: Recipient) -> Route:
        """Return the route of *recipient*: of its address, or to whatever an alias named for it."""
        ...

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Find the hosts of *route* now.

        Returns:
            Failed for truths (no such domain 5.1.2, null MX 5.1.10, loop to self 5.4.6, no host
            5.4.4). Deferred (4.4.3) when the DNS does not know now: OURSELVES when our own resolvers
            are silent or a next hop of the settings is not there, DESTINATION when its zone is broken.
        """
        ...
