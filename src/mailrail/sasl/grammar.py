"""Floor 1 · sasl — the grammar that SCRAM and OAUTHBEARER share: GS2 header, names, attributes (RFC 5801 §4, RFC 5802 §7).

Strict: what is not in the grammar is refused, for a lenient reader is how two sides come to sign different
messages. Every field is bounded by the SASL line (12,288 octets) before it comes here.
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from mailrail.model import MailrailError

PLUS: Final = "-PLUS"  # RFC 5802 §4: behind the name of a mechanism that binds to the channel
END_POINT: Final = "tls-server-end-point"  # RFC 5929 §4; the one binding that Python can get right
NAME_OCTETS: Final = 255  # RFC 4616 §2: what must be taken; no longer name is in use
_GS2: Final = re.compile(r"(?P<flag>[ny]|p=[A-Za-z0-9.-]{1,64}),(?:a=(?P<authzid>[^,]+))?,")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z]=[^,\0]+")
_RESERVED: Final = frozenset("anmrcsipve")  # RFC 5802 §5.1: no extension has these names
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NONCE: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+")  # RFC 5802 §7: printable, without the comma
# Short ones can be met again by chance. 16 characters of base64 are 96 bits; the longest keeps every challenge
# within a reply line (RFC 5321 §4.5.3.1.5). In use are 20 to 64.
LEAST_NONCE: Final = 16
MOST_NONCE: Final = 128


class GrammarError(MailrailError):
    """A message of a mechanism does not follow its grammar; never contains what was read."""


@dataclass(frozen=True, slots=True)
class Gs2:
    """The header of a client's first message (RFC 5801 §4).

    Attributes:
        flag: "n": the client has no binding; "y": it has, but thinks that the server has not; "p": bound.
        binding: the kind of binding, for "p".
        authzid: whom to act for, "" for oneself.
        text: the header as it came.
    """

    flag: str
    binding: str
    authzid: str
    text: str


def parse_gs2(message: str) -> tuple[Gs2, str]:
    """Split the header off.

    Raises:
        GrammarError: there is none.
    """
    found = _GS2.match(message)
    if found is None:
        raise GrammarError("no GS2 header (RFC 5801 §4)")
    flag, _, binding = found["flag"].partition("=")
    authzid = unescape_name(found["authzid"]) if found["authzid"] else ""
    return Gs2(flag, binding, authzid, found[0]), message[found.end() :]


def escape_name(name: str) -> str:
    """Write a name as a saslname (RFC 5802 §5.1)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape_name(text: str) -> str:
    """Read a saslname.

    Raises:
        GrammarError: "=" without 2C or 3D behind it, NUL, empty or too long.
    """
    parts = text.split("=")
    if any(not part.startswith(("2C", "3D")) for part in parts[1:]):
        raise GrammarError("a bad escape in a name (RFC 5802 §5.1)")
    name = parts[0] + "".join(("," if part[:2] == "2C" else "=") + part[2:] for part in parts[1:])
    return checked_name(name)


def checked_name(name: str) -> str:
    """Return *name*, if it can be one.

    Raises:
        GrammarError: empty, too long, or with NUL.
    """
    if not name or "\0" in name or len(name.encode()) > NAME_OCTETS:
        raise GrammarError(f"a name has 1 to {NAME_OCTETS} octets, none of them NUL")
    return name


def text_of(message: bytes) -> str:
    """Decode a message.

    Raises:
        GrammarError: not UTF-8.
    """
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise GrammarError("not UTF-8 (RFC 4422 §3.8)") from None


def attributes(text: str, *names: str) -> tuple[list[str], str]:
    """Read the attributes *names* at the beginning of *text*, in this order.

    Returns:
        Their values, and what stands behind them: extensions, which nobody must know (RFC 5802 §5.1).

    Raises:
        GrammarError: others, another order, or an empty value.
    """
    parts = text.split(",")
    # RFC 5802 §5.1: "m" is an extension that must be understood, and there is none.
    if any(part.startswith("m=") for part in parts):
        raise GrammarError("a mandatory extension (RFC 5802 §5.1)")
    is_good = len(parts) >= len(names) and all(map(_ATTRIBUTE.fullmatch, parts))
    found = [part[:1] for part in parts]
    if not is_good or found[: len(names)] != list(names) or not _RESERVED.isdisjoint(found[len(names) :]):
        raise GrammarError(f"not the attributes {', '.join(names)} (RFC 5802 §7)")
    return [part[2:] for part in parts[: len(names)]], ",".join(parts[len(names) :])


def checked_nonce(nonce: str) -> str:
    """Return *nonce*, if it is printable and neither short nor long.

    Raises:
        GrammarError: it is not.
    """
    if not LEAST_NONCE <= len(nonce) <= 2 * MOST_NONCE or not _NONCE.fullmatch(nonce):
        raise GrammarError(f"a nonce has at least {LEAST_NONCE} printable characters (RFC 5802 §7)")
    return nonce


def octets(text: str) -> bytes:
    """Read base64, in the one way that it can be written.

    Raises:
        GrammarError: not base64.
    """
    try:
        value = b64decode(text, validate=True)
    except ValueError:
        value = b""
    if not value or b64encode(value).decode() != text:
        raise GrammarError("not base64 (RFC 5802 §7)")
    return value


def number(text: str) -> int:
    """Read a positive number.

    Raises:
        GrammarError: not a posit-number of at most nine digits.
    """
    if not _NUMBER.fullmatch(text):
        raise GrammarError("not a positive number (RFC 5802 §7)")
    return int(text)
