"""Floor 5 · migrate — where mail goes: relay domains, transport_maps, relayhost and TLS policies become domains and routes.

Postfix asks the transport table for the domain, then for each parent with a dot before it, then for "*"; mailrail's routes are
asked from top to bottom. So the most special one is written first, and relayhost last. Source: transport(5), postconf(5).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mailrail.migrate.agent_book import AgentBook
from mailrail.migrate.draft import Draft
from mailrail.migrate.hops import Destination, HopWriter, parse_destination, parse_relay
from mailrail.migrate.lookups import line_subject, tables_of
from mailrail.migrate.matching import Names, read_names
from mailrail.migrate.report import Subject
from mailrail.model import AddressError, parse_domain


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of the transport table.

    Attributes:
        match: as mailrail writes it: a domain, `*.parent` or `*`.
    """

    match: str
    destination: Destination
    subject: Subject

    @property
    def rank(self) -> tuple[int, int]:
        """What comes first: whole domains, then the longest parents, then "*"."""
        kind = 2 if self.match == "*" else int(self.match.startswith("*."))
        return kind, -len(self.match)


class Routes:
    """Writes [domain] of relay domains, and [[route]].

    Args:
        hops: writes next hops.
        agents: knows what delivers here.
    """

    def __init__(self, draft: Draft, hops: HopWriter, agents: AgentBook) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._hops = hops
        self._agents = agents

    def write_relay_domains(self) -> None:
        """Write a domain for each that mail is taken and passed on for."""
        name = "relay_domains"
        found = read_names(self._postfix, self._postfix.value(name))
        relay = parse_destination(self._postfix, self._postfix.value("relay_transport"))
        for domain, subject in domains_of(self._draft, name, found):
            path = ("domain", domain)
            if self._draft.get(path) is not None:
                if self._postfix.is_set(name):
                    self._draft.look(
                        subject, f"{domain} is in another list of domains already, and the first one counts."
                    )
                continue
            self._draft.put_table(path, subject)
            if relay.next_hop and relay.is_smtp:
                self._hops.write(path, "relay_to", relay, Subject("relay_transport"), domain=domain)
        if found.included and name in self._postfix.words("parent_domain_matches_subdomains"):
            words = "Postfix takes mail for every name below these domains, too; mailrail only for those that are named."
            self._draft.look(name, words)
        if not found.included:
            self._draft.needless(name, "There is none.")
        if not relay.next_hop:
            self._draft.needless(
                "relay_transport", "Mail for these domains goes as the routes say, or to their MX."
            )
        elif not relay.is_smtp:
            self._draft.unsupported(
                "relay_transport",
                f"{relay.program} cannot stand for all relay domains; give each a way of its own.",
            )

    def write(self) -> None:
        """Write the routes, the most special first."""
        rules = sorted(self._rules(), key=lambda rule: rule.rank)
        for rule in rules:
            self._write_rule(rule)
        self._write_policies({rule.match for rule in rules})
        self._write_default(has_all=any(rule.match == "*" for rule in rules))

    # --- The transport table ------------------------------------------------------------

    def _rules(self) -> Iterator[_Rule]:
        name = "transport_maps"
        for table, entries in tables_of(self._draft, name):
            for entry in entries:
                subject = line_subject(name, table, entry)
                match = _as_match(entry.key)
                if not match:
                    words = "Mail for a single address goes the way of its domain; an alias can send it elsewhere."
                    self._draft.unsupported(subject, words)
                    continue
                yield _Rule(match, self._meant(entry.value), subject)

    def _meant(self, value: str) -> Destination:
        """Return where a line sends mail; an empty one, where mail goes that no line fits."""
        if value.strip() in ("", ":"):
            relayhost = self._postfix.value("relayhost")
            return parse_relay(self._postfix, relayhost)
        return parse_destination(self._postfix, value)

    def _write_rule(self, rule: _Rule) -> None:
        is_ours = self._draft.get(("domain", rule.match)) is not None
        if not rule.destination.is_smtp:
            agent = self._agents.of(rule.destination, rule.subject)
            if agent:
                path = ("domain", rule.match) if is_ours else self._append(rule)
                self._draft.put((*path, "deliver"), agent, rule.subject)
            return
        if is_ours and rule.destination.next_hop:
            path = ("domain", rule.match)
            for key in ("relay_to", "deliver"):
                self._draft.drop((*path, key))
            self._hops.write(path, "relay_to", rule.destination, rule.subject)
            return
        path = self._append(rule)
        domain = rule.match.removeprefix("*").lstrip(".")
        self._hops.write(path, "next_hop", rule.destination, rule.subject, domain=domain)

    def _append(self, rule: _Rule) -> tuple[str, int]:
        path = self._draft.append("route")
        self._draft.put((*path, "match"), rule.match, rule.subject)
        return path

    # --- TLS policies for whole domains -------------------------------------------------

    def _write_policies(self, done: set[str]) -> None:
        """Write a route for each domain that a policy asks more TLS for than others; those of next hops are written with them."""
        name = "smtp_tls_policy_maps"
        has_relayhost = bool(self._postfix.value("relayhost"))
        rows: list[tuple[str, Subject]] = []
        for table, entries in tables_of(self._draft, name):
            for entry in entries:
                subject = line_subject(name, table, entry)
                if self._draft.is_told_exactly(subject):
                    continue
                match = _as_match(entry.key)
                if (
                    entry.key.startswith("[")
                    or ":" in entry.key
                    or not match
                    or match in done
                    or has_relayhost
                ):
                    self._draft.needless(subject, "No mail goes to this next hop.")
                    continue
                rows.append((match, subject))
        for match, subject in sorted(rows, key=lambda row: (row[0].startswith("*."), -len(row[0]))):
            path = self._draft.append("route")
            self._draft.put((*path, "match"), match, subject)
            domain = match.removeprefix("*")
            self._hops.write(path, "next_hop", parse_destination(self._postfix, ""), subject, domain=domain)

    # --- Everything else ----------------------------------------------------------------

    def _write_default(self, *, has_all: bool) -> None:
        relayhost = self._postfix.value("relayhost")
        usual = parse_destination(self._postfix, self._postfix.value("default_transport"))
        if relayhost and has_all:
            self._draft.needless("relayhost", 'The transport table has a line "*", which comes before it.')
        elif relayhost:
            path = self._draft.append("route")
            self._draft.put((*path, "match"), "*", "relayhost")
            # relayhost names the next hop, default_transport the program that goes there.
            both = Destination(
                usual.transport, usual.program if usual.is_smtp else "smtp", relayhost, usual.service
            )
            self._hops.write(path, "next_hop", both, Subject("relayhost"))
        elif not usual.is_smtp or usual.next_hop:
            self._write_usual(usual)
        if not relayhost:
            self._draft.needless("relayhost", "Mail goes to the MX of its domain, by itself.")
        self._draft.needless("default_transport", "Mail goes by SMTP where nothing else is said.")
        for name in (
            "sender_dependent_relayhost_maps",
            "sender_dependent_default_transport_maps",
            "smtp_sender_dependent_authentication",
        ):
            if self._postfix.value(name) not in ("", "no"):
                words = "Routes go by the recipient: mail of all senders leaves the same way. Several mailrails, each with a smarthost, can stand in."
                self._draft.unsupported(name, words)

    def _write_usual(self, usual: Destination) -> None:
        subject = Subject("default_transport")
        path = self._draft.append("route")
        self._draft.put((*path, "match"), "*", subject)
        if usual.is_smtp:
            self._hops.write(path, "next_hop", usual, subject)
        elif agent := self._agents.of(usual, subject):
            self._draft.put((*path, "deliver"), agent, subject)


def domains_of(draft: Draft, name: str, found: Names) -> Iterator[tuple[str, Subject]]:
    """Yield the domains of a list as mailrail spells them, each with its line; say of the rest why it is missing."""
    for table in found.unlisted:
        words = "Domains cannot be listed from here: write a [domain] for each."
        draft.look(Subject(name, table.text), words)
    for path, reason in found.unreadable:
        draft.look(
            Subject(name, path),
            f"{path} cannot be read here: {reason}. Write a [domain] for each domain in it.",
        )
    excluded = [one.text for one in found.names if one.is_excluded]
    for one in found.included:
        subject = Subject(name, f"{one.place} {one.text}") if one.place else Subject(name, one.text)
        if len(found.names) == 1 and not one.place:
            subject = Subject(name)
        if one.text in excluded:
            continue
        try:
            domain = parse_domain(one.text.lstrip("."))
        except AddressError as error:
            draft.look(subject, f"It is no domain: {error}.")
            continue
        if one.text.startswith("."):
            draft.look(
                subject,
                "Every name below it is meant: name each, for mailrail takes mail for named domains only.",
            )
            continue
        yield domain, subject


def _as_match(key: str) -> str:
    """Return the key of a transport table as the pattern of a route; "" for what is none."""
    if key == "*":
        return key
    try:
        if key.startswith("."):
            return f"*.{parse_domain(key[1:])}"
        return "" if "@" in key else parse_domain(key)
    except AddressError:
        return ""
