"""Floor 5 · migrate — lookup tables of Postfix: how one is named, and what is in its source file.

Law: a table is read from the text that people write, never from the database that postmap(1) made of it; and nothing here
asks a server. Source: DATABASE_README, postmap(1), aliases(5), regexp_table(5), cidr_table(5).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailrail.migrate.logical_lines import Line, decoded, logical_lines, words

FILE_BYTES: Final = 64 * 1024**2  # ours; a larger table belongs in a database, and to a person's eyes
INDEXED: Final = frozenset({"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash"})
_JOINED: Final = frozenset({"unionmap", "pipemap"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table as main.cf names it.

    Attributes:
        kind: "hash", "regexp", "mysql", ...; "" for a name without one.
        name: what stands behind the colon: mostly a path.
        text: the whole, as written, but for the "proxy:" in front.
        parts: the tables that a unionmap or pipemap joins.
    """

    kind: str
    name: str
    text: str
    parts: tuple["Table", ...] = ()

    @property
    def is_indexed(self) -> bool:
        """Tell whether its source is lines of key and value."""
        return self.kind in INDEXED


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table."""

    key: str
    value: str
    number: int


def parse_table(text: str) -> Table:
    """Read `hash:/etc/postfix/virtual`, `proxy:mysql:/etc/postfix/x.cf`, `static:{a b}`, `unionmap:{hash:/a, hash:/b}`."""
    bare = text
    while bare.startswith("proxy:"):
        bare = bare.removeprefix("proxy:")
    kind, colon, name = bare.partition(":")
    if not colon or not kind.isalnum():
        return Table("", bare, bare)
    inner = name[1:-1].strip() if name.startswith("{") and name.endswith("}") else name
    parts = tuple(map(parse_table, words(inner))) if kind in _JOINED else ()
    return Table(kind, inner, bare, parts)


def parse_tables(text: str) -> list[Table]:
    """Read a list of tables; those that a unionmap joins stand in its place, for to ask one after the other is nearly that."""
    return [parse_table(word) for word in words(text)]


def inline_entries(table: Table) -> Iterator[Entry]:
    """Yield what an `inline:{ key=value, { key = value with spaces } }` holds."""
    for word in words(table.name):
        bare = word[1:-1].strip() if word.startswith("{") and word.endswith("}") else word
        key, _, value = bare.partition("=")
        yield Entry(key.strip(), value.strip(), 0)


def read_entries(file: Path) -> list[Entry]:
    """Read the source of a hash: and the like: key, white space, value. Blocks.

    Raises:
        OSError: it cannot be read, or is larger than any table that people write.
    """
    return [_entry(line) for line in read_lines(file)]


def read_aliases(file: Path) -> list[Entry]:
    """Read a file in the form of aliases(5): `name: value`. Blocks.

    Raises:
        OSError: it cannot be read.
    """
    found = []
    for line in read_lines(file):
        key, rest = _first_word(line.text, until=":")
        found.append(Entry(key, rest.lstrip().removeprefix(":").strip(), line.number))
    return found


def read_lines(file: Path) -> list[Line]:
    """Read the logical lines of *file*. Blocks.

    Raises:
        OSError: it cannot be read, or is too large.
    """
    with file.open("rb") as stream:
        octets = stream.read(FILE_BYTES + 1)
    if len(octets) > FILE_BYTES:
        raise OSError(None, f"is larger than {FILE_BYTES // 1024**2} MiB", str(file))
    return list(logical_lines(decoded(octets)))


def _entry(line: Line) -> Entry:
    key, rest = _first_word(line.text)
    return Entry(key, rest.strip(), line.number)


def _first_word(text: str, until: str = "") -> tuple[str, str]:
    """Split *text* behind its first word, which may stand in quotes."""
    quoted = text.startswith('"')
    is_escaped = False
    for index, char in enumerate(text):
        if index == 0 and quoted:
            continue
        if is_escaped:
            is_escaped = False
        elif char == "\\" and quoted:
            is_escaped = True
        elif quoted and char == '"':
            return text[1:index].replace('\\"', '"'), text[index + 1 :]
        elif not quoted and (char.isspace() or char == until):
            return text[:index], text[index:]
    return text, ""
