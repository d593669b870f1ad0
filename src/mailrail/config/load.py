"""Floor 5 · config — from a file to settings, or to every problem at once.

A wrong value must not hide the next problem. So what is wrong is told, cut out of the tree, and
the rest is validated again, until something stands on which the checks across rooms can run.
"""

import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from mailrail.config.checks import check
from mailrail.config.files import Source, Tree, read_source
from mailrail.config.lines import KeyPath
from mailrail.config.problems import BadSettingsError, Problem, spell
from mailrail.config.schema import describe
from mailrail.config.settings import MailrailSettings
from mailrail.config.words import explain
from mailrail.settings import Settings

AnySettings = TypeVar("AnySettings", bound=Settings)
_ROUNDS: Final = 10  # each round cuts at least one wrong value; more than one round is rare
_LARGEST: Final = 2**63  # of TOML's whole numbers
_STAND_IN: Final = "unknown.invalid"  # for a missing hostname, so that the checks can run all the same


def load(path: Path) -> MailrailSettings:
    """Read the settings from *path* and from `conf.d/*.toml` beside it, and check everything.

    Raises:
        BadSettingsError: they cannot be used; it carries every problem found.
    """
    source = read_source(path)
    settings = _validate(source, MailrailSettings)
    if settings is not None:
        source.problems.extend(check(settings, source))
    return _sound(settings, source)


def load_as(path: Path, kind: type[AnySettings]) -> AnySettings:
    """Read the one file *path* as settings of another *kind*, with the same care and the same words.

    Raises:
        BadSettingsError: they cannot be used; it carries every problem found.
    """
    source = Source(path)
    source.read(path)
    return _sound(_validate(source, kind), source)


def _sound(settings: AnySettings | None, source: Source) -> AnySettings:
    if source.problems or settings is None:
        raise BadSettingsError(sorted(source.problems, key=lambda problem: _order(problem, source)))
    return settings


def _order(problem: Problem, source: Source) -> tuple[int, int]:
    files = [str(file) for file in source.files]
    place = files.index(problem.where.file) if problem.where.file in files else len(files)
    return place, problem.where.line


def _validate(source: Source, kind: type[AnySettings]) -> AnySettings | None:
    impossible = dict(_impossible(source.tree))
    for path, text in impossible.items():
        source.problems.append(Problem(source.where(path), spell(path), text))
        _cut(source.tree, path)
    cut: set[KeyPath] = set() if source.is_whole else {("",)}
    for _ in range(_ROUNDS):
        try:
            # As JSON, because strict means there what TOML means: lists are tuples, words are enums,
            # and nothing else is converted.
            return kind.model_validate_json(json.dumps(source.tree), strict=True)
        except ValidationError as error:
            found = [(detail, _resolve(source.tree, detail["loc"])) for detail in error.errors()]
        # What is wrong with a table that we cut something out of may be our own doing.
        news = [(d, path) for d, path in found if not any(gone[: len(path)] == path for gone in cut)]
        for detail, path in news:
            if _follows(detail, path, impossible):
                continue
            text, mend = explain(detail, path, describe(kind))
            source.problems.append(Problem(source.where(path), spell(path), text, mend))
        for detail, path in found:
            if detail["type"] == "missing" and not path:
                source.tree[str(detail["loc"][-1])] = _STAND_IN
            _cut(source.tree, path)
            cut.add(path)
    return None


def _follows(detail: Any, path: KeyPath, impossible: Collection[KeyPath]) -> bool:
    """Tell whether an error is about a key that is missing because we cut it out."""
    if detail["type"] == "missing":
        return (*path, detail["loc"][-1]) in impossible
    return any(gone[:-1] == path for gone in impossible)


def _resolve(tree: Tree, loc: tuple[int | str, ...]) -> KeyPath:
    """Return the part of pydantic's *loc* that exists in *tree*: it also names union members."""
    value: Any = tree
    path: KeyPath = ()
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            continue
        path = (*path, part)
    return path


def _cut(tree: Tree, path: KeyPath) -> None:
    """Remove what stands at *path*; a list goes whole, so that the places in it never shift; () is nothing."""
    value: Any = tree
    for index, part in enumerate(path):
        last = index == len(path) - 1
        if last or (isinstance(path[index + 1], int) and _is_last_name(path, index)):
            value.pop(part, None) if isinstance(value, dict) else None
            return
        try:
            value = value[part]
        except (KeyError, IndexError):
            return  # cut already, with the list it stood in


def _is_last_name(path: KeyPath, index: int) -> bool:
    return not any(isinstance(part, str) for part in path[index + 1 :])


def _impossible(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Find what TOML can say and no setting can mean."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _impossible(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from _impossible(inner, (*path, index))
        case str():
            if "\0" in value:  # in a path it would be an error of Python's, and a password cannot hold it
                yield path, "holds a NUL character, which no setting can"
        case int():
            if not -_LARGEST <= value < _LARGEST:
                yield path, "is a number beyond 64 bits, and no setting is one"
        case float():
            if not math.isfinite(value):
                yield path, "must be a finite number"
        case _:
            yield path, "is a date or time, and no setting is one"
