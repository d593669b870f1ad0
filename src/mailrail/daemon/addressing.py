"""Floor 5 · daemon — joins the room that knows addresses to those that it must ask."""

from collections.abc import Mapping

from mailrail.addresses import (
    Addresses,
    Bounds,
    Expander,
    NextHop,
    NotKnownNowError,
    Rewriter,
    RewritingRules,
    Sources,
    Verified,
    local_domains,
)
from mailrail.config import MailrailSettings
from mailrail.directory import Directory, DirectoryError, login_name
from mailrail.model import parse_address
from mailrail.observe import Bus
from mailrail.sasl import PreparationError
from mailrail.tables import Table


class Logins:
    """Who has a mailbox because he has a login."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def has(self, name: str) -> bool:
        """Tell whether there is a user *name*."""
        try:
            return await self._directory.find(login_name(name)) is not None
        except PreparationError:
            return False
        except DirectoryError as error:
            raise NotKnownNowError(str(error)) from None


def open_addresses(
    settings: MailrailSettings,
    tables: Mapping[str, Table],
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
    postmaster = settings.report.postmaster
    reader = parse_address(postmaster) if postmaster else None
    people = None if directory is None else Logins(directory)
    addresses = Addresses(
        Expander(domains, ours, bounds, reader, rewriting),
        Sources(tables=tables, people=people, next_hop=Verified(next_hop, settings.verify)),
        bus,
        message_recipients=settings.addresses.message_recipients,
    )
    return addresses, Rewriter(rewriting, tables) if canonical.is_on else None
