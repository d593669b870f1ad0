"""Floor 5 · doctor — every check, in the order in which it is best to mend what they find."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.config import BadSettingsError, MailrailSettings, load
from mailrail.dns import ResolverDownError
from mailrail.doctor import (
    aliases,
    certificates,
    domains,
    hops,
    local,
    lookups,
    machine,
    maildrop,
    names,
    people,
    relaying,
)
from mailrail.doctor.api import CheckFunction, Finding, Level, Site, error, good, note, warning
from mailrail.model import DnsError

_SETTINGS: Final = "settings"
_NO_RESOLVER: Final = "no resolver answers"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        about: what it asks, in one line.
        run: does it.
        needs_dns: it says nothing without a resolver.
    """

    about: str
    run: CheckFunction
    needs_dns: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    check: str
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Tell whether nothing must be mended."""
        return all(finding.level is not Level.ERROR for finding in self.findings)


async def _settings(site: Site) -> Sequence[Finding]:
    return [good(f"{site.config} is good")]


CHECKS: Final[dict[str, Check]] = {
    _SETTINGS: Check("the settings file, as config check sees it", _settings),
    "server": Check("whether the server runs, and with these settings", machine.server),
    "spool": Check("the spool: directory, owner, mode, space, SQLite, lock", machine.spool),
    "maildrop": Check("whether programs of this machine can hand in mail", maildrop.maildrop),
    "ports": Check("whether each address to listen at is ours or free", machine.ports),
    "clock": Check("whether the clock is behind what is stored", machine.clock),
    "certificate": Check("dates and names of the certificates", certificates.certificate),
    "tls": Check("TLS at each listener of the running server", certificates.tls),
    "users": Check("whether somebody can log in where logins are for", people.users),
    "tables": Check("whether each lookup table answers", lookups.tables),
    "aliases": Check(
        "whether the aliases of the settings and every postmaster lead to somebody", aliases.aliases
    ),
    "root": Check("whether somebody reads what cron and other programs write to root", aliases.root),
    "resolver": Check("whether the resolver answers", names.resolver),
    "host": Check("whether the host name leads here", names.host, needs_dns=True),
    "reverse": Check("whether the addresses have names that lead back", names.reverse, needs_dns=True),
    "mx": Check("whether mail for each domain comes here", domains.mx, needs_dns=True),
    "spf": Check("who may send for each domain", domains.spf, needs_dns=True),
    "dmarc": Check("what each domain says of forged mail", domains.dmarc, needs_dns=True),
    "relay": Check("whether strangers may send to strangers, by the rules and by a session", relaying.relay),
    "agents": Check("whether mailboxes can be written and programs run, as the server", local.agents),
    "hops": Check("the next hops of the settings: answer, TLS, login", hops.hops),
    "outbound": Check("whether port 25 to the world is open", hops.outbound, needs_dns=True),
}


def settings_result(config: Path) -> tuple[MailrailSettings | None, Result | None]:
    """Load the settings; without good ones nothing else can be checked.

    Returns:
        The settings, or else what is wrong with them.
    """
    try:
        return load(config), None
    except BadSettingsError as bad:
        found = tuple(
            error(
                f"{one.key}: {one.text}" if one.key else one.text,
                f"in {one.where}",
                one.mend or "mend it there",
            )
            for one in bad.problems
        )
        return None, Result(_SETTINGS, found)


async def examine(site: Site, only: Collection[str] = ()) -> AsyncIterator[Result]:
    """Do the checks, all or *only* some, one after the other."""
    is_silent = False
    for name, check in CHECKS.items():
        if only and name not in only:
            continue
        if is_silent and check.needs_dns:
            yield Result(name, (note("not checked: no resolver answers"),))
            continue
        try:
            found = await check.run(site)
        except ResolverDownError as trouble:
            found = [_down(trouble)]
        except DnsError as trouble:
            found = [_unknown(trouble)]
        is_silent = is_silent or any(one.what == _NO_RESOLVER for one in found)
        yield Result(name, tuple(found))


def _down(trouble: ResolverDownError) -> Finding:
    return error(_NO_RESOLVER, str(trouble), "name one that does by dns.servers, or mend /etc/resolv.conf")


def _unknown(trouble: DnsError) -> Finding:
    return warning(
        f"{trouble.name} could not be looked up",
        f"{trouble}: its zone or its servers are broken, and others will not find it either",
        "have whoever keeps its DNS mend the zone (dnsviz.net shows what is wrong), then try again",
    )
