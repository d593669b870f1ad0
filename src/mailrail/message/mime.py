"""Floor 1 · message — the tree of a MIME message, as offsets into its bytes.

Reading is bounded: below MAX_DEPTH levels or behind MAX_PARTS parts the rest is opaque, and the
part that holds it says so (A17). A multipart without a usable boundary is a leaf. Each level
is one forward search for its own boundary inside its parent's range, so a boundary that
repeats its parent's finds nothing, and the whole costs at most MAX_DEPTH passes. A
message/global is a leaf: unlike message/rfc822 it may be encoded whole (RFC 6532 §3.7).
Source: RFC 2045, RFC 2046 §5.1.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mailrail.message.headers import fields, header_end, unfold

MAX_DEPTH: Final = 50  # levels; Postfix mime_nesting_limit 100
MAX_PARTS: Final = 1000  # in one message, all levels together
MAX_LOOKS: Final = 20_000  # lines that begin like a delimiter, found by all levels together
VALUE_OCTETS: Final = 8192  # of a Content-Type; behind that nothing is read

IDENTITY_ENCODINGS: Final = frozenset({"7bit", "8bit", "binary"})
_ATOM: Final = r"[^\s()<>@,;:\\\"/\[\]?=]+"
_TYPE: Final = re.compile(rf"\s*({_ATOM})\s*/\s*({_ATOM})")
_PARAMETER: Final = re.compile(rf';\s*({_ATOM})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
# LENIENT: seen from many mailers with characters and lengths that RFC 2046 §5.1.1 does not allow.
_BOUNDARY: Final = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Part:
    """One entity: the message itself, a part of a multipart, or a message inside a message.

    Attributes:
        start: offset of its header section.
        header_end: offset behind its last field.
        body: offset of its body.
        end: offset behind its body; the CRLF before a delimiter belongs to the delimiter.
        content_type: in lower case; "text/plain" where none is told (RFC 2045 §5.2).
        parameters: of the Content-Type, names in lower case.
        encoding: Content-Transfer-Encoding in lower case; "7bit" where none is told.
        parts: of a multipart, or the one message of a message/rfc822.
        is_opaque: it has parts that were not looked at: too deep, too many, or no boundary.
    """

    start: int
    header_end: int
    body: int
    end: int
    content_type: str
    parameters: dict[str, str]
    encoding: str
    parts: tuple["Part", ...] = ()
    is_opaque: bool = False

    @property
    def is_multipart(self) -> bool:
        """Tell whether the Content-Type is multipart/*."""
        return self.content_type.startswith("multipart/")

    def walk(self) -> Iterator["Part"]:
        """Go through this part and all below it, in the order they stand."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(slots=True)
class _Budget:
    """What may still be read of one message."""

    parts: int = MAX_PARTS
    looks: int = MAX_LOOKS


def read_tree(content: bytes) -> Part:
    """Read the structure of a message; any bytes are accepted."""
    return _read_part(content, 0, len(content), "text/plain", 0, _Budget())


def _read_part(content: bytes, start: int, end: int, default_type: str, depth: int, budget: _Budget) -> Part:
    head, body = header_end(content, start, end)
    typed: tuple[str, dict[str, str]] | None = None
    encoding = "7bit"
    for found in fields(content, start, head):
        if found.name == b"content-type" and typed is None:
            typed = parse_content_type(found.raw)
        elif found.name == b"content-transfer-encoding":
            encoding = _strip_comments(unfold(found.raw[:100]).decode("latin-1")).strip().lower()
    content_type, parameters = typed or (default_type, {})
    part = Part(start, head, body, end, content_type, parameters, encoding)
    if encoding not in IDENTITY_ENCODINGS:  # what is encoded has no parts that could be read in place
        return part
    if content_type == "message/rfc822":
        ranges: Iterable[tuple[int, int]] = ((body, end),)
    elif part.is_multipart:
        boundary = parameters.get("boundary", "").rstrip()
        if not _BOUNDARY.fullmatch(boundary):
            return replace(part, is_opaque=True)
        ranges = _part_ranges(content, body, end, boundary.encode("ascii"), budget)
    else:
        return part
    default_type = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    return _with_parts(part, content, ranges, default_type, depth, budget)


def _with_parts(
    part: Part,
    content: bytes,
    ranges: Iterable[tuple[int, int]],
    default_type: str,
    depth: int,
    budget: _Budget,
) -> Part:
    if depth >= MAX_DEPTH:
        return replace(part, is_opaque=True)
    parts: list[Part] = []
    for start, end in ranges:
        if budget.parts == 0:
            return replace(part, parts=tuple(parts), is_opaque=True)
        budget.parts -= 1
        parts.append(_read_part(content, start, end, default_type, depth + 1, budget))
    return replace(part, parts=tuple(parts), is_opaque=not parts or not budget.looks)


def _part_ranges(
    content: bytes, start: int, end: int, boundary: bytes, budget: _Budget
) -> Iterator[tuple[int, int]]:
    """Go through the parts of a multipart body; a missing close delimiter ends at *end*."""
    part_start: int | None = None
    for cut, after, is_close in _delimiters(content, start, end, b"--" + boundary, budget):
        if part_start is not None:
            # Two delimiters in a row share one CRLF: an empty part.
            yield part_start, max(part_start, cut)
        if is_close:
            return
        part_start = after
    if part_start is not None:
        yield part_start, end


def _delimiters(
    content: bytes, start: int, end: int, dashed: bytes, budget: _Budget
) -> Iterator[tuple[int, int, bool]]:
    """Find delimiter lines: offset of the CRLF before, offset behind, and whether it is the last."""
    at = start if content.startswith(dashed, start, end) else content.find(b"\r\n" + dashed, start, end)
    while at >= 0 and budget.looks:
        budget.looks -= 1
        tail = content.find(dashed, at, end) + len(dashed)
        line_end = content.find(b"\r\n", tail, end)
        after = end if line_end < 0 else line_end + 2
        padding = content[tail : after if line_end < 0 else line_end].rstrip(b" \t")
        if padding in (b"", b"--"):
            yield at, after, padding == b"--"
        # else another boundary that begins with the same letters
        at = -1 if line_end < 0 else content.find(b"\r\n" + dashed, line_end, end)


def parse_content_type(raw: bytes) -> tuple[str, dict[str, str]]:
    """Read a Content-Type (RFC 2045 §5.1): the type in lower case and its parameters.

    What is no type is "text/plain" (RFC 2045 §5.2). Of a parameter that stands twice the first
    counts. RFC 2231 continuations are not joined: no boundary needs them.
    """
    text = _strip_comments(unfold(raw[:VALUE_OCTETS]).decode("latin-1"))
    found = _TYPE.match(text)
    if found is None:
        return "text/plain", {}
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(text, found.end()):
        parameters.setdefault(name.lower(), plain or _QUOTED_PAIR.sub(r"\1", quoted))
    return f"{found[1]}/{found[2]}".lower(), parameters


def _strip_comments(text: str) -> str:
    """Remove comments (RFC 5322 §3.2.2), nested ones too, but not what looks like one in quotes."""
    if "(" not in text:
        return text
    kept, depth, is_quoted = [], 0, False
    letters = iter(text)
    for letter in letters:
        pair = letter + next(letters, "") if letter == "\\" else letter
        if letter == '"' and not depth:
            is_quoted = not is_quoted
        elif letter == "(" and not is_quoted:
            depth += 1
        if not depth:
            kept.append(pair)
        if letter == ")" and depth:
            depth -= 1
    return "".join(kept)
