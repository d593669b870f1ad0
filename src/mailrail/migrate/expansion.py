"""Floor 5 · migrate — what `$name`, `${name?yes}`, `${name:no}` and `${{a} == {b} ? {yes} : {no}}` mean. Pure.

Source: postconf(5), "general syntax". Names that nobody set are empty, as in Postfix.
"""

import re
from collections.abc import Callable
from typing import Final

DEPTH: Final = 50  # values inside values; Postfix's own bound is 100
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_CLOSING: Final = {"{": "}", "(": ")"}
_COMPARISON: Final = re.compile(r"\s*(==|!=|<=level|>=level|<level|>level|<=|>=|<|>)\s*")
_DIGITS: Final = re.compile(r"[0-9]+")

Lookup = Callable[[str], str]


class ExpansionError(ValueError):
    """A value is written in a way that Postfix would refuse, or refers to itself."""


def expand(text: str, look_up: Lookup) -> str:
    """Return *text* with every name in it replaced.

    Args:
        look_up: returns the value of a name as it is written, "" for an unknown one.

    Raises:
        ExpansionError: a brace is not closed, an expression is no expression, or values refer to each other in a circle.
    """
    return _expand(text, look_up, 0)


def names_in(text: str) -> set[str]:
    """Return every name that *text* mentions in a way that would be replaced."""
    return {found[1] for found in re.finditer(r"\$[{(]?\s*([A-Za-z0-9_]+)", text)}


def _expand(text: str, look_up: Lookup, depth: int) -> str:
    if depth > DEPTH:
        raise ExpansionError("values refer to each other in a circle")
    done, position = "", 0
    while (dollar := text.find("$", position)) >= 0:
        done += text[position:dollar]
        position = dollar + 1
        following = text[position : position + 1]
        if following == "$":
            done, position = done + "$", position + 1
        elif following in _CLOSING:
            inner, position = _enclosed(text, position)
            done += _evaluate(inner.strip(), look_up, depth)
        elif name := _NAME.match(text, position):
            done, position = done + _expand(look_up(name[0]), look_up, depth + 1), name.end()
        else:
            raise ExpansionError(f'"$" without a name behind it in {text!r}')
    return done + text[position:]


def _enclosed(text: str, start: int) -> tuple[str, int]:
    """Return what stands in the brackets that open at *start*, and where the text goes on."""
    opening = text[start]
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == opening) - (text[index] == _CLOSING[opening])
        if depth == 0:
            return text[start + 1 : index], index + 1
    raise ExpansionError(f'"{opening}" is not closed in {text!r}')


def _evaluate(inner: str, look_up: Lookup, depth: int) -> str:
    if inner.startswith("{"):
        is_true, rest = _compare(inner, look_up, depth)
        if not rest:
            return "bool:true" if is_true else ""  # what Postfix makes of a comparison without branches
    else:
        name = _NAME.match(inner)
        if name is None:
            raise ExpansionError(f"no name in ${{{inner}}}")
        value = look_up(name[0])
        rest = inner[name.end() :].lstrip()
        if not rest:
            return _expand(value, look_up, depth + 1)
        is_true = bool(_expand(value, look_up, depth + 1))
    yes, no = _branches(rest, inner)
    chosen = yes if is_true else no
    return _expand(chosen, look_up, depth + 1)


def _branches(rest: str, whole: str) -> tuple[str, str]:
    """Read `?yes`, `:no`, `?{yes}:{no}`."""
    operator, rest = rest[0], rest[1:].lstrip()
    if operator not in "?:":
        raise ExpansionError(f'"?" or ":" is expected in ${{{whole}}}')
    other = ""
    if rest.startswith("{"):
        first, end = _enclosed(rest, 0)
        first, rest = first.strip(), rest[end:].strip()
        if rest.startswith(":") and operator == "?":
            rest = rest[1:].strip()
            other = _enclosed(rest, 0)[0].strip() if rest.startswith("{") else rest
    else:
        first = rest
    return (first, other) if operator == "?" else ("", first)


def _compare(inner: str, look_up: Lookup, depth: int) -> tuple[bool, str]:
    left, end = _enclosed(inner, 0)
    operator = _COMPARISON.match(inner, end)
    if operator is None or inner[operator.end() : operator.end() + 1] != "{":
        raise ExpansionError(f"no comparison in ${{{inner}}}")
    right, end = _enclosed(inner, operator.end())
    sides = [_expand(side.strip(), look_up, depth + 1) for side in (left, right)]
    return _holds(sides[0], operator[1], sides[1]), inner[end:].strip()


def _holds(left: str, operator: str, right: str) -> bool:
    order = _order(left, right, is_level=operator.endswith("level"))
    match operator.removesuffix("level"):
        case "==":
            return order == 0
        case "!=":
            return order != 0
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case _:
            return order >= 0


def _order(left: str, right: str, *, is_level: bool) -> int:
    if is_level:
        a, b = _level(left), _level(right)
    elif left.isdecimal() and right.isdecimal():
        a, b = [int(left)], [int(right)]
    else:
        a, b = [ord(char) for char in left], [ord(char) for char in right]
    return (a > b) - (a < b)


def _level(text: str) -> list[int]:
    """Read a compatibility level: "3.6" comes before "3.10"."""
    return [int(part) for part in _DIGITS.findall(text)]
