"""Floor 5 · migrate — single look-ups in tables of Postfix's, as far as they can be read from text."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailrail.migrate.draft import Draft
from mailrail.migrate.maps import Entry, Table
from mailrail.migrate.master import Service
from mailrail.migrate.matching import entries_of
from mailrail.migrate.report import Subject


@dataclass(frozen=True, slots=True)
class Hit:
    """What a table has for a key.

    Attributes:
        is_secret: the value stands in main.cf itself, so that the parameter must not be repeated.
    """

    table: Table
    entry: Entry

    @property
    def value(self) -> str:
        """What the key stands for."""
        return self.entry.value

    @property
    def is_secret(self) -> bool:
        """Tell whether the entry stands in main.cf."""
        return self.entry.number == 0

    def subject(self, name: str) -> Subject:
        """Return the line as the subject of an entry; the value is not repeated, for it may hold a password."""
        return line_subject(name, self.table, self.entry)


def line_subject(name: str, table: Table, entry: Entry) -> Subject:
    """Return one line of a table of the parameter *name* as the subject of an entry: `/etc/postfix/transport:3 example.org`."""
    return Subject(name, f"{table.name}:{entry.number} {entry.key}" if entry.number else entry.key)


def look_up(draft: Draft, name: str, keys: Iterable[str], service: Service | None = None) -> Hit | None:
    """Return what the tables of the parameter *name* have for the first of *keys* that one knows; say what cannot be read."""
    wanted = list(dict.fromkeys(keys))
    found: dict[str, Hit] = {}
    for table, entries in tables_of(draft, name, service):
        for entry in entries:
            found.setdefault(entry.key.lower(), Hit(table, entry))
        if table.kind == "static":
            found.update(
                {
                    key.lower(): Hit(table, Entry("static", table.name, 0))
                    for key in wanted
                    if key.lower() not in found
                }
            )
    return next((found[key.lower()] for key in wanted if key.lower() in found), None)


def tables_of(draft: Draft, name: str, service: Service | None = None) -> Iterable[tuple[Table, list[Entry]]]:
    """Yield the tables of the parameter *name* with their lines; say of those that cannot be read why."""
    for table in draft.postfix.tables(name, service):
        if table.kind == "static":
            yield table, []
            continue
        try:
            entries = entries_of(draft.postfix, table)
        except OSError as error:
            draft.look(
                Subject(name, table.text),
                f"{table.name} cannot be read here: {error.strerror}. What is in it is missing.",
            )
            continue
        if entries is None:
            words = f"What a {table.kind or 'table without a type'} answers cannot be read from a text: write down what it is for."
            draft.look(Subject(name, table.text), words)
            continue
        yield table, entries
