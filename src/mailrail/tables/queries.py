"""Floor 2 · tables — the operator's own queries: their parameters, and what becomes of their rows. Pure.

A query names its parameters like `:key`, in every kind of database. What a stranger said goes in as a parameter, never as text (A27, A74).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mailrail.model import SettingsError
from mailrail.tables.api import TableError
from mailrail.tables.targets import TargetError, read_targets

MOST_ROWS: Final = 10_000  # ours: a list of more recipients than any message may have
# What is no parameter, in order: texts (with backslashes behind E), names, comments, dollar-quoted texts, casts.
_TOKEN: Final = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<tag>\$\w*\$).*?(?P=tag)|::|:(?P<name>[A-Za-z_]\w*)|%""",
    re.DOTALL,
)


def to_psycopg(query: str, known: Sequence[str]) -> str:
    """Return *query* with `:key` as psycopg writes it, `%(key)s`, and every other `%` doubled.

    Raises:
        SettingsError: it asks for a parameter that is not in *known*.
    """

    def written(token: re.Match[str]) -> str:
        name = token["name"]
        if name is None:
            return token[0].replace("%", "%%")
        if name not in known:
            raise SettingsError(
                f"the query asks for :{name}; known is {', '.join(f':{one}' for one in known)}"
            )
        return f"%({name})s"

    return _TOKEN.sub(written, query)


def values_of_rows(rows: Iterable[Sequence[object]]) -> tuple[str, ...] | None:
    """Return the values in the first column of *rows*, None where there are no rows.

    NULL is no value, an array is several, and a text may be a list with commas.

    Raises:
        TableError: a text cannot be read, or there are too many rows.
    """
    found: list[str] = []
    count = 0
    for count, row in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise TableError(f"more than {MOST_ROWS} rows")
        try:
            found += _values(row[0])
        except TargetError as error:
            raise TableError(f"the value {row[0]!r} cannot be read: {error}") from None
    return tuple(found) if count else None


def _values(value: object) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case list() | tuple():
            return tuple(str(one) for one in value if one is not None)
        case bytes():
            return read_targets(value.decode("utf-8", "replace"))
        case _:
            return read_targets(str(value))
