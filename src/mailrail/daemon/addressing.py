"""Floor 5 · daemon — joins the room that knows addresses to those that it must ask."""

from mailrail.addresses import (
    Addresses,
    Bounds,
    Expander,
    Names,
    NextHop,
    NotKnownNowError,
    Rewriter,
    RewritingRules,
    Sources,
    Verified,
    local_domains,
)
from mailrail.config import MailrailSettings
from mailrail.directory import Directory, DirectoryError, Residents, login_name
from mailrail.model import Address, parse_address
from mailrail.observe import Bus
from mailrail.sasl import PreparationError
from mailrail.tables import Tables


class Logins:
    """Who has a mailbox because he has a login."""

    def __init__(self, residents: Residents) -> None:
        self._residents = residents

    async def has(self, name: str) -> bool:
        """Tell whether there is a user *name*."""
        try:
            return await self._residents.has(login_name(name))
        except PreparationError:
            return False
        except DirectoryError as error:
            raise NotKnownNowError(str(error)) from None


def open_addresses(
    settings: MailrailSettings,
    tables: Tables,
    directory: Directory | None,
    next_hop: NextHop,
    bus: Bus,
) -> tuple[Addresses, Rewriter | None]:
    """Return who answers for the domains in *settings*, and who rewrites addresses, if any; within the running loop."""
    domains = local_domains(
        settings.domain,
        delivered_here=[name for name, domain in settings.domain.items() if domain.deliver],
        sent_on=[name for name, domain in settings.domain.items() if domain.relay_to],
        has_users=directory is not None and directory.knows_names,
    )
    ours, canonical = frozenset(settings.domain), settings.canonical
    rewriting = RewritingRules(
        sender=canonical.sender,
        recipient=canonical.recipient,
        masquerade=canonical.masquerade,
        shown=frozenset(name.lower() for name in canonical.masquerade_except),
        domains=domains,
        ours=ours,
    )
    bounds = Bounds(depth=settings.addresses.depth, recipients=settings.addresses.recipients)
    readers = (
        Address("postmaster", name)
        for name in settings.domain
        if name not in domains or domains[name].names is not Names.NONE
    )
    named = settings.report.postmaster
    # RFC 5321 §4.5.1: where a domain has only aliases, somebody at another one.
    reader = parse_address(named) if named else next(readers, None)
    people = None if directory is None else Logins(Residents(directory, settings.users.mailbox_cache_s))
    addresses = Addresses(
        Expander(domains, ours, bounds, reader, rewriting),
        Sources(
            tables=tables,
            people=people,
            next_hop=Verified(next_hop, settings.verify),
            at_once=tables.at_once,
        ),
        bus,
        message_recipients=settings.addresses.message_recipients,
    )
    return addresses, Rewriter(rewriting, tables) if canonical.is_on else None
