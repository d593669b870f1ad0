"""Floor 5 · migrate — the settings file that is being made, and beside it what became of each line of Postfix's.

Law: a value enters only together with the line that it comes from, and what is said twice of one subject is one entry: of two
fates the one that wants more attention counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mailrail.config import KeyPath, spell
from mailrail.migrate.master import Service
from mailrail.migrate.postfix import Postfix
from mailrail.migrate.report import Entry, Fate, Report, Subject

_ATTENTION: Final = (Fate.NEEDLESS, Fate.TAKEN_OVER, Fate.UNSUPPORTED, Fate.LOOK)
_SECRET_ENDS: Final = ("password", "_pw", "_passwd", "bindpw", "secret")
_HOLDERS: Final = ("_sasl_password_maps",)  # whose inline: and static: tables are secrets themselves
_LONGEST: Final = 160  # characters of a value that are repeated
_ALL_ELSE: Final = "all else"
HIDDEN: Final = "(hidden)"


@dataclass(frozen=True, slots=True)
class File:
    """A file beside the settings file.

    Attributes:
        is_secret: for its owner only (0600).
    """

    content: str
    is_secret: bool = False


class Draft:
    """What has been decided so far.

    Attributes:
        postfix: where everything comes from.
        tree: settings, nested as in the file.
        files: what is to stand beside the settings file, by name.
    """

    def __init__(self, postfix: Postfix) -> None:
        self.postfix = postfix
        self.tree: dict[str, Any] = {}
        self.files: dict[str, File] = {}
        self._origins: dict[KeyPath, list[str]] = {}
        self._entries: dict[Subject, Entry] = {}

    # --- Settings ---------------------------------------------------------------------

    def put(self, path: KeyPath, value: object, *subjects: Subject | str, text: str = "") -> None:
        """Set *path* to *value*, which comes from *subjects*."""
        self._place(path, value)
        self.tell_origin(path, *subjects)
        for subject in map(as_subject, subjects):
            self._note(subject, Fate.TAKEN_OVER, text, setting=path)

    def put_table(self, path: KeyPath, *subjects: Subject | str) -> None:
        """Make the table *path*, unless it is there, and say which lines it comes from."""
        if self.get(path) is None:
            self._place(path, {})
        self.tell_origin(path, *subjects)
        for subject in map(as_subject, subjects):
            self._note(subject, Fate.TAKEN_OVER, "", setting=path)

    def append(self, name: str) -> tuple[str, int]:
        """Begin another table of the array *name* and return its path."""
        tables = self.tree.setdefault(name, [])
        tables.append({})
        return name, len(tables) - 1

    def drop(self, path: KeyPath) -> None:
        """Take *path* out again, for a more special line stands in its place."""
        table = self.get(path[:-1])
        if isinstance(table, dict):
            table.pop(path[-1], None)
        self._origins.pop(path, None)

    def get(self, path: KeyPath) -> Any:
        """Return what is set at *path*, None for nothing."""
        value: Any = self.tree
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError):
                return None
        return value

    def tell_origin(self, path: KeyPath, *subjects: Subject | str) -> None:
        """Say that *path* comes from *subjects*, too."""
        known = self._origins.setdefault(path, [])
        for line in map(self._origin, map(as_subject, subjects)):
            if line not in known:
                known.append(line)

    @property
    def origins(self) -> Mapping[KeyPath, Iterable[str]]:
        """Where each value comes from, in words for a comment."""
        return self._origins

    def _place(self, path: KeyPath, value: object) -> None:
        table: Any = self.tree
        for part in path[:-1]:
            table = table[part] if isinstance(part, int) else table.setdefault(part, {})
        table[path[-1]] = value

    # --- Fates ------------------------------------------------------------------------

    def taken(self, subject: Subject | str, text: str, *settings: KeyPath) -> None:
        """Say that *subject* is taken over, by *settings* or because mailrail does just that."""
        self._note(as_subject(subject), Fate.TAKEN_OVER, text)
        for path in settings:
            self._note(as_subject(subject), Fate.TAKEN_OVER, "", setting=path)

    def needless(self, subject: Subject | str, text: str) -> None:
        """Say that *subject* is no longer needed, and why."""
        self._note(as_subject(subject), Fate.NEEDLESS, text)

    def unsupported(self, subject: Subject | str, text: str) -> None:
        """Say that *subject* is not supported, and what to do instead."""
        self._note(as_subject(subject), Fate.UNSUPPORTED, text)

    def look(self, subject: Subject | str, text: str) -> None:
        """Ask the reader to look at *subject*."""
        self._note(as_subject(subject), Fate.LOOK, text)

    def is_told(self, subject: Subject | str) -> bool:
        """Tell whether something was said of *subject*, whole or in parts."""
        wanted = as_subject(subject)
        return any(replace(known, part="") == wanted for known in self._entries)

    def is_told_exactly(self, subject: Subject) -> bool:
        """Tell whether something was said of just this *subject*."""
        return subject in self._entries

    def _note(self, subject: Subject, fate: Fate, text: str, setting: KeyPath | None = None) -> None:
        if not self._is_written(subject) and fate is not Fate.LOOK:
            return  # a default that does as before needs no word
        old = self._entries.get(subject)
        if old is None:
            old = Entry(subject, self.place_of(subject), self.shown(subject), fate)
        elif fate is Fate.NEEDLESS:
            return  # something was done with it
        elif old.fate is Fate.NEEDLESS:
            old = replace(old, text="")
        words = [old.text, text] if text and text not in old.text else [old.text]
        names = [*old.settings, _named(setting)] if setting is not None else old.settings
        self._entries[subject] = replace(
            old,
            fate=max(old.fate, fate, key=_ATTENTION.index),
            text=" ".join(filter(None, words)),
            settings=tuple(dict.fromkeys(names)),
        )

    def report(self) -> Report:
        """Return every entry in the order of the files, what is in none at the end.

        Where words of a value have fates of their own, "no longer needed" of the whole says nothing more, and any other fate is that of
        the words that are left.
        """
        in_parts = {replace(subject, part="") for subject in self._entries if subject.part}
        told = []
        for entry in self._entries.values():
            if entry.subject not in in_parts:
                told.append(entry)
            elif entry.fate is not Fate.NEEDLESS:
                told.append(replace(entry, subject=replace(entry.subject, part=_ALL_ELSE)))
        return Report(tuple(sorted(told, key=_order)))

    # --- Where it stands --------------------------------------------------------------

    def _is_written(self, subject: Subject) -> bool:
        """Tell whether a person wrote it, so that a word is owed."""
        return (
            bool(subject.service)
            or self.postfix.is_set(subject.name)
            or subject.name not in self.postfix.known_names
        )

    def place_of(self, subject: Subject) -> str:
        """Return file and line of *subject*."""
        if subject.name == "master.cf":
            return subject.name
        if subject.service:
            return self._service_place(subject.service)
        if subject.name in self.postfix.parameters:
            return f"main.cf:{self.postfix.parameters[subject.name].number}"
        if any(service.label == subject.name for service in self.postfix.services):
            return self._service_place(subject.name)
        return "default" if subject.name in self.postfix.known_names else ""

    def _service_place(self, label: str) -> str:
        found: Iterable[Service] = (one for one in self.postfix.services if one.label == label)
        return next((f"master.cf:{one.number}" for one in found), "master.cf")

    def shown(self, subject: Subject) -> str:
        """Return the value of *subject* as written, without what nobody should read."""
        service = next((one for one in self.postfix.services if one.label == subject.service), None)
        value = self.postfix.raw(subject.name, service)
        if subject.name.endswith(_SECRET_ENDS) and value:
            return HIDDEN
        if subject.name.endswith(_HOLDERS):
            value = _without_inline(value)
        return printable(value)

    def _origin(self, subject: Subject) -> str:
        place = self.place_of(subject)
        name = f"-o {subject.name}" if subject.service else subject.name
        if subject.part:
            return f"{place}: {name}: {printable(subject.part)}"
        value = self.shown(subject)
        if value and place == "default":
            value = printable(self.postfix.value(subject.name))
        return f"{place}: {name}" + (f" = {value}" if value else "")


def as_subject(subject: Subject | str) -> Subject:
    """Return a subject of main.cf by its name alone."""
    return Subject(subject) if isinstance(subject, str) else subject


def printable(text: str) -> str:
    """Return *text* fit for a comment or a terminal: on one line, without control characters, not too long."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}..."


def _without_inline(value: str) -> str:
    for kind in ("inline:", "static:"):
        head, found, _ = value.partition(kind)
        value = f"{head}{found}{HIDDEN}" if found else value
    return value


def _named(path: KeyPath) -> str:
    """Write a setting without the numbers of its tables, and of tables that are written whole their name only: `route.next_hop`."""
    names = tuple(part for part in path if isinstance(part, str))
    return spell(names[:2] if names[0] in ("table", "agent") else names)


def _order(entry: Entry) -> tuple[int, int]:
    file, _, number = entry.place.partition(":")
    files = ("main.cf", "master.cf")
    return (files.index(file) if file in files else len(files)), int(number or 0)
