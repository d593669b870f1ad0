"""Floor 5 · migrate — Postfix's lookup tables as tables of mailrail's: each written once, read where it lies."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mailrail.migrate.databases import NoCounterpartError, database_table
from mailrail.migrate.draft import Draft, File
from mailrail.migrate.logical_lines import Line
from mailrail.migrate.maps import Entry, Table, inline_entries, read_aliases, read_lines
from mailrail.migrate.matching import entries_of
from mailrail.migrate.report import Subject

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME: Final = re.compile(r"[^@\s\"|/:\\<>()]+")  # a target that is no more than a local part
_OTHERS: Final = {
    "mysql": "MySQL is not asked: move the table to PostgreSQL or SQLite, or write it out into a file ([table] kind = \"file\").",
    "nis": "NIS is not asked: write the table out into a file.",
}  # fmt: skip
_PATTERNS: Final = ("regexp", "pcre")
_DATABASES: Final = ("pgsql", "sqlite", "ldap")
# Whose targets Postfix completes with myorigin.
_COMPLETED: Final = (
    "virtual_alias_maps",
    "canonical_maps",
    "sender_canonical_maps",
    "recipient_canonical_maps",
)


class TableBook:
    """Writes [table], and knows their names.

    Args:
        home: directory of the settings file, where rewritten tables go.
    """

    def __init__(self, draft: Draft, home: str) -> None:
        self._draft = draft
        self._postfix = draft.postfix
        self._home = home
        self._names: dict[tuple[str, bool], str] = {}

    def name_of(self, table: Table, parameter: str, *, is_aliases: bool = False) -> str:
        """Return the name of the table that stands for *table*, written if need be; "" where there is none, which is told.

        Args:
            is_aliases: its file is in the form of aliases(5).
        """
        known = self._names.get((table.text, is_aliases), "")
        if known:
            self._draft.put_table(("table", known), _subject(self._draft, parameter, table))
            return known
        name = self._names[table.text, is_aliases] = self._write(table, parameter, is_aliases=is_aliases)
        return name

    def entries(self, table: Table, *, is_aliases: bool = False) -> list[Entry] | None:
        """Return the lines of *table* with lower-case keys; None where they cannot be read from text."""
        try:
            if is_aliases and table.is_indexed:
                found: list[Entry] | None = read_aliases(self._postfix.file(table.name))
            else:
                found = entries_of(self._postfix, table)
        except OSError:
            return None
        return None if found is None else [replace(entry, key=entry.key.lower()) for entry in found]

    def _write(self, table: Table, parameter: str, *, is_aliases: bool) -> str:
        subject = _subject(self._draft, parameter, table)
        name = self._free_name(table)
        path = ("table", name)
        is_read = table.is_indexed or table.kind in _PATTERNS
        if is_read and not self._postfix.file(table.name).exists():
            self._draft.look(
                subject, f"{table.name} is not here: the settings cannot be used before it is there."
            )
        if table.is_indexed:
            self._draft.put((*path, "kind"), "aliases" if is_aliases else "file", subject)
            place = self._completed(table, name, subject) if parameter in _COMPLETED else ""
            self._draft.put((*path, "file"), place or self._postfix.place(table.name), subject)
        elif table.kind in _PATTERNS and table.name.startswith("/"):
            self._draft.put((*path, "kind"), "regex", subject)
            self._draft.put((*path, "file"), self._postfix.place(table.name), subject)
        elif table.kind == "inline":
            self._draft.put((*path, "kind"), "inline", subject)
            entries = {entry.key: entry.value for entry in inline_entries(table)}
            self._draft.put((*path, "entries"), entries, subject)
        elif table.kind in _DATABASES and table.name.startswith("/"):
            return name if self._database(table, name, subject) else ""
        else:
            words = _OTHERS.get(
                table.kind, f"There is no table like {table.kind or 'this'} here: write it out into a file."
            )
            self._draft.unsupported(subject, words)
            return ""
        return name

    def _database(self, table: Table, name: str, subject: Subject) -> bool:
        """Write a table that a database answers, and tell whether it can be asked."""
        try:
            lines = read_lines(self._postfix.file(table.name))
            asked = database_table(table.kind, _parameters(lines))
        except OSError as error:
            self._draft.look(
                subject, f"{table.name} cannot be read here: {error.strerror}. The table is missing."
            )
            return False
        except NoCounterpartError as error:
            self._draft.unsupported(subject, f"{table.name}: {error}")
            return False
        for key, value in asked.settings.items():
            self._draft.put(("table", name, key), value, subject)
        if asked.password:
            file = f"{name}.password"
            self._draft.files[file] = File(f"{asked.password}\n", is_secret=True)
            words = f"The password is in {self._home}/{file}, for its owner to read only."
            self._draft.put(("table", name, "password_file"), f"{self._home}/{file}", subject, text=words)
        for note in asked.notes:
            self._draft.look(subject, f"{table.name}: {note}")
        return True

    def _completed(self, table: Table, name: str, subject: Subject) -> str:
        """Write a table of virtual(5) anew where a target has no domain, and return its path; "" where each has one.

        In Postfix such a target is one at myorigin; in mailrail it is one of the alias' own domain.
        """
        origin = self._postfix.value("myorigin")
        entries = self.entries(table) or []
        whole = [replace(entry, value=_with_domain(entry.value, origin)) for entry in entries]
        changed = sum(old.value != new.value for old, new in zip(entries, whole, strict=True))
        if not changed:
            return ""
        head = f"# {table.name} of Postfix, its targets written out with their domain.\n"
        self._draft.files[name] = File(head + "".join(f"{entry.key}  {entry.value}\n" for entry in whole))
        place = f"{self._home}/{name}"
        words = f"{changed} of its lines have a target without a domain, which means one at {origin} (myorigin): they are written out in {place}."
        self._draft.look(subject, words)
        return place

    def _free_name(self, table: Table) -> str:
        base = (
            _UNFIT.sub("-", table.name.rpartition("/")[2]).strip("-")
            if table.name.startswith("/")
            else table.kind
        )
        if not base[:1].isalpha():
            base = f"table-{base}"
        taken = self._draft.get(("table",)) or {}
        return next(
            name for name in (base, *(f"{base}-{number}" for number in range(2, 1000))) if name not in taken
        )


def _subject(draft: Draft, parameter: str, table: Table) -> Subject:
    """Return the table as a subject: the whole parameter, where it is its only one."""
    return Subject(parameter) if len(draft.postfix.tables(parameter)) == 1 else Subject(parameter, table.text)


def _parameters(lines: Iterable[Line]) -> dict[str, str]:
    """Return what a table's own configuration says; it has the form of main.cf."""
    pairs = (line.text.partition("=")[::2] for line in lines)
    return {name.strip(): value.strip() for name, value in pairs}


def _with_domain(value: str, domain: str) -> str:
    """Return a list of targets, those without a domain completed."""
    targets = [target.strip() for target in value.split(",")]
    return ", ".join(f"{target}@{domain}" if _NAME.fullmatch(target) else target for target in targets)
