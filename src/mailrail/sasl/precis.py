"""Floor 1 · sasl — PRECIS: one form for names and passwords, whoever typed them (RFC 8264, RFC 8265).

`username_case_preserved` and `username_case_mapped` are for names, `opaque_string` for passwords; `saslprep.py`
says which preparation is used where. The standard library has no PRECIS, but all that its derivation asks
for except three small properties, which stand here as ranges.

DEVIATES RFC 5892 §A.1: because the standard library does not know how letters join, a zero width non-joiner
is allowed behind a virama only.
"""

import unicodedata
from enum import Enum, auto
from typing import Final

from mailrail.sasl.saslprep import PreparationError, bounded

_ROUNDS: Final = 3  # RFC 8264 §7: applied again until nothing changes, three times at most
_VIRAMA: Final = 9  # its canonical combining class


class _Kind(Enum):
    """What a code point may be used for (RFC 8264 §8)."""

    PVALID = auto()
    FREE_PVAL = auto()  # in the FreeformClass only
    CONTEXT = auto()
    DISALLOWED = auto()


_ALWAYS: Final = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")  # RFC 8264 §9.6
_NEVER: Final = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_ARABIC_DIGITS: Final = frozenset(map(chr, range(0x0660, 0x066A)))
_EXTENDED_DIGITS: Final = frozenset(map(chr, range(0x06F0, 0x06FA)))
_JOINERS: Final = frozenset("\u200c\u200d")
_IN_CONTEXT: Final = (
    frozenset("\u00b7\u0375\u05f3\u05f4\u30fb") | _ARABIC_DIGITS | _EXTENDED_DIGITS | _JOINERS
)
_OLD_HANGUL: Final = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))  # RFC 8264 §9.9
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties, and the noncharacters of the BMP (RFC 8264 §9.13).
_IGNORABLE: Final = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFDD0, 0xFDEF), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
_LETTER_DIGITS: Final = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})  # RFC 8264 §9.1
_FREE: Final = frozenset(  # RFC 8264 §9.14 to §9.18
    {"Lt", "Nl", "No", "Me", "Zs", "Sm", "Sc", "Sk", "So", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"}
)


def username_case_preserved(text: str) -> str:
    """Prepare a name, keeping its case: userparts with spaces between them.

    Raises:
        PreparationError: empty, too long, or with code points that a name may not have.

    *Source:* RFC 8265 §3.4.
    """
    return _username(text, is_lowered=False)


def username_case_mapped(text: str) -> str:
    """Prepare a name in lower case, for whoever takes `Ann` and `ann` for one person.

    Raises:
        PreparationError: as `username_case_preserved`.

    *Source:* RFC 8265 §3.3.
    """
    return _username(text, is_lowered=True)


def opaque_string(text: str) -> str:
    """Prepare a password: every kind of space is a space, composed letters, nothing invisible.

    Raises:
        PreparationError: empty, too long, or with control or unassigned characters.

    *Source:* RFC 8265 §4.2.
    """
    bounded(text)
    for _ in range(_ROUNDS):
        before = text
        spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
        text = unicodedata.normalize("NFC", spaced)
        if text == before:
            break
    else:
        raise PreparationError("it has no stable form (RFC 8264 §7)")
    _check(text, allowed=(_Kind.PVALID, _Kind.FREE_PVAL))
    return text


def _username(text: str, *, is_lowered: bool) -> str:
    bounded(text)
    for _ in range(_ROUNDS):
        before = text
        wide = "".join(map(_unwidened, text))
        text = unicodedata.normalize("NFC", wide.lower() if is_lowered else wide)
        if text == before:
            break
    else:
        raise PreparationError("it has no stable form (RFC 8264 §7)")
    for part in text.split(" "):
        _check(part, allowed=(_Kind.PVALID,))
        _check_bidi(part)
    return text


def _unwidened(c: str) -> str:
    """Map full and half width to the common form (RFC 8265 §3.3.1)."""
    kind, _, to = unicodedata.decomposition(c).partition(" ")
    return chr(int(to, 16)) if kind in ("<wide>", "<narrow>") else c


def _check(text: str, *, allowed: tuple[_Kind, ...]) -> None:
    if not text:
        raise PreparationError("it is empty (RFC 8265 §3.1, §4.1)")
    if text.isascii() and text.isprintable() and " " not in text:
        return
    for at, c in enumerate(text):
        kind = _kind(c)
        if kind is _Kind.CONTEXT and not _fits_context(text, at):
            raise PreparationError(f"U+{ord(c):04X} may not stand where it does (RFC 5892 §A)")
        if kind is not _Kind.CONTEXT and kind not in allowed:
            raise PreparationError(f"U+{ord(c):04X} is not allowed (RFC 8264 §8)")


def _kind(c: str) -> _Kind:
    """Derive the property of a code point, in the order of RFC 8264 §8."""
    point, category = ord(c), unicodedata.category(c)
    if c in _ALWAYS:
        return _Kind.PVALID
    if c in _IN_CONTEXT:
        return _Kind.CONTEXT
    if c in _NEVER or category in ("Cn", "Cc", "Cs", "Co") or point & 0xFFFE == 0xFFFE:
        return _Kind.DISALLOWED
    if 0x21 <= point <= 0x7E:
        return _Kind.PVALID
    if _is_within(point, _OLD_HANGUL) or _is_within(point, _IGNORABLE):
        return _Kind.DISALLOWED
    if unicodedata.normalize("NFKC", c) != c:
        return _Kind.FREE_PVAL
    if category in _LETTER_DIGITS:
        return _Kind.PVALID
    return _Kind.FREE_PVAL if category in _FREE else _Kind.DISALLOWED


def _is_within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= point <= last for first, last in ranges)


def _fits_context(text: str, at: int) -> bool:
    """Judge a code point by its neighbours (RFC 5892 §A.1 to §A.9)."""
    c, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if c in _JOINERS:
        return before != "" and unicodedata.combining(before) == _VIRAMA
    if c == "\u00b7":
        return before == after == "l"
    if c == "\u0375":
        return _is_script(after, "GREEK")
    if c in "\u05f3\u05f4":
        return _is_script(before, "HEBREW")
    if c == "\u30fb":
        return any(_is_script(other, "HIRAGANA", "KATAKANA LETTER", "CJK") for other in text)
    return _ARABIC_DIGITS.isdisjoint(text) or _EXTENDED_DIGITS.isdisjoint(text)


def _is_script(c: str, *scripts: str) -> bool:
    return bool(c) and unicodedata.name(c, "").startswith(scripts)


def _check_bidi(text: str) -> None:
    """Apply the Bidi rule where something is written from the right (RFC 5893 §2, RFC 8265 §3.3.2)."""
    if text.isascii():
        return
    kinds = [unicodedata.bidirectional(c) for c in text]
    if not {"R", "AL", "AN"} & set(kinds):
        return
    last = next((kind for kind in reversed(kinds) if kind != "NSM"), "")
    if kinds[0] in ("R", "AL"):
        allowed, ends = {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}, {"R", "AL", "EN", "AN"}
    else:
        allowed, ends = {"L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}, {"L", "EN"}
    is_good = kinds[0] in ("R", "AL", "L") and last in ends and set(kinds) <= allowed
    if not is_good or {"EN", "AN"} <= set(kinds):
        raise PreparationError("writing directions are mixed (RFC 5893 §2)")
