"""Floor 5 · migrate — what became of each line of Postfix's: the report, for people and for programs. Pure.

Law: nothing is dropped silently, and no secret is repeated.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from textwrap import wrap
from typing import Final

_WIDTH: Final = 100
_INDENT: Final = "      "


class Fate(Enum):
    """What became of a setting; the value is the heading."""

    TAKEN_OVER = "Taken over"
    LOOK = "Please look at"
    UNSUPPORTED = "Not supported"
    NEEDLESS = "No longer needed"

    @property
    def key(self) -> str:
        """The word in JSON."""
        return self.value.lower().replace(" ", "_")


_ABOUT: Final = {
    Fate.TAKEN_OVER: "It stands in the settings file, each value with the line that it comes from.",
    Fate.LOOK: "Here mailrail differs, or this command had to decide: see whether it decided as you would.",
    Fate.UNSUPPORTED: "What it did is not done any more; where there is another way, it is told.",
    Fate.NEEDLESS: "It can go: mailrail does it by itself, or has nothing that it could apply to.",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about.

    Attributes:
        name: a parameter, a service of master.cf, or a file.
        part: one word of its value, where its words have different fates.
        service: the service that sets the parameter by -o, as `submission/inet`; "" for main.cf.
    """

    name: str
    part: str = ""
    service: str = ""

    def __str__(self) -> str:
        whole = f"{self.service} -o {self.name}" if self.service else self.name
        return f"{whole}: {self.part}" if self.part else whole


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one subject.

    Attributes:
        place: file and line, like `main.cf:12`.
        value: as written, secrets hidden.
        settings: of mailrail, as `mailrail config reference` names them.
        text: why, and what to do.
    """

    subject: Subject
    place: str
    value: str
    fate: Fate
    settings: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Every entry, in the order of the files."""

    entries: tuple[Entry, ...]

    def of(self, fate: Fate) -> list[Entry]:
        """Return the entries of one list."""
        return [entry for entry in self.entries if entry.fate is fate]

    def as_text(self) -> str:
        """Write it for people."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        counts = ", ".join(f"{len(self.of(fate))} {fate.value.lower()}" for fate in Fate)
        yield f"{len(self.entries)} settings of Postfix: {counts}."
        for fate in Fate:
            entries = self.of(fate)
            if entries:
                yield from ("", fate.value, "=" * len(fate.value), *_wrapped(_ABOUT[fate], ""))
                for group in _grouped(entries):
                    yield from _group_lines(group)

    def as_json(self) -> str:
        """Write it for programs: one object a line."""
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in map(_row, self.entries))


def _row(entry: Entry) -> dict[str, object]:
    return {
        **asdict(entry.subject),
        "place": entry.place,
        "value": entry.value,
        "fate": entry.fate.key,
        "settings": list(entry.settings),
        "text": entry.text,
    }


def _grouped(entries: Iterable[Entry]) -> Iterable[list[Entry]]:
    """Put together what the same is said of, so that it is said once."""
    groups: dict[tuple[tuple[str, ...], str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.settings, entry.text), []).append(entry)
    return groups.values()


def _group_lines(group: list[Entry]) -> Iterator[str]:
    yield ""
    for entry in group:
        value = f" = {entry.value}" if entry.value and not entry.subject.part else ""
        subject = entry.subject.part if entry.subject.name == entry.place else str(entry.subject)
        yield f"  {entry.place}: {subject}{value}"
    if group[0].settings:
        yield from _wrapped("-> " + ", ".join(group[0].settings), _INDENT)
    if group[0].text:
        yield from _wrapped(group[0].text, _INDENT)


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
