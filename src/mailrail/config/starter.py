"""Floor 5 · config — a small settings file to begin with: what was chosen, each key with its one line of doc and, if told, its origin.

Written from the same description as the reference manual, so that a key it writes is a key there is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

from pydantic import ValidationError

from mailrail.config.lines import KeyPath
from mailrail.config.problems import quote, spell
from mailrail.config.reference import toml_value
from mailrail.config.schema import Kind, Table, describe
from mailrail.config.settings import MailrailSettings
from mailrail.config.words import explain

_WIDTH: Final = 100
_ANY_NAME: Final = "mx1.example.org"  # where only another key is looked at

HEAD: Final = """\
# Every setting there is: mailrail config reference
# After a change: mailrail config check && mailrail reload, which says what waits for a restart.

"""

Chosen = Mapping[str, Any]
Origins = Mapping[KeyPath, Iterable[str]]


def starter(chosen: Chosen, origins: Origins | None = None) -> str:
    """Return *chosen*, nested as in the file, as commented TOML.

    Args:
        origins: where keys and tables come from, one line of text each; they stand right above them.

    Raises:
        KeyError: there is no such setting: a fault in the calling program.
    """
    return "\n".join(_Writer(origins or {}).table(describe(MailrailSettings), chosen, ())).lstrip("\n") + "\n"


def complaint(chosen: Chosen) -> str:
    """Return what the settings would say of *chosen*, "" if nothing; hostname may be left out."""
    try:
        MailrailSettings.model_validate_json(json.dumps({"hostname": _ANY_NAME, **chosen}), strict=True)
    except ValidationError as error:
        found = error.errors()[0]
        path: KeyPath = tuple(found["loc"])
        text, mend = explain(found, path, describe(MailrailSettings))
        return f"{text}: {mend}" if mend else text
    return ""


class _Writer:
    """Writes tables, and each explanation only where it is met first."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._told: set[str] = set()

    def table(self, table: Table, chosen: Chosen, path: KeyPath) -> Iterator[str]:
        """Write the keys of a table, then the tables in it."""
        if table.variants:
            yield from self._origin((*path, "kind"))
            yield f"kind = {quote(chosen['kind'])}"
            table = table.of_kind(chosen["kind"])
            chosen = {name: value for name, value in chosen.items() if name != "kind"}
        for name in chosen:
            if name not in table.names:
                raise KeyError(spell((*path, name)))
        for key in table.keys:
            if key.name in chosen:
                yield from self._comment(f"{table.doc} {key.name}", key.doc)
                yield from self._origin((*path, key.name))
                yield f"{key.name} = {toml_value(chosen[key.name], key)}"
        for inner in table.tables:
            if inner.name in chosen:
                yield from self._inner(inner, chosen[inner.name], (*path, inner.name))

    def _inner(self, table: Table, chosen: Any, path: KeyPath) -> Iterator[str]:
        match table.kind:
            case Kind.ARRAY:
                for index, item in enumerate(chosen):
                    yield from self._headed(f"[[{_name(path)}]]", table, item, (*path, index))
            case Kind.NAMED:
                for name, item in chosen.items():
                    yield from self._headed(f"[{_name((*path, name))}]", table, item, (*path, name))
            case Kind.TABLE:
                yield from self._headed(f"[{_name(path)}]", table, chosen, path)

    def _headed(self, header: str, table: Table, chosen: Chosen, path: KeyPath) -> Iterator[str]:
        body = list(self.table(table, chosen, path))
        has_keys = any(key.name in chosen for key in table.keys)
        if has_keys or table.kind is Kind.NAMED:
            yield ""
            yield from self._comment(table.name, table.doc)
            yield from self._origin(path)
            yield header
        yield from body

    def _origin(self, path: KeyPath) -> Iterator[str]:
        return (f"# <- {line}" for line in self._origins.get(path, ()))

    def _comment(self, about: str, doc: str) -> Iterator[str]:
        if about not in self._told:
            self._told.add(about)
            yield from (f"# {line}" for line in wrap(doc, _WIDTH, break_long_words=False))


def _name(path: KeyPath) -> str:
    """Write the header of a table: the last [[array]] before it is meant, so that no numbers stand in it."""
    return spell(tuple(part for part in path if isinstance(part, str)))
