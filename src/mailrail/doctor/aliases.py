"""Floor 5 · doctor — aliases of the settings and every postmaster: do they lead to somebody?"""

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from mailrail.addresses import UNKNOWN, Addresses, Expansion, NotKnownNowError, Refusal, Resolved
from mailrail.agents import Kind, all_agents
from mailrail.daemon.addressing import open_addresses
from mailrail.directory import open_directory
from mailrail.doctor.api import Finding, Site, error, good, note, warning
from mailrail.model import Address, Recipient
from mailrail.observe import Bus
from mailrail.pickup import Access
from mailrail.tables import Doors, open_tables

_NOBODY: Final = "nobody-at-all.doctor"  # no mailbox is called so, but where every name is one


class _Unasked:
    """Next hops that are left in peace: what they know is asked when there is mail."""

    async def takes(self, address: Address) -> bool:
        raise NotKnownNowError(f"no next hop is asked about {address}")


async def aliases(site: Site) -> Sequence[Finding]:
    """Do the aliases of the settings, and postmaster of each domain, lead to somebody?"""
    async with _addresses(site) as addresses:
        asked = [one for one in _names(site) if addresses.concerns(one)]
        found = [finding for one in asked for finding in _judge(one, await _resolve(addresses, one))]
        strange = [
            finding for name in _mailbox_makers(site) for finding in await _open_to_all(addresses, name)
        ]
    if not asked:
        return [note("not checked: every name of every domain is taken as it is")]
    return [
        *(found or [good(f"the aliases and postmasters lead to somebody ({len(asked)} asked)")]),
        *strange,
    ]


async def root(site: Site) -> Sequence[Finding]:
    """Does somebody read what programs of this machine, cron first of all, write to root?"""
    settings = site.settings
    if settings.maildrop.access is Access.NOBODY:
        return [note("not checked: programs of this machine cannot hand in mail")]
    address = Address("root", settings.maildrop.origin or settings.hostname)
    name = address.domain
    if name not in settings.domain:
        return [
            warning(
                f"nobody here reads mail for {address}, to which cron writes",
                f"{name} is no domain of the settings: such mail goes away, and most often comes back",
                f'[domain."{name}"] alias = {{ root = "YOU@example.org", postmaster = "YOU@example.org" }}, '
                'and [report] postmaster = "YOU@example.org" for notices that cannot be delivered',
            )
        ]
    async with _addresses(site) as addresses:
        if not addresses.concerns(address):
            return [good(f"mail for {address} goes where all mail for {name} does")]
        return [*_judge(address, await _resolve(addresses, address))] or [
            good(f"mail for {address} leads to somebody")
        ]


@asynccontextmanager
async def _addresses(site: Site) -> AsyncIterator[Addresses]:
    """Open who answers for the domains, as the server does but that no next hop is asked."""
    settings, bus = site.settings, Bus()
    tables = open_tables(settings.table, Doors(bus, site.network))
    directory = open_directory(settings.users, None, bus, site.rng, site.network, site.clock)
    try:
        yield open_addresses(settings, tables, directory, _Unasked(), bus)[0]
    finally:
        await tables.close()
        if directory is not None:
            await directory.close()


def _names(site: Site) -> Iterator[Address]:
    for name, domain in site.settings.domain.items():
        for local_part in dict.fromkeys(("postmaster", *domain.alias)):
            yield Address(local_part, name)


def _mailbox_makers(site: Site) -> Iterator[str]:
    """Yield the domains whose agent makes a mailbox where there is none."""
    agents = all_agents(site.settings.agent)
    for name, domain in site.settings.domain.items():
        agent = agents.get(domain.deliver)
        if agent is not None and agent.kind in (Kind.MAILDIR, Kind.MBOX) and agent.create:
            yield name


async def _open_to_all(addresses: Addresses, domain: str) -> list[Finding]:
    somebody = Recipient(Address(_NOBODY, domain))
    resolved = await _resolve(addresses, somebody.forward_path)
    if not isinstance(resolved, Expansion) or resolved.recipients != (somebody,):
        return []
    return [
        note(
            f"every name of {domain} has a mailbox, and whoever writes to a new one makes it",
            "nothing says who lives there: there are no users, and no table of mailboxes",
            f'name a table of them: [domain."{domain}"] mailboxes = ["TABLE"]',
        )
    ]


async def _resolve(addresses: Addresses, address: Address) -> Resolved:
    answer = addresses.resolve(Recipient(address))
    return await answer if isinstance(answer, Awaitable) else answer


def _judge(address: Address, resolved: Resolved) -> Iterator[Finding]:
    if isinstance(resolved, Refusal):
        answered = error if resolved.reply.enhanced_code != "4.3.0" else note
        yield answered(
            f"mail for {address} is answered with {resolved.reply}",
            resolved.reason,
            f"mailrail explain {address}",
        )
        return
    lost = [str(one.forward_path) for one in resolved.recipients if one.target == UNKNOWN]
    if lost:
        yield warning(
            f"{address} leads to {', '.join(lost)}, who does not exist",
            "whoever writes to it gets a notice that this one failed",
            f"mend the alias, or see which rule says so: mailrail explain {address}",
        )
