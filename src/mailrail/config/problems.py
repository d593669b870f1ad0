"""Floor 5 · config — what is wrong with the settings, in words for the person who must mend it.

Law: a problem names the file, the line, the key, what is wrong and the mend; all problems are
told at once; the value of a secret is never shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailrail.config.lines import KeyPath
from mailrail.model import SettingsError


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file; line 0 when the whole file is meant."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        where: file and line.
        key: as it is written in TOML, "" when no key is at fault.
        text: what is wrong.
        mend: what to do about it, "" when the text says it already.
    """

    where: Where
    key: str
    text: str
    mend: str = ""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        mend = f"\n    {self.mend}" if self.mend else ""
        return f"{self.where}: {key}{self.text}{mend}"


class BadSettingsError(SettingsError):
    """The settings cannot be used.

    Attributes:
        problems: every one that was found, in the order of files and lines.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


def spell(path: KeyPath) -> str:
    """Write *path* as a person would look for it: `domain."example.org".relay_to`, `route[2].match`.

    Places in arrays are counted from 1.
    """
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part + 1}]"
        else:
            words += f"{'.' if words else ''}{part if _is_bare(part) else quote(part)}"
    return words


def quote(text: str) -> str:
    """Write *text* as a TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _is_bare(name: str) -> bool:
    return name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
