"""Floor 5 · config — pydantic's errors in our words, each with its mend.

Law: a value under a secret's name is never repeated.
"""

from difflib import get_close_matches
from typing import Any, Final

from mailrail.config.lines import KeyPath
from mailrail.config.problems import quote, spell
from mailrail.config.schema import PLACEHOLDER, Key, Kind, Table, find, walk
from mailrail.settings import KIND

_SHOWN: Final = 60  # characters of a wrong value that an error repeats
_GIVEN: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a table",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def explain(error: Any, path: KeyPath, root: Table) -> tuple[str, str]:
    """Return what is wrong and the mend.

    Args:
        error: pydantic's ErrorDetails.
        path: the key it is about, as written; of a missing key, the table that lacks it.
        root: the description of all settings.
    """
    table, key = find(root, error["loc"])
    match error["type"]:
        case "extra_forbidden":
            # The parent knows which keys stand beside it.
            return _unknown(path, error["input"], root, find(root, error["loc"][:-1])[0])
        case "union_tag_not_found":
            return _missing("kind", table)
        case "union_tag_invalid" if (kind := table.key("kind")) is not None:
            text, mend = _not_a_choice(error["ctx"]["tag"].removeprefix(KIND), kind)
            return f"kind {text}", mend
        case "missing":
            return _missing(str(error["loc"][-1]), table)
        case "value_error" | "assertion_error":
            text, _, mend = str(error["ctx"]["error"]).rpartition(": ")
            return (text, mend) if text else (mend, "")
        case kind if kind in _BOUNDS and key:
            return _out_of_bounds(error, key)
        case _ if key is None:
            return _wrong_table(error["input"], table)
        case "enum" | "literal_error":
            return _not_a_choice(error["input"], key)
        case "too_short" | "too_long" | "string_too_short" | "string_too_long":
            return str(error["msg"]).replace("String should", "must").replace("Value should", "must"), ""
        case _:
            given = _GIVEN.get(type(error["input"]), "something else")
            return f"is {given}, but must be {_with_article(key)}", _type_mend(error["input"], key)


def _unknown(path: KeyPath, given: object, root: Table, table: Table) -> tuple[str, str]:
    name = str(path[-1])
    if table.kind is Kind.NAMED and isinstance(given, dict):
        whole = ".".join(str(part) for part in path[1:])
        return "there is no such table", f"a name with dots stands in quotes: [{path[0]}.{quote(whole)}]"
    text = f"there is no such {'table' if isinstance(given, dict) else 'key'}"
    if table.variant:
        near = get_close_matches(name, table.names, n=1, cutoff=0.55)
        return f'{text} for kind = "{table.variant}"', (
            f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(table.names)}"
        )
    elsewhere = [(*at, name) for at, other in walk(root) if other is not table and name in other.names]
    if elsewhere:
        homes = " or ".join(_home(root, home[:-1]) for home in elsewhere[:3])
        return f"{text} here", f"it belongs {homes}"
    if near := get_close_matches(name, table.names, n=1, cutoff=0.55):
        return text, f'did you mean "{near[0]}"?'
    return text, f"keys known here: {', '.join(table.names)}"


def _home(root: Table, path: tuple[str, ...]) -> str:
    if not path:
        return "at the top of the file, before the first [table]"
    table, _ = find(root, path)
    return f"in {header(path, table)}"


def header(path: tuple[str, ...], table: Table) -> str:
    """Write the TOML header of *table*: `[queue]`, `[[route]]`, `[domain."NAME"]`."""
    name = spell(path).replace(f".{PLACEHOLDER}", f'."{PLACEHOLDER}"')
    return f"[[{name}]]" if table.kind is Kind.ARRAY else f"[{name}]"


def _missing(name: str, table: Table) -> tuple[str, str]:
    key = table.key(name)
    example = f"{name} = {example_value(key)}" if key else name
    where = "at the top of the file" if not table.name else "here"
    return f'the key "{name}" must be given', f"add {where}: {example}"


def example_value(key: Key) -> str:
    """Return something a person could write for *key*."""
    if key.example is not None:
        return quote(key.example)
    if key.choices:
        return quote(key.choices[0])
    if key.type_words.startswith("list"):
        return '["..."]'
    return {"duration": '"5m"', "size": '"1 MiB"', "whole number": "1", "true or false": "true"}.get(
        key.type_words, '"..."'
    )


def _out_of_bounds(error: Any, key: Key) -> tuple[str, str]:
    name, words = _BOUNDS[error["type"]]
    unit = f" {key.unit}" if key.unit else ""
    limit = f"{error['ctx'][name]:g}" if isinstance(error["ctx"][name], float) else error["ctx"][name]
    return (
        f"is {_shown(error['input'], key)}, but must be {words} {limit}{unit}",
        f"allowed: {key.bounds}{unit}",
    )


def _wrong_table(given: object, table: Table) -> tuple[str, str]:
    name = spell((table.name,))
    match table.kind, given:
        case Kind.ARRAY, dict():
            return "may stand many times", f"write [[{name}]], with two brackets"
        case Kind.TABLE, list():
            return "stands once only", f"write [{name}], with one bracket"
        case Kind.NAMED, _:
            return "must be a table for each name", f'write [{name}."{PLACEHOLDER}"]'
        case _:
            words = _GIVEN.get(type(given), "something else")
            return (
                f"is {words}, but must be a table",
                f"write {header((table.name,), table)} and its keys below",
            )


def _not_a_choice(given: object, key: Key) -> tuple[str, str]:
    near = get_close_matches(str(given).lower(), key.choices, n=1)
    mend = f'did you mean "{near[0]}"?' if near else ""
    return f"is {_shown(given, key)}, but must be {key.type_words}", mend


def _with_article(key: Key) -> str:
    words = key.type_words
    return words if words in ("text", "true or false") or words.startswith('"') else f"a {words}"


def _type_mend(given: object, key: Key) -> str:
    if isinstance(given, str) and key.type_words in ("whole number", "number", "true or false"):
        return "write it without quotes"
    if key.type_words in ("text", "path", "network") and not isinstance(given, list | dict):
        return "write it in quotes"
    if key.type_words.startswith("list") and not isinstance(given, list):
        return "write it in brackets: [...]"
    return f"write it like {example_value(key)}"


def _shown(given: object, key: Key) -> str:
    if key.is_secret:
        return "a secret"
    text = quote(given) if isinstance(given, str) else str(given).lower()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
