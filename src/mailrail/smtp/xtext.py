"""Floor 1 · smtp — xtext and its kin: how a parameter carries any text (RFC 3461 §4, RFC 6533 §3).

Decoding is strict: a line break or another control character, written plainly or as +XX, never
comes out of a parameter (A26). A space may, written as +20: quoted local parts have them.
"""

import re
from typing import Final

_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX: Final = re.compile(r"\+([0-9A-F]{2})")
_SPECIAL: Final = re.compile(r"[^!-*,-<>-~]")
# RFC 6533 §3: EmbeddedUnicodeChar, without surrogates and without what ASCII writes plainly.
_UNICODE: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")


def decode(text: str) -> str:
    """Return what the xtext *text* stands for.

    Raises:
        ValueError: not xtext, or it hides something that is not printable US-ASCII.
    """
    plain = decode_octets(text)
    if not plain.isascii():
        raise ValueError(f"{text!r} hides what is not US-ASCII")
    return plain


def decode_octets(text: str) -> str:
    """Return what the xtext *text* stands for when the octets it hides are UTF-8.

    Raises:
        ValueError: not xtext, not UTF-8, or it hides something unprintable.
    """
    if _XTEXT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not xtext")
    if "+" not in text:
        return text
    octets = _HEX.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
    try:
        plain = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{text!r} hides what is not UTF-8") from None
    if not plain.isprintable():
        raise ValueError(f"{text!r} hides an unprintable character")
    return plain


def encode(text: str) -> str:
    """Return *text*, printable US-ASCII, as xtext."""
    return _SPECIAL.sub(lambda found: f"+{ord(found[0]):02X}", text)


def decode_utf8(text: str) -> str:
    r"""Return what a utf-8-addr-xtext or utf-8-addr-unitext stands for (RFC 6533 §3).

    Both forms are taken: `\x{20AC}` escapes and plain UTF-8.

    Raises:
        ValueError: neither form, or it hides a control character.
    """
    plain = _UNICODE.sub(_embedded, text)
    if not plain.isprintable() or " " in text:
        raise ValueError(f"{text!r} hides an unprintable character")
    return plain


def _embedded(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"{found[0]} is not a character")
    return chr(code)


def encode_utf8(text: str) -> str:
    r"""Return *text* as utf-8-addr-xtext: US-ASCII only, the rest as `\x{HEX}`."""
    return "".join(_escape(letter) for letter in text)


def _escape(letter: str) -> str:
    if "!" <= letter <= "~" and letter not in "\\+=":
        return letter
    return f"\\x{{{ord(letter):02X}}}"
