"""Floor 5 · migrate — who lives here: local, virtual alias, virtual mailbox and relay domains with their mailboxes and aliases.

Source: ADDRESS_CLASS_README, VIRTUAL_README, local(8), virtual(8), aliases(5), virtual(5).
"""

from collections.abc import Sequence
from typing import Final

from mailrail.config import complaint
from mailrail.migrate.agent_book import AgentBook
from mailrail.migrate.draft import Draft
from mailrail.migrate.hops import Destination, HopWriter, parse_destination
from mailrail.migrate.maps import Table
from mailrail.migrate.matching import read_names
from mailrail.migrate.report import Subject
from mailrail.migrate.routes import domains_of
from mailrail.migrate.table_book import TableBook
from mailrail.migrate.vmailboxes import VirtualMailboxes

_ALL_NAMES: Final = "static"
_ACCOUNTS: Final = "unix"


class Locals:
    """Writes [domain] for all that ends here."""

    def __init__(self, draft: Draft, hops: HopWriter, agents: AgentBook, tables: TableBook) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._hops = hops
        self._agents = agents
        self._tables = tables
        self._local: list[str] = []
        self._virtual: list[str] = []

    def write_domains(self) -> None:
        """Write the domains whose mail ends here: local ones, virtual ones with aliases only, virtual ones with mailboxes."""
        self._local = self._write_local()
        self._virtual = [*self._write_virtual_alias(), *self._write_virtual_mailbox()]

    def write_names(self) -> None:
        """Write who can be written to at all domains, those for which mail is only passed on included."""
        self._write_relay_recipients()
        self._write_virtual_aliases()
        self._write_alias_maps()
        self._write_separators()

    # --- Classes ------------------------------------------------------------------------

    def _write_local(self) -> list[str]:
        domains = self._domains("mydestination")
        if not domains:
            self._tell_no_local()
            return []
        name = "local_transport"
        destination = parse_destination(self._postfix, self._postfix.value(name), "local")
        if destination.program == "local" and (transport := self._postfix.value("mailbox_transport")):
            self._draft.needless(name, "mailbox_transport stands behind it.")
            name, destination = "mailbox_transport", parse_destination(self._postfix, transport, "local")
        for domain in domains:
            self._deliver(domain, destination, Subject(name))
        is_local = destination.program == "local"
        self._draft.needless("mailbox_transport", "local_transport comes before it.")
        for other in ("home_mailbox", "mailbox_command", "mail_spool_directory"):
            if not is_local or not self._draft.is_told(other):
                self._draft.needless(other, "Another way of delivery comes before it.")
        self._write_local_names(domains)
        return domains

    def _tell_no_local(self) -> None:
        words = "No domain is delivered here (mydestination is empty)."
        for name in (
            "mydestination",
            "local_transport",
            "local_recipient_maps",
            "mailbox_transport",
            "mailbox_command",
            "home_mailbox",
            "alias_maps",
            "mail_spool_directory",
        ):
            self._draft.needless(name, words)

    def _write_local_names(self, domains: Sequence[str]) -> None:
        """Write whose names are mailboxes: accounts of the system, or what local_recipient_maps lists."""
        name = "local_recipient_maps"
        aliases = {table.text for table in self._postfix.tables("alias_maps")}
        tables = [table for table in self._postfix.tables(name) if table.text not in aliases]
        if not tables:
            self._draft.look(
                name, "Without it every name is taken, and what has no mailbox comes back to its sender."
            )
            return
        names = [
            self._accounts(name) if table.kind == _ACCOUNTS else self._mailbox_table(table, name)
            for table in tables
        ]
        found = list(dict.fromkeys(filter(None, names)))
        if found:
            for domain in domains:
                self._draft.put(("domain", domain, "mailboxes"), found, name)

    def _accounts(self, parameter: str) -> str:
        """Return the table of the system's accounts."""
        self._draft.put(("table", "accounts", "kind"), "accounts", parameter)
        return "accounts"

    def _write_virtual_alias(self) -> list[str]:
        return self._domains("virtual_alias_domains", maps="virtual_alias_maps")

    def _write_virtual_mailbox(self) -> list[str]:
        name = "virtual_mailbox_domains"
        domains = self._domains(name, maps="virtual_mailbox_maps")
        mailboxes = VirtualMailboxes(self._draft, self._agents, self._tables)
        if not domains:
            mailboxes.tell_none()
            self._draft.needless("virtual_transport", "There are no virtual mailbox domains.")
            return []
        destination = parse_destination(self._postfix, self._postfix.value("virtual_transport"), "virtual")
        if destination.program == "virtual":
            agent = mailboxes.write()
            for domain in domains:
                self._draft.put(("domain", domain, "deliver"), agent, "virtual_transport")
        else:
            mailboxes.tell_elsewhere()
            for domain in domains:
                self._deliver(domain, destination, Subject("virtual_transport"))
        self._write_mailboxes(domains, "virtual_mailbox_maps")
        return domains

    def _write_relay_recipients(self) -> None:
        name = "relay_recipient_maps"
        domains = [
            domain
            for domain, _ in domains_of(
                self._draft, "relay_domains", read_names(self._postfix, self._postfix.value("relay_domains"))
            )
        ]
        if domains and self._postfix.value(name):
            self._write_mailboxes(domains, name)
        else:
            self._draft.needless(name, "It names nothing, or nobody that mail is taken for.")

    def _domains(self, name: str, *, maps: str = "") -> list[str]:
        """Write the tables of the domains that *name* lists, and return them.

        Args:
            maps: where a class is its table by default, that table: of its keys, only whole domains are meant.
        """
        found = []
        names = read_names(self._postfix, self._postfix.value(name))
        if maps and not self._postfix.is_set(name):
            names.names = [one for one in names.names if "@" not in one.text and "." in one.text]
            names.unlisted, names.unreadable = [], []  # told of with the table itself
        for domain, subject in domains_of(self._draft, name, names):
            if self._draft.get(("domain", domain)) is not None:
                self._draft.look(
                    subject, f"{domain} is in another list of domains already, and the first one counts."
                )
                continue
            self._draft.put_table(
                ("domain", domain), subject if self._postfix.is_set(name) or not maps else maps
            )
            found.append(domain)
        if not found:
            self._draft.needless(name, "It lists no domain.")
        return found

    def _deliver(self, domain: str, destination: Destination, subject: Subject) -> None:
        path = ("domain", domain)
        if destination.is_smtp:
            self._hops.write(path, "relay_to", destination, subject, domain=domain)
        elif agent := self._agents.of(destination, subject):
            self._draft.put((*path, "deliver"), agent, subject)

    # --- Mailboxes ------------------------------------------------------------------------

    def _write_mailboxes(self, domains: Sequence[str], parameter: str) -> None:
        tables = self._postfix.tables(parameter)
        for domain in domains:
            if any(self._takes_all(table, domain) for table in tables):
                self._draft.taken(parameter, f"Every name of {domain} is taken.", ("domain", domain))
                continue
            names = list(filter(None, (self._mailbox_table(table, parameter) for table in tables)))
            if names:
                subjects = (
                    [Subject(parameter)]
                    if len(tables) == 1
                    else [Subject(parameter, table.text) for table in tables]
                )
                self._draft.put(("domain", domain, "mailboxes"), names, *subjects)

    def _takes_all(self, table: Table, domain: str) -> bool:
        if table.kind == _ALL_NAMES:
            return True
        return any(entry.key == f"@{domain}" for entry in self._tables.entries(table) or ())

    def _mailbox_table(self, table: Table, parameter: str) -> str:
        return "" if table.kind == _ALL_NAMES else self._tables.name_of(table, parameter)

    # --- Aliases --------------------------------------------------------------------------

    def _write_virtual_aliases(self) -> None:
        name = "virtual_alias_maps"
        tables = self._postfix.tables(name)
        if not tables:
            self._draft.needless(name, "It names nothing.")
        ours: dict[str, object] = self._draft.get(("domain",)) or {}
        for table in tables:
            entries = self._tables.entries(table)
            keys = None if entries is None else {entry.key for entry in entries}
            wanted = [domain for domain in ours if keys is None or self._is_asked(keys, domain)]
            found = self._tables.name_of(table, name) if wanted else ""
            if not wanted:
                self._draft.look(
                    Subject(name, table.text), "None of its lines is for a domain that mail is taken for."
                )
            if found:
                self._append_aliases(
                    wanted, found, Subject(name) if len(tables) == 1 else Subject(name, table.text)
                )
            self._tell_keys(
                Subject(name, table.text) if len(tables) > 1 else Subject(name), keys or set(), set(ours)
            )

    def _is_asked(self, keys: set[str], domain: str) -> bool:
        """Tell whether a table of virtual(5) says anything of *domain*; names without a domain are those of local ones."""
        if domain in self._virtual:
            return True
        return any(key.rpartition("@")[2] == domain if "@" in key else domain in self._local for key in keys)

    def _append_aliases(self, domains: Sequence[str], table: str, subject: Subject) -> None:
        for domain in domains:
            path = ("domain", domain, "aliases")
            self._draft.put(path, [*(self._draft.get(path) or ()), table], subject)

    def _tell_keys(self, subject: Subject, keys: set[str], ours: set[str]) -> None:
        """Tell which lines of a table of virtual(5) mean something else here, or nothing."""
        foreign = sorted(key for key in keys if "@" in key and key.rpartition("@")[2] not in ours)
        if foreign:
            words = f"Mail for other domains is not rewritten: {len(foreign)} lines count for nothing, {foreign[0]} for one."
            self._draft.look(subject, words)
        bare = sorted(key for key in keys if "@" not in key and key not in ours)
        if bare and self._virtual:
            words = f"A name without a domain is one of every domain that asks this table, not of local ones only: {bare[0]} for one."
            self._draft.look(subject, words)

    def _write_alias_maps(self) -> None:
        name = "alias_maps"
        tables = [
            table
            for table in self._postfix.tables(name)
            if table.kind != "nis" and not self._is_usual_and_gone(table, name)
        ]
        if not self._local or not tables:
            self._draft.needless(name, "There is no local domain that it is asked for.")
            return
        for table in tables:
            subject = Subject(name) if len(self._postfix.tables(name)) == 1 else Subject(name, table.text)
            if found := self._tables.name_of(table, name, is_aliases=table.is_indexed):
                self._append_aliases(self._local, found, subject)
                self._allow(table, subject)
        if len(tables) < len(self._postfix.tables(name)):
            self._draft.needless(Subject(name, "nis:mail.aliases"), "NIS is not asked.")

    def _is_usual_and_gone(self, table: Table, name: str) -> bool:
        """Tell whether a file is only meant by default, and not there."""
        return (
            not self._postfix.is_set(name)
            and table.is_indexed
            and not self._postfix.file(table.name).exists()
        )

    def _allow(self, table: Table, subject: Subject) -> None:
        """Let aliases do what they do in Postfix, as far as one does."""
        values = [entry.value for entry in self._tables.entries(table, is_aliases=True) or ()]
        signs = {"files": "/", "programs": "|", "includes": ":include:"}
        powers = [
            power
            for power, sign in signs.items()
            if any(part.strip().strip('"').startswith(sign) for value in values for part in value.split(","))
        ]
        for domain in self._local:
            if powers:
                self._draft.put(("domain", domain, "allow"), powers, subject)

    # --- Sub-addresses --------------------------------------------------------------------

    def _write_separators(self) -> None:
        name = "recipient_delimiter"
        marks = self._postfix.value(name)
        domains: dict[str, dict[str, object]] = self._draft.get(("domain",)) or {}
        if fault := complaint({"domain": {"a.example": {"separators": marks}}}):
            self._draft.look(name, f"It cannot be taken over as it is: {fault}.")
            return
        for domain, table in domains.items():
            if table.keys() & {"deliver", "mailboxes", "aliases"}:
                self._draft.put(("domain", domain, "separators"), marks, name)
        self._draft.needless(name, "No domain has names of its own here.")
        if marks and self._postfix.value("virtual_alias_maps"):
            words = (
                "A detail is handed on to the target of an alias only where that is in a domain of ours: ann+news, where ann leads to "
                "bob@else.example, goes to bob, not to bob+news (propagate_unmatched_extensions)."
            )
            self._draft.look(name, words)
