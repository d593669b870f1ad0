"""Floor 5 · doctor — what a check is given, and what it finds.

Law: a finding that is not good says why it matters and how to mend it, in words for somebody who meets it first.
A check changes nothing and sends no mail. It sees the world only by the doors of its Site.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TypeAlias

from mailrail.admin import Status
from mailrail.config import MailrailSettings
from mailrail.dns import Resolver
from mailrail.model import Clock, Rng
from mailrail.net import Network
from mailrail.routing import RoutingRules, SettingsRouter
from mailrail.spool import Disk

Ip: TypeAlias = IPv4Address | IPv6Address


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"  # worth knowing; also what could not be checked
    WARNING = "warning"  # mail flows, but some of it will be refused, late or readable
    ERROR = "error"  # mail does not flow, or must not flow so


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        what: what is so, in one line.
        why: why that matters, "" if that is plain.
        mend: what to do, "" if nothing.
    """

    level: Level
    what: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The set-up that is looked at, and the doors to the world it stands in.

    Attributes:
        config: the settings file, for commands in mends.
        addresses: those from which this machine talks to the world, IPv4 first.
        status: what the running server says, all its workers together; None if none answers.
        silence: why none answers.
        silent: workers that have a spool or a socket and do not answer, while others do.
        probe: domain whose mail hosts are tried at port 25.
    """

    config: Path
    settings: MailrailSettings
    network: Network
    resolver: Resolver
    clock: Clock
    rng: Rng
    disk: Disk
    is_own_address: Callable[[str], bool]
    addresses: tuple[str, ...]
    status: Status | None
    silence: str = ""
    silent: tuple[int, ...] = ()
    probe: str = "gmail.com"

    def router(self) -> SettingsRouter:
        """Make the router that the server would have."""
        settings = self.settings
        return SettingsRouter(
            RoutingRules(settings.routing, settings.route, settings.domain),
            self.resolver,
            self.rng,
            own_names=(settings.hostname,),
            own_endpoints=tuple(listener.endpoint for listener in settings.listener),
            is_own_address=self.is_own_address,
        )

    @property
    def sends_direct(self) -> bool:
        """Tell whether mail for the world leaves by MX, and not by a smarthost."""
        return not any(route.match == "*" and route.next_hop for route in self.settings.route)

    async def addresses_of(self, name: str) -> tuple[list[Ip], str]:
        """Return the addresses of *name*, and the name that its aliases lead to.

        Raises:
            DnsError: not known now.
        """
        v4, v6 = await self.resolver.a(name), await self.resolver.aaaa(name)
        return [*v4.records, *v6.records], v4.canonical_name if v4.records else v6.canonical_name


CheckFunction: TypeAlias = Callable[[Site], Awaitable[Sequence[Finding]]]


def good(what: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, what)


def note(what: str, why: str = "", mend: str = "") -> Finding:
    """Return what is worth knowing."""
    return Finding(Level.NOTE, what, why, mend)


def warning(what: str, why: str, mend: str) -> Finding:
    """Return what will do harm to some mail."""
    return Finding(Level.WARNING, what, why, mend)


def error(what: str, why: str, mend: str) -> Finding:
    """Return what keeps mail from flowing, or lets flow what must not."""
    return Finding(Level.ERROR, what, why, mend)
