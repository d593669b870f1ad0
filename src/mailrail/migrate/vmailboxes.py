"""Floor 5 · migrate — where virtual(8) puts mail: the paths of virtual_mailbox_maps as the one template of an agent."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from mailrail.migrate.agent_book import AgentBook
from mailrail.migrate.draft import Draft
from mailrail.migrate.maps import Entry
from mailrail.migrate.report import Subject
from mailrail.migrate.table_book import TableBook

_PARAMETERS: Final = ("virtual_mailbox_base", "virtual_mailbox_maps", "virtual_uid_maps", "virtual_gid_maps")
_USUAL: Final = "{domain}/{local_part}/"


class VirtualMailboxes:
    """Finds the template that fits the paths, and writes the agent."""

    def __init__(self, draft: Draft, agents: AgentBook, tables: TableBook) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._agents = agents
        self._tables = tables

    def write(self) -> str:
        """Write the agent and return its name."""
        base = self._postfix.value("virtual_mailbox_base").rstrip("/")
        found = Counter(template for _, template in self._templates())
        template = found.most_common(1)[0][0] if found else _USUAL
        odd = [entry for entry, other in self._templates() if other != template]
        if odd:
            words = (
                f"Mailboxes are at {base}/{template}, but for {len(odd)} that lie elsewhere ({odd[0].key}: {odd[0].value}): move them, or "
                "give each an alias to its path."
            )
            self._draft.look("virtual_mailbox_maps", words)
        if not found:
            words = f"Where each mailbox lies cannot be read from here; it is taken to be {base}/{template}."
            self._draft.look("virtual_mailbox_maps", words)
        kind = "maildir" if template.endswith("/") else "mbox"
        owner = self._account("virtual_uid_maps", self._postfix.account_name)
        group = self._account("virtual_gid_maps", self._postfix.group_name)
        place = f"{base}/{template.rstrip('/')}"
        return self._agents.mailboxes("virtual", kind, place, owner, group, Subject("virtual_mailbox_base"))

    def tell_none(self) -> None:
        """Say that there are no mailboxes of this kind."""
        for name in _PARAMETERS:
            self._draft.needless(name, "There are no virtual mailbox domains.")

    def tell_elsewhere(self) -> None:
        """Say that another program keeps the mailboxes."""
        for name in ("virtual_mailbox_base", "virtual_uid_maps", "virtual_gid_maps"):
            self._draft.needless(
                name, "virtual_transport hands mail over to another program, which knows where mailboxes are."
            )

    def _templates(self) -> Iterator[tuple[Entry, str]]:
        for table in self._postfix.tables("virtual_mailbox_maps"):
            for entry in self._tables.entries(table) or ():
                local_part, at, domain = entry.key.rpartition("@")
                if at and local_part:
                    yield entry, _template(entry.value, local_part, domain)

    def _account(self, parameter: str, name_of: Callable[[int], str]) -> str:
        """Return the name of the account of a `static:5000`."""
        tables = self._postfix.tables(parameter)
        if not tables:
            return ""
        table = tables[0]
        is_one = len(tables) == 1 and table.kind == "static" and table.name.isdecimal()
        name = name_of(int(table.name)) if is_one else ""
        if not name:
            words = f"Mailboxes belong to {self._postfix.value(parameter)}: name that account in agent.virtual, which this machine does not know or is not one."
            self._draft.look(parameter, words)
        return name


def _template(value: str, local_part: str, domain: str) -> str:
    """Return *value* with the parts of an address that are whole names in it replaced."""
    parts = []
    for part in value.split("/"):
        folded = part.lower()
        if folded == domain:
            part = "{domain}"
        elif folded == local_part:
            part = "{local_part}"
        elif folded == f"{local_part}@{domain}":
            part = "{local_part}@{domain}"
        parts.append(part)
    return "/".join(parts).lstrip("/")
