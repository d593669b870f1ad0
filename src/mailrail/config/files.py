"""Floor 5 · config — from files to one tree of values that knows where each came from.

The main file is read first, then `conf.d/*.toml` beside it by name. Tables merge, arrays of
tables append, and a key that stands in two files is an error: no file silently wins.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mailrail.config.lines import KeyPath, locate
from mailrail.config.problems import Problem, Where, spell

FILE_BYTES: Final = 16 * 1024 * 1024  # ours; a settings file beyond this is a mistake, not settings
DEPTH: Final = (
    50  # tables and lists inside one another; settings need six, and what walks the tree is recursive
)
_LONG_NUMBER: Final = re.compile(r"[0-9][0-9_]{4000}")
Tree = dict[str, Any]


class Source:
    """The merged settings as written.

    Attributes:
        tree: the values, merged.
        problems: what is wrong already.
        files: those that were tried, in order.
        is_whole: every file could be read, so that what is missing is missing.
    """

    def __init__(self, main: Path) -> None:
        self.main = main
        self.tree: Tree = {}
        self.problems: list[Problem] = []
        self.files: list[Path] = []
        self.is_whole = True
        self._where: dict[KeyPath, Where] = {}

    def where(self, path: KeyPath) -> Where:
        """Return the place of *path*, or of the nearest table around it that is written somewhere."""
        while path and path not in self._where:
            path = path[:-1]
        return self._where.get(path, Where(str(self.main)))

    def paths(self) -> Iterable[KeyPath]:
        """Return every key and table that is written somewhere."""
        return self._where.keys()

    def read(self, file: Path) -> None:
        """Add *file* to the tree; what is wrong with it becomes a problem."""
        self.files.append(file)
        try:
            tree, lines = _parse(file, _read_text(file))
        except _NotToml as error:
            self._fail(error.problem)
        except (OSError, ValueError) as error:
            self._fail(_unreadable(file, error))
        else:
            _Merger(self, str(file), lines).merge(self.tree, tree, (), ())

    def read_folder(self, folder: Path) -> None:
        """Add the TOML files of *folder* by name; it need not be there."""
        try:
            files = sorted(file for file in folder.iterdir() if file.name.endswith(".toml"))
        except FileNotFoundError:
            return
        except OSError as error:
            # What cannot be looked into must not pass for empty: settings would be missing unnoticed.
            self._fail(_unreadable(folder, error))
            return
        for file in files:
            self.read(file)

    def _fail(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.is_whole = False

    def adopt(self, path: KeyPath, where: Where) -> None:
        """Note that *path* of the merged tree stands at *where*, unless it is known already."""
        self._where.setdefault(path, where)


def read_source(main: Path) -> Source:
    """Read *main* and the files of `conf.d` beside it."""
    source = Source(main)
    source.read(main)
    source.read_folder(main.parent / "conf.d")
    return source


class _Merger:
    """Puts one file's tree into the whole."""

    def __init__(self, source: Source, file: str, lines: dict[KeyPath, int]) -> None:
        self._source = source
        self._file = file
        self._lines = lines

    def merge(self, into: Tree, new: Tree, here: KeyPath, there: KeyPath) -> None:
        """Merge *new*, at *there* in its file, into the table *into*, at *here* in the whole."""
        for key, value in new.items():
            at, was = (*here, key), (*there, key)
            old = into.get(key)
            if key not in into:
                into[key] = value
                self._adopt(value, at, was)
            elif isinstance(old, dict) and isinstance(value, dict):
                self.merge(old, value, at, was)
            elif isinstance(old, list) and _is_table_array(old) and _is_table_array(value):
                for index, table in enumerate(value):
                    self._adopt(table, (*at, len(old)), (*was, index))
                    old.append(table)
            else:
                self._clash(at, was)

    def _adopt(self, value: object, at: KeyPath, was: KeyPath) -> None:
        self._source.adopt(at, self._place(was))
        if isinstance(value, dict):
            for key, inner in value.items():
                self._adopt(inner, (*at, key), (*was, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._adopt(inner, (*at, index), (*was, index))

    def _clash(self, at: KeyPath, was: KeyPath) -> None:
        text = f"is given twice: it stands in {self._source.where(at)} already"
        mend = "keep one of the two; no file wins over another"
        self._source.problems.append(Problem(self._place(was), spell(at), text, mend))

    def _place(self, was: KeyPath) -> Where:
        return Where(self._file, self._lines.get(was, 0))


def _is_table_array(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


class _NotToml(Exception):  # noqa: N818 - only carries the problem
    """The text is no TOML that could be settings."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _parse(file: Path, text: str) -> tuple[Tree, dict[KeyPath, int]]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _NotToml(_syntax_problem(file, str(error))) from None
    except RecursionError:
        raise _NotToml(_too_deep(file)) from None
    except ValueError:  # Python reads no decimal number of more than 4300 digits (A80)
        raise _NotToml(_long_number(file, text)) from None
    if _is_deeper(tree, DEPTH):  # dotted keys nest without any recursion of tomllib's
        raise _NotToml(_too_deep(file))
    return tree, locate(text)


def _is_deeper(value: object, levels: int) -> bool:
    """Tell whether tables and lists are nested in more than so many levels."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(inner, levels - 1) for inner in inside)


def _too_deep(file: Path) -> Problem:
    return Problem(Where(str(file)), "", "values are nested too deeply")


def _long_number(file: Path, text: str) -> Problem:
    found = _LONG_NUMBER.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 0
    return Problem(Where(str(file), line), "", "is a number of thousands of digits, and no setting is one")


def _read_text(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise ValueError(f"is over {FILE_BYTES} bytes")
    return content.decode("utf-8")


def _syntax_problem(file: Path, message: str) -> Problem:
    """Turn tomllib's "Invalid value (at line 3, column 7)" into a problem with its line."""
    text, _, place = message.rpartition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    where = Where(str(file), int(line) if line.isdecimal() else 0)
    column = place.partition("column ")[2].rstrip(")")
    spot = f" at column {column}" if column else " at the end of the file"
    return Problem(where, "", f"is not TOML: {text or message}{spot}", _syntax_mend(text))


def _syntax_mend(text: str) -> str:
    if text.startswith(("Invalid value", "Invalid statement", "Expected newline")):
        return 'text values stand in double quotes: hostname = "mx1.example.org"'
    if text.startswith(("Illegal character", "Unterminated string")):
        return "a text ends with a double quote, on the line it began on"
    if "Cannot overwrite" in text or "declare" in text:
        return "this key or table stands above already: keep one of the two"
    return ""


def _unreadable(file: Path, error: OSError | ValueError) -> Problem:
    match error:
        case FileNotFoundError():
            mend = "name the file with --config FILE; `mailrail config reference --format toml` prints one to start from"
            return Problem(Where(str(file)), "", "there is no such file", mend)
        case OSError():
            return Problem(Where(str(file)), "", f"cannot be read: {error.strerror}")
        case UnicodeDecodeError():
            return Problem(
                Where(str(file)), "", f"is not UTF-8 (byte {error.start})", "save the file as UTF-8"
            )
        case _:
            return Problem(Where(str(file)), "", str(error))
