"""Floor 5 · migrate — how a Postfix file becomes logical lines: comments gone, continuations joined. Pure.

A logical line begins with text; a line that begins with white space goes on with it. Lines that are empty, or whose first
character that is no white space is "#", do not count, also between a line and its continuation (postconf(5), postmap(1)).
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line.

    Attributes:
        text: without its line ends.
        number: where it begins, from 1.
    """

    text: str
    number: int


def logical_lines(text: str) -> Iterator[Line]:
    """Yield the logical lines of *text*; what continues nothing is left out, as Postfix does with a warning."""
    parts: list[str] = []
    begun = 0
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            if parts:
                parts.append(line)
            continue
        if parts:
            yield Line("".join(parts).rstrip(), begun)
        parts, begun = [line], number
    if parts:
        yield Line("".join(parts).rstrip(), begun)


def words(text: str) -> list[str]:
    """Split a list of Postfix's at commas and white space; what stands in braces stays whole."""
    found: list[str] = []
    current, depth = "", 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if depth <= 0 and (char == "," or char.isspace()):
            if current:
                found.append(current)
            current = ""
        else:
            current += char
    return [*found, current] if current else found


def decoded(octets: bytes) -> str:
    """Return the text of a file that is UTF-8, or else Latin-1, in which nothing is an error."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
