"""Floor 5 · config — the settings as a table of keys, read off the Settings classes.

The reference manual, the example file, the errors and the list of known keys are all made
from this one description, so they cannot disagree with what the program accepts.
"""

import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator, PlainValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mailrail.config.lines import KeyPath
from mailrail.settings import KIND, Settings

PLACEHOLDER: Final = "NAME"
_SECRET_NAMES: Final = ("password", "secret", "token")
_WORDS: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text",
    Path: "path",
    IPv4Network: "network",
    IPv6Network: "network",
}


class Kind(Enum):
    """How a table is written."""

    TABLE = auto()  # [name]
    ARRAY = auto()  # [[name]], any number of them
    NAMED = auto()  # [name."key"], one for each key


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        name: as written in TOML.
        type_words: "duration", "whole number", `"may" or "verify"` ...
        default: the value of a server that nobody configured; meaningless when is_required.
        choices: the words it may be, empty when it is free.
        bounds: "1 to 100", "at least 5", or "".
        example: what a person could write, or None.
    """

    name: str
    type_words: str
    default: object
    is_required: bool
    choices: tuple[str, ...]
    bounds: str
    unit: str
    source: str
    doc: str
    is_secret: bool
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of settings: its own keys, then the tables in it.

    Attributes:
        variants: where the key `kind` decides which keys there are, the table of each kind, without that key.
        variant: the kind that this one is for, "" for a table that has no kinds.
    """

    name: str
    kind: Kind
    doc: str
    keys: tuple[Key, ...]
    tables: tuple["Table", ...]
    variants: tuple["Table", ...] = ()
    variant: str = ""

    def key(self, name: str) -> Key | None:
        """Return the key *name* of this table."""
        return next((key for key in self.keys if key.name == name), None)

    def table(self, name: str) -> "Table | None":
        """Return the table *name* in this table."""
        return next((table for table in self.tables if table.name == name), None)

    def of_kind(self, name: str) -> "Table":
        """Return what this table is where its key `kind` is *name*; itself where it has no such kind."""
        return next((table for table in self.variants if table.variant == name), self)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may stand in this table."""
        return (*(key.name for key in self.keys), *(table.name for table in self.tables))


def describe(settings: type[Settings]) -> Table:
    """Describe *settings* as the top-level table."""
    return _table("", Kind.TABLE, settings, "")


def find(root: Table, path: KeyPath) -> tuple[Table, Key | None]:
    """Follow *path* as far as it is known: the last table on the way, and the key if it ends in one.

    Args:
        path: as written, or as pydantic tells it: with the kind of a table that has kinds.
    """
    table = root
    for part in (step for step in path if isinstance(step, str)):
        if part.startswith(KIND):
            table = table.of_kind(part.removeprefix(KIND))
            continue
        if (key := table.key(part)) is not None:
            return table, key
        # A part that is no table's name is the name of an element: domain."example.org".
        table = table.table(part) or table
    return table, None


def walk(table: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Table]]:
    """Yield every table with its path, outer before inner; PLACEHOLDER stands for a free name."""
    yield path, table
    for variant in table.variants:
        yield from walk(variant, path)
    for inner in table.tables:
        name = (inner.name, PLACEHOLDER) if inner.kind is Kind.NAMED else (inner.name,)
        yield from walk(inner, (*path, *name))


@cache
def _table(name: str, kind: Kind, settings: type[Settings], doc: str) -> Table:
    keys: list[Key] = []
    tables: list[Table] = []
    for field_name, field in settings.model_fields.items():
        written = field.alias or field_name
        match _nested(field.annotation):
            case (inner_kind, (inner,)):
                words = field.description or _first_line(inner)
                tables.append(_table(written, inner_kind, inner, words))
            case (inner_kind, several):
                tables.append(_kinds(written, inner_kind, several, field.description or ""))
            case None:
                keys.append(_key(written, field))
    return Table(name, kind, doc or _first_line(settings), tuple(keys), tuple(tables))


def _kinds(name: str, kind: Kind, several: tuple[type[Settings], ...], doc: str) -> Table:
    """Describe a table whose key `kind` says which of *several* Settings it is."""
    fields = [one.model_fields["kind"] for one in several]
    choices = tuple(choice for field in fields for choice in _choices(field.annotation))
    words = ", ".join(f'"{choice}"' for choice in choices[:-1]) + f' or "{choices[-1]}"'
    key = replace(_key("kind", fields[0]), choices=choices, type_words=words)
    variants = []
    for one, choice in zip(several, choices, strict=True):
        whole = _table(name, kind, one, "")
        variants.append(replace(whole, keys=tuple(k for k in whole.keys if k.name != "kind"), variant=choice))
    return Table(name, kind, doc, (key,), (), tuple(variants))


def _first_line(settings: type[Settings]) -> str:
    return (settings.__doc__ or "").strip().partition("\n")[0]


def _nested(annotation: Any) -> tuple[Kind, tuple[type[Settings], ...]] | None:
    """Tell whether *annotation* is a table of settings, how it is written, and which Settings it may be."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return Kind.TABLE, (annotation,)
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _nested(arguments[0])
    if origin in (Union, types.UnionType):
        found = [inner for inner in map(_nested, arguments) if inner]
        return (found[0][0], tuple(one for _, several in found for one in several)) if found else None
    if origin in (tuple, list) and (inner := _nested(arguments[0])):
        return Kind.ARRAY, inner[1]
    if origin is dict and (inner := _nested(arguments[1])):
        return Kind.NAMED, inner[1]
    return None


def _key(name: str, field: FieldInfo) -> Key:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = field.get_default(call_default_factory=True, validated_data={})
    return Key(
        name=name,
        type_words=_type_words(field.annotation, field.metadata),
        default=None if default is PydanticUndefined else default,
        is_required=field.is_required(),
        choices=_choices(field.annotation),
        bounds=_bounds(field.metadata),
        unit=str(extra.get("unit", "")),
        source=str(extra.get("source", "")),
        doc=field.description or "",
        is_secret=is_secret_name(name) or SecretStr in (field.annotation, *get_args(field.annotation)),
        example=str(field.examples[0]) if field.examples else None,
    )


def is_secret_name(name: str) -> bool:
    """Tell whether a key of this name holds a secret, rather than the path of a file with one."""
    return name.endswith(_SECRET_NAMES)


def _type_words(annotation: Any, metadata: Iterable[Any]) -> str:
    for step in metadata:
        # A room's own spelling has a parser of its own; its name is the word: parse_duration, parse_rate.
        if isinstance(step, BeforeValidator | PlainValidator):
            return step.func.__name__.removeprefix("parse_")
    if choices := _choices(annotation):
        return ", ".join(f'"{choice}"' for choice in choices[:-1]) + f' or "{choices[-1]}"'
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_words(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        words = [_type_words(inner, ()) for inner in arguments if inner is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin in (tuple, list, frozenset, set):
        if _choices(arguments[0]):
            return f"list of any of {_type_words(arguments[0], ())}"
        return f"list of {_type_words(arguments[0], ())}s"
    if origin is dict:
        return f"table of {_type_words(arguments[1], ())}"
    return _WORDS.get(annotation, "text")


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(choice.value) for choice in annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(choice for inner in get_args(annotation) for choice in _choices(inner))
    return ()


_BOUND_WORDS: Final[tuple[tuple[type, str, Callable[[Any], object]], ...]] = (
    (annotated_types.Ge, "at least {}", lambda bound: bound.ge),
    (annotated_types.Gt, "more than {}", lambda bound: bound.gt),
    (annotated_types.Le, "at most {}", lambda bound: bound.le),
    (annotated_types.Lt, "less than {}", lambda bound: bound.lt),
    (annotated_types.MinLen, "at least {} long", lambda bound: bound.min_length),
    (annotated_types.MaxLen, "at most {} long", lambda bound: bound.max_length),
)


def _bounds(metadata: list[Any]) -> str:
    low = next((bound.ge for bound in metadata if isinstance(bound, annotated_types.Ge)), None)
    high = next((bound.le for bound in metadata if isinstance(bound, annotated_types.Le)), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    return ", ".join(
        words.format(value(bound))
        for bound in metadata
        for kind, words, value in _BOUND_WORDS
        if isinstance(bound, kind)
    )
