r"""Floor 2 · tables — regular expressions: the first that fits says what the values are.

    '^(.+)-request@(.+)$' = '$1-owner@$2'

What fits is chosen by strangers, so two things are guarded. An expression that takes for ever (A74) is given a time, by the library, and in a
thread that lets others run. And what a key brings into a value by `$1` stays part of that value: it makes no further ones, and no program, file or list
of what was none. `$` at the end of a name that is none stays what it is; `$$` is one `$`.

*Source:* regexp_table(5), pcre_table(5) of Postfix, for the format of files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import regex

from mailrail.model import SettingsError
from mailrail.observe import Bus
from mailrail.tables.api import TableError
from mailrail.tables.pool import Pool
from mailrail.tables.settings import RegexSettings
from mailrail.tables.targets import NO_ADDRESS, TargetError, read_targets
from mailrail.tables.textfile import TextFile
from mailrail.tables.textforms import gathered, logical_lines

_GROUP: Final = regex.compile(r"\$(?:\$|(\d+)|\{(\w+)\})")
_ROUND: Final = regex.compile(
    r"\$\((\w+)\)"
)  # the same as ${...}, but for who reads lists it would be a comment
# i switches whether capitals count, and keys come without any.
_FLAGS: Final = {"i": 0, "m": regex.MULTILINE, "s": regex.DOTALL, "x": regex.VERBOSE}
_THREADS: Final = 2  # ours: a match takes microseconds, and a hostile one holds one of these
_WAITING: Final = 1000
_RULE: Final = regex.compile(r"(!?)([^\w\s\\])((?:\\.|(?!\2).)*+)\2([a-zA-Z]*)(?:\s+(.*))?", regex.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """One expression and what it leads to.

    Attributes:
        is_inverted: it leads there where it does not fit.
    """

    pattern: "regex.Pattern[str]"
    values: tuple[str, ...]
    is_inverted: bool = False

    def apply(self, key: str, timeout_s: float) -> tuple[str, ...] | None:
        """Return what *key* leads to, None where it leads nowhere.

        Raises:
            TimeoutError: it takes too long.
        """
        # concurrent: the loop runs on meanwhile.
        found = self.pattern.search(key, timeout=timeout_s, concurrent=True)
        if self.is_inverted:
            return None if found else self.values
        if found is None:
            return None
        values = tuple(_filled(value, found) for value in self.values)
        return None if None in values else tuple(value for value in values if value is not None)


Rules = tuple[Rule, ...]


def _filled(template: str, found: "regex.Match[str]") -> str | None:
    value = _GROUP.sub(lambda group: _group(found, group), template)
    is_more = value.startswith(NO_ADDRESS) and not template.startswith(NO_ADDRESS)
    return None if is_more or not value else value


def _group(found: "regex.Match[str]", group: "regex.Match[str]") -> str:
    name = next(filter(None, group.groups()), None)
    if name is None:
        return "$"
    return found[int(name) if name.isdigit() else name] or ""


def make_rule(
    pattern: str, values: Sequence[str], *, flags: int = regex.IGNORECASE, is_inverted: bool = False
) -> Rule:
    """Make a rule.

    Raises:
        SettingsError: the expression is none, or a value asks for what it does not have.
    """
    try:
        compiled = regex.compile(pattern, flags)
    except regex.error as error:
        raise SettingsError(f"{pattern!r} is no regular expression: {error}") from None
    for value in values:
        for group in _GROUP.finditer(value):
            _check_group(compiled, value, group, is_inverted=is_inverted)
    return Rule(compiled, tuple(values), is_inverted)


def _check_group(
    pattern: "regex.Pattern[str]", value: str, group: "regex.Match[str]", *, is_inverted: bool
) -> None:
    name = next(filter(None, group.groups()), None)
    if name is None:
        return
    has_it = int(name) <= pattern.groups if name.isdigit() else name in pattern.groupindex
    if is_inverted or not has_it:
        raise SettingsError(f"{value!r} asks for group {name}, which {pattern.pattern!r} does not have")
    if value.startswith(NO_ADDRESS):
        raise SettingsError(
            f"{value!r} would let strangers say part of a program's or file's name: leave out {group[0]}"
        )


def read_rules(text: str) -> Rules:
    """Read a file of lines `/pattern/flags values`, as regexp_table(5) and pcre_table(5) have it.

    Raises:
        SettingsError: with every line that is wrong.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    for number, line in logical_lines(text):
        try:
            rules.append(_rule(line.strip()))
        except (SettingsError, TargetError) as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise gathered(problems)
    return tuple(rules)


def _rule(line: str) -> Rule:
    if regex.match(r"(if|endif)\b", line):
        raise SettingsError(
            "if and endif are not known here: write the condition into each pattern, like (?=...)"
        )
    parts = _RULE.fullmatch(line)
    if parts is None:
        raise SettingsError("is no pattern with values: write it like /^info@/ ann, bob@example.org")
    flags = regex.IGNORECASE
    for letter in parts[4]:
        if letter not in _FLAGS:
            raise SettingsError(f"there is no flag {letter}: known are {', '.join(_FLAGS)}")
        flags ^= _FLAGS[letter]
    return make_rule(
        parts[3], read_targets(_ROUND.sub(r"${\1}", parts[5] or "")), flags=flags, is_inverted=bool(parts[1])
    )


class PatternTable:
    """Implements Table."""

    def __init__(self, rules: Rules, file: TextFile[Rules] | None, pool: Pool, timeout_s: float) -> None:
        """Join rules of the settings, which are asked first, with those of a file."""
        self._rules = rules
        self._file = file
        self._pool = pool
        self._timeout_s = timeout_s

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        """Return what the first pattern that fits leads to."""
        rules = self._rules if self._file is None else (*self._rules, *await self._file.content())
        return await self._pool.run(lambda: self._first(rules, key))

    def _first(self, rules: Rules, key: str) -> tuple[str, ...] | None:
        for rule in rules:
            try:
                values = rule.apply(key, self._timeout_s)
            except TimeoutError:
                raise TableError(f"{rule.pattern.pattern!r} takes too long for {key!r}") from None
            if values is not None:
                return values
        return None

    def describe(self) -> str:
        """Say how many there are."""
        here = f"{_patterns(len(self._rules))} in the settings" if self._rules or self._file is None else ""
        there = "" if self._file is None else f"{_patterns(len(self._file.known()))} in {self._file.path}"
        return " and ".join(filter(None, (here, there)))

    async def close(self) -> None:
        """Take no more questions."""
        self._pool.close()


def _patterns(count: int) -> str:
    return f"{count} pattern{'' if count == 1 else 's'}"


def open_patterns(
    rules: Mapping[str, tuple[str, ...]], settings: RegexSettings, name: str, bus: Bus
) -> PatternTable:
    """Return the table of *rules*, and of the file of *settings* if there is one. Blocks.

    Args:
        rules: those of the settings, their values in parts.
        name: of the table, for events.
        bus: hears of each reading.

    Raises:
        SettingsError: one of them is none.
    """
    made = tuple(make_rule(pattern, values) for pattern, values in rules.items())
    file: TextFile[Rules] | None = None
    if settings.file is not None:
        file = TextFile(settings.file, name, read_rules, len, bus)
        file.begin()
    return PatternTable(made, file, Pool(_THREADS, _WAITING), settings.expression_timeout_s)
