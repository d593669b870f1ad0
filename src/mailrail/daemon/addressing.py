"""Floor 5 · daemon — joins the room that knows addresses to those that it must ask."""

from collections.abc import Mapping

from mailrail.addresses import (
    Addresses,
    Bounds,
    Expander,
    NextHop,
    NotKnownNowError,
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
) -> Addresses:
    """Return who answers for the domains in *settings*; within the running loop."""
    domains = local_domains(
        settings.domain,
        delivered_here=(),
        sent_on=[name for name, domain in settings.domain.items() if domain.relay_to],
        has_users=directory is not None and directory.knows_names,
    )
    bounds = Bounds(depth=settings.addresses.depth, recipients=settings.addresses.recipients)
    postmaster = settings.report.postmaster
    reader = parse_address(postmaster) if postmaster else None
    people = None if directory is None else Logins(directory)
    return Addresses(
        Expander(domains, frozenset(settings.domain), bounds, reader),
        Sources(tables=tables, people=people, next_hop=Verified(next_hop, settings.verify)),
        bus,
        message_recipients=settings.addresses.message_recipients,
    )
