"""Floor 2 · tables.ldap — search filters as text (RFC 4515), with places for what strangers say. Pure.

    (&(objectClass=inetOrgPerson)(|(mail={key})(uid={local_part})))

A filter is read once, with its places as holes in values. What goes into a hole becomes octets of that value when the filter is written for the
server; no text is ever put together, so there is nothing to escape and nothing to forget (A74).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mailrail.model import SettingsError
from mailrail.tables.ldap import ber

_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_EQUAL, _SUBSTRINGS, _PRESENT, _EXTENSIBLE = 0xA3, 0xA4, 0x87, 0xA9
_COMPARISONS: Final = {"=": _EQUAL, ">=": 0xA5, "<=": 0xA6, "~=": 0xA8}
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_RULE, _TYPE, _VALUE, _DN = 0x81, 0x82, 0x83, 0x84
_ITEM: Final = re.compile(
    r"(?P<type>[A-Za-z0-9.;_-]*)(?P<dn>:dn)?(?::(?P<rule>[A-Za-z0-9.-]+))?(?P<sign>:=|~=|>=|<=|=)(?P<value>[^()\x00]*)"
)
_PIECE: Final = re.compile(
    r"\\(?P<hex>[0-9A-Fa-f]{2})|\{(?P<hole>\w+)\}|(?P<star>\*)|(?P<bad>\\)|(?P<text>[^\\*{]+|\{)"
)
_MOST_DEPTH: Final = 20

Holes = Mapping[str, str]
Write = Callable[[Holes], bytes]
Value = tuple[bytes | str, ...]  # octets, and the names of holes


class SearchFilter:
    """A filter with its holes.

    Attributes:
        holes: the names of those that are in it.
    """

    def __init__(self, text: str, known: Sequence[str]) -> None:
        """Read it.

        Args:
            text: as RFC 4515 has it, with holes like `{key}`.
            known: the names that holes may have.

        Raises:
            SettingsError: it is no filter.
        """
        self.holes: set[str] = set()
        self._text = text
        self._known = known
        self._position = 0
        self._write = self._filter(0)
        if self._position != len(text):
            raise self._wrong("goes on behind its end")

    def __str__(self) -> str:
        return self._text

    def write(self, holes: Holes) -> bytes:
        """Return the filter as octets, with *holes* filled in."""
        return self._write(holes)

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError(f"the filter {self._text!r} {what}, at character {self._position + 1}")

    def _take(self, sign: str) -> bool:
        is_there = self._text.startswith(sign, self._position)
        self._position += len(sign) if is_there else 0
        return is_there

    def _filter(self, depth: int) -> Write:
        if depth > _MOST_DEPTH:
            raise self._wrong("is nested too deeply")
        if not self._take("("):
            raise self._wrong("has no ( where one must be")
        for sign, tag in (("&", _AND), ("|", _OR), ("!", _NOT)):
            if self._take(sign):
                write = self._several(tag, depth)
                break
        else:
            write = self._item()
        if not self._take(")"):
            raise self._wrong("has no ) where one must be")
        return write

    def _several(self, tag: int, depth: int) -> Write:
        parts = [self._filter(depth + 1)]
        while tag != _NOT and self._text.startswith("(", self._position):
            parts.append(self._filter(depth + 1))
        return lambda holes: ber.element(tag, *(part(holes) for part in parts))

    def _item(self) -> Write:
        item = _ITEM.match(self._text, self._position)
        if item is None or not (item["type"] or item["rule"]):
            raise self._wrong("has no attribute=value where one must be")
        pieces = self._pieces(item["value"])
        self._position = item.end()
        name = ber.text(item["type"])
        if item["sign"] == ":=":
            return self._extensible(item, pieces)
        if item["dn"] or item["rule"]:
            raise self._wrong("has a rule with a sign that is not :=")
        if item["sign"] == "=" and len(pieces) > 1:
            return self._with_stars(item["type"], pieces)
        if len(pieces) > 1:
            raise self._wrong("has a * where none can be")
        tag = _COMPARISONS[item["sign"]]
        return lambda holes: ber.element(tag, name, _filled(pieces[0], holes))

    def _with_stars(self, name: str, pieces: list[Value]) -> Write:
        if pieces == [(), ()]:
            return lambda holes: ber.text(name, _PRESENT)
        tags = [_INITIAL, *(_ANY for _ in pieces[2:]), _FINAL]
        parts = [(tag, piece) for tag, piece in zip(tags, pieces, strict=True) if piece]
        if not parts or () in pieces[1:-1]:
            raise self._wrong("has two * side by side")
        return lambda holes: ber.element(
            _SUBSTRINGS,
            ber.text(name),
            ber.element(ber.SEQUENCE, *(_filled(piece, holes, tag) for tag, piece in parts)),
        )

    def _extensible(self, item: "re.Match[str]", pieces: list[Value]) -> Write:
        if len(pieces) > 1:
            raise self._wrong("has a * where none can be")
        rule = ber.text(item["rule"], _RULE) if item["rule"] else b""
        name = ber.text(item["type"], _TYPE) if item["type"] else b""
        dn = ber.boolean(True, _DN) if item["dn"] else b""
        return lambda holes: ber.element(_EXTENSIBLE, rule, name, _filled(pieces[0], holes, _VALUE), dn)

    def _pieces(self, text: str) -> list[Value]:
        """Return what stands between the stars of a value."""
        pieces: list[list[bytes | str]] = [[]]
        for piece in _PIECE.finditer(text):
            if piece["bad"]:
                raise self._wrong(r"has a \ without two hexadecimal digits behind it")
            if piece["star"]:
                pieces.append([])
            elif piece["hole"]:
                self._check_hole(piece["hole"])
                pieces[-1].append(piece["hole"])
            else:
                pieces[-1].append(bytes.fromhex(piece["hex"]) if piece["hex"] else piece["text"].encode())
        return [tuple(piece) for piece in pieces]

    def _check_hole(self, name: str) -> None:
        if name not in self._known:
            known = ", ".join(f"{{{one}}}" for one in self._known)
            raise self._wrong(f"has {{{name}}} in it; known is {known}")
        self.holes.add(name)


def _filled(value: Value, holes: Holes, tag: int = ber.OCTETS) -> bytes:
    parts = (part if isinstance(part, bytes) else holes[part].encode("utf-8", "replace") for part in value)
    return ber.element(tag, *parts)
