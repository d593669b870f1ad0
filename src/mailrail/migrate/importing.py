"""Floor 5 · migrate — from a Postfix to a settings file and a report: the map of this room.

Each step writes what it knows of, and says of each line what became of it; what no step has spoken of, the last one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.config import HEAD, starter
from mailrail.migrate.agent_book import AgentBook
from mailrail.migrate.draft import Draft, File
from mailrail.migrate.hops import HopWriter
from mailrail.migrate.listeners import Listeners, receiving
from mailrail.migrate.locals import Locals
from mailrail.migrate.numbers import take_numbers
from mailrail.migrate.postfix import Postfix
from mailrail.migrate.relaying import write_identity, write_networks, write_outgoing, write_postmaster
from mailrail.migrate.remainder import tell_remainder
from mailrail.migrate.report import Report
from mailrail.migrate.restrictions import Restrictions
from mailrail.migrate.rewriting import write_maildrop, write_rewriting
from mailrail.migrate.routes import Routes
from mailrail.migrate.server_tls import tell_unused, write_tls
from mailrail.migrate.table_book import TableBook

_HEAD: Final = f"# Settings of mailrail, made by mailrail import postfix; above each value stands the line that it comes from.\n{HEAD}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What one Postfix became.

    Attributes:
        toml: the settings file.
        files: what stands beside it, by name.
    """

    toml: str
    files: Mapping[str, File]
    report: Report


def import_postfix(postfix: Postfix, home: Path) -> Imported:
    """Make settings of *postfix*. Blocks: tables are read.

    Args:
        home: directory where the settings file will stand.
    """
    draft = Draft(postfix)
    services = receiving(postfix.services)
    restrictions = Restrictions(draft, services)
    hops = HopWriter(draft, str(home))
    agents = AgentBook(draft)
    write_identity(draft)
    Listeners(draft, services, restrictions).write()
    write_networks(draft, restrictions)
    write_tls(draft, services)
    routes = Routes(draft, hops, agents)
    tables = TableBook(draft, str(home))
    addresses = Locals(draft, hops, agents, tables)
    addresses.write_domains()
    routes.write_relay_domains()
    addresses.write_names()
    write_rewriting(draft, tables)
    write_maildrop(draft)
    routes.write()
    restrictions.write_verification()
    restrictions.tell()
    write_postmaster(draft)
    write_outgoing(draft)
    take_numbers(draft)
    tell_unused(draft)
    tell_remainder(draft)
    return Imported(_HEAD + starter(draft.tree, draft.origins), dict(draft.files), draft.report())
