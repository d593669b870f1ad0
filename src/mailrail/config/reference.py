"""Floor 5 · config — every setting, printed: the example file, the manual page, a JSON Schema.

All three come from the Settings classes, through `schema`. In the example file every key but
those that must be given stands commented out with its default, so the file changes nothing.
"""

import json
from collections.abc import Iterator
from enum import Enum
from textwrap import wrap
from typing import Any, Final

from pydantic import SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from mailrail.config.problems import quote, spell
from mailrail.config.schema import PLACEHOLDER, Key, Kind, Table, describe, walk
from mailrail.config.settings import MailrailSettings
from mailrail.config.words import example_value, header

_WIDTH: Final = 100  # columns of the example file
_DURATIONS: Final = ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"))
_SIZES: Final = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"), (1000**3, "GB"), (1000**2, "MB"))


def toml_reference() -> str:
    """Return a settings file that holds every key with its default, explained."""
    lines = ["# mailrail: every setting with its default. Only hostname must be given.", ""]
    for path, table in walk(describe(MailrailSettings)):
        if path:
            lines += ["", *_comment(table.doc), f"#{header(path, table)}"]
        if table.variant:
            lines.append(f"#kind = {quote(table.variant)}")
        for key in table.keys:
            lines += [*_comment(_key_words(key)), _assignment(key, is_live=not path)]
    return "\n".join(lines) + "\n"


def _assignment(key: Key, *, is_live: bool) -> str:
    if key.is_required:
        return f"{'' if is_live else '#'}{key.name} = {example_value(key)}"
    if key.default is None:
        return f"# {key.name} = {example_value(key)}"
    return f"#{key.name} = {toml_value(key.default, key)}"


def _key_words(key: Key) -> str:
    facts = [key.type_words, f"{key.bounds} {key.unit}".rstrip() if key.bounds else ""]
    if key.is_required:
        facts.append("must be given")
    elif key.default is None:
        facts.append("not set by default")
    if key.source:
        facts.append(f"source: {key.source}")
    return f"{key.doc} ({'; '.join(fact for fact in facts if fact)})"


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in wrap(text, _WIDTH, break_long_words=False))


def toml_value(value: object, key: Key) -> str:
    """Write *value* of *key* as a person would: 300 s as "5m", 36700160 bytes as "35 MiB"."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float() if key.type_words == "duration":
            return _with_unit(value, _DURATIONS, "")
        case int() if key.type_words == "size":
            return _with_unit(value, _SIZES, " ")
        case int() | float():
            return _number(value)
        case Enum():
            return quote(str(value.value))
        case SecretStr():
            return quote(value.get_secret_value() and "********")
        case tuple() | list() | frozenset() | set():
            return "[" + ", ".join(toml_value(item, key) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{quote(str(k))} = {toml_value(v, key)}" for k, v in value.items()) + "}"
        case _:
            return quote(str(value))


def _with_unit(value: float, units: tuple[tuple[int, str], ...], space: str) -> str:
    for factor, unit in units:
        if value and value % factor == 0:
            return f'"{value // factor:.0f}{space}{unit}"'
    return _number(value)


def _number(value: float) -> str:
    """Write a number with all its digits, and 300.0 as 300: TOML takes either where a float is meant."""
    return str(int(value)) if value == int(value) else repr(value)


def markdown_reference() -> str:
    """Return the manual's chapter on settings, as Markdown."""
    return "\n".join(_markdown()) + "\n"


def _markdown() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "One TOML file, and `conf.d/*.toml` beside it. Only `hostname` must be given."
    yield 'A duration is seconds or text like `"90s"`, `"5m"`, `"1h30m"`, `"5d"`;'
    yield 'a size is bytes or text like `"64 KiB"`, `"35 MiB"`.'
    for path, table in walk(describe(MailrailSettings)):
        yield ""
        if table.variant:
            yield f"### `kind = {quote(table.variant)}`"
            yield ""
            yield table.doc
        elif path:
            yield f"## `{header(path, table)}`"
            yield ""
            yield f"{table.doc}{_KIND_WORDS[table.kind]}"
        else:
            yield "## At the top of the file"
        for key in table.keys:
            yield ""
            yield from _markdown_key(anchor(path, table, key), key)


_KIND_WORDS: Final = {
    Kind.TABLE: "",
    Kind.ARRAY: " May stand any number of times.",
    Kind.NAMED: " One table for each NAME.",
}


def anchor(path: tuple[str, ...], table: Table, key: Key) -> str:
    """Return the name by which a page of the manual can point at *key*."""
    parts = ("setting", *(part for part in path if part != PLACEHOLDER), table.variant, key.name)
    return "-".join(filter(None, parts))


def _markdown_key(place: str, key: Key) -> Iterator[str]:
    yield f"({place})="
    yield f"`{key.name}`"
    yield f": {key.doc}"
    default = "must be given" if key.is_required else f"`{_shown_default(key)}`"
    facts = [f"default: {default}"] if not key.is_required else [default]
    facts.insert(0, key.type_words)
    if key.bounds:
        facts.append(f"{key.bounds} {key.unit}".rstrip())
    if key.source:
        facts.append(f"source: {key.source}")
    yield ""
    yield f"  {'; '.join(facts)}."


def _shown_default(key: Key) -> str:
    return "not set" if key.default is None else toml_value(key.default, key)


def json_schema() -> str:
    """Return a JSON Schema of the settings, for editors."""
    schema = MailrailSettings.model_json_schema(schema_generator=_Schema)
    schema["$schema"] = _Schema.schema_dialect
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Schema(GenerateJsonSchema):
    """Says that what has a parser of its own may also be written as text: "5m", "64 KiB"."""

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        """Describe a value that a function reads first."""
        inner = self.generate_inner(schema["schema"])
        if inner.get("type") == "string":
            return inner
        return {"anyOf": [inner, {"type": "string"}]}

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Describe what is only made inside the program."""
        return {"type": "string"}


def show(settings: MailrailSettings) -> str:
    """Return *settings* as TOML, defaults included, secrets hidden."""
    return "\n".join(_show(describe(MailrailSettings), settings, ())) + "\n"


def _show(table: Table, settings: Any, path: tuple[str, ...]) -> Iterator[str]:
    if table.variants:
        table = table.of_kind(settings.kind)
        yield f"kind = {quote(settings.kind)}"
    for key in table.keys:
        value = getattr(settings, key.name)
        if value is not None:
            is_hidden = key.is_secret and bool(value)
            yield f"{key.name} = {quote('********') if is_hidden else toml_value(value, key)}"
    for inner in table.tables:
        yield from _show_table(inner, getattr(settings, inner.name), (*path, inner.name))


def _show_table(table: Table, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    match table.kind, value:
        case _, None:
            return
        case Kind.ARRAY, _:
            for item in value:
                yield from ("", f"[[{spell(path)}]]", *_show(table, item, path))
        case Kind.NAMED, _:
            for name, item in value.items():
                yield from ("", f"[{spell((*path, name))}]", *_show(table, item, (*path, name)))
        case _:
            yield from ("", f"[{spell(path)}]", *_show(table, value, path))
