"""Floor 2 · tables — the text formats of tables that people edit: aliases(5), lines of key and values, patterns. Pure.

All three have the same logical lines: one that begins with a space goes on with the one before, and lines that are empty or whose first sign is `#` are
not there, not even in the middle of a continued one. That is how Postfix and Sendmail read them (aliases(5), postmap(1), regexp_table(5)).
Each problem is told with its line, and all of them at once.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from mailrail.model import SettingsError
from mailrail.tables.targets import TargetError, read_targets

Entries = dict[str, tuple[str, ...]]
_MOST_PROBLEMS: Final = 10  # told of one file; the rest only counted
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ALIAS: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^":\s][^":]*?)\s*(@[^\s:"]+)?\s*:(.*)', re.DOTALL)
_PAIR: Final = re.compile(r'("(?:[^"\\]|\\.)*"(?:@\S+)?|\S+)(?:\s+(.*))?', re.DOTALL)


def read_aliases(text: str) -> Entries:
    """Read a file in the format of aliases(5).

    Raises:
        SettingsError: with every line that is wrong.
    """
    return _entries(text, _alias)


def read_pairs(text: str) -> Entries:
    """Read lines of a key and, behind space, its values, as postmap(1) does; a key alone has none.

    Raises:
        SettingsError: with every line that is wrong.
    """
    return _entries(text, _pair)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each logical line with the number of its first."""
    first, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip()
        if not bare or bare.lstrip().startswith("#"):
            continue
        if bare[0].isspace() and parts:
            parts.append(bare)
            continue
        if parts:
            yield first, "".join(parts)
        first, parts = number, [bare]
    if parts:
        yield first, "".join(parts)


def gathered(problems: list[str]) -> SettingsError:
    """Return *problems* as one error, the first of them in words."""
    more = len(problems) - _MOST_PROBLEMS
    told = [*problems[:_MOST_PROBLEMS], f"and {more} more"] if more > 0 else problems
    return SettingsError("; ".join(told))


def _entries(text: str, read: Callable[[str], tuple[str, tuple[str, ...]]]) -> Entries:
    found: Entries = {}
    lines: dict[str, int] = {}
    problems: list[str] = []
    for number, line in logical_lines(text):
        try:
            key, values = read(line)
        except TargetError as error:
            problems.append(f"line {number}: {error}")
            continue
        # Others take the first or the last and say nothing; whom the other line was for waits in vain.
        if (first := lines.setdefault(key, number)) != number:
            problems.append(f"line {number}: {key} is there already, in line {first}")
        found[key] = values
    if problems:
        raise gathered(problems)
    return found


def _alias(line: str) -> tuple[str, tuple[str, ...]]:
    parts = _ALIAS.fullmatch(line)
    if parts is None:
        raise TargetError("is no alias: write it like info: ann, bob@example.org")
    values = read_targets(parts[3])
    if not values:
        raise TargetError(f"{parts[1]} leads nowhere: name somebody behind the colon")
    return (_unquoted(parts[1]) + (parts[2] or "")).lower(), values


def _pair(line: str) -> tuple[str, tuple[str, ...]]:
    parts = _PAIR.fullmatch(line.strip())
    if parts is None:
        raise TargetError("is no key with values: write it like info ann, bob@example.org")
    return _unquoted(parts[1]).lower(), read_targets(parts[2] or "")


def _unquoted(key: str) -> str:
    """Return a key that was quoted because of its spaces or colons as addresses are looked up: without."""
    found = _QUOTED.match(key)
    return key if found is None else re.sub(r"\\(.)", r"\1", found[1]) + key[found.end() :]
