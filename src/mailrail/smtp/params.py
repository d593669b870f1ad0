"""Floor 1 · smtp — the parameters of MAIL and RCPT, read and written in one place.

Each keyword has one reader in a table; a keyword whose extension is not offered is unknown
(555), the same keyword twice or with a bad value is 501 (A28).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mailrail.model import Body, DeliverBy, Envelope, Hold, Notify, Recipient, Ret, instant_text
from mailrail.smtp import xtext
from mailrail.smtp.instants import parse_instant

SIZE_DIGITS: Final = 20  # RFC 1870 §4
ENVID_CHARACTERS: Final = 100  # RFC 3461 §4.4
ORCPT_CHARACTERS: Final = 500  # RFC 3461 §4.2
# Bound once: Python 3.11 takes 70 ns to find a member in its class.
_SEVEN_BIT, _DEFAULT = Body.SEVEN_BIT, Notify.DEFAULT
_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_HOLD_FOR: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)  # RFC 4865 §3
_PRIORITY: Final = re.compile(r"-?[1-9]|0", re.ASCII)  # RFC 6710 §7
_BY: Final = re.compile(r"([+-]?\d{1,9});([NR])(T?)", re.ASCII | re.IGNORECASE)  # RFC 2852 §4
_NOTIFY_WORDS: Final = {"SUCCESS": Notify.SUCCESS, "FAILURE": Notify.FAILURE, "DELAY": Notify.DELAY}


class ParameterError(ValueError):
    """A parameter cannot be taken.

    Attributes:
        is_unknown: the keyword is not one that was offered (555 instead of 501).
    """

    def __init__(self, text: str, *, is_unknown: bool = False) -> None:
        super().__init__(text)
        self.is_unknown = is_unknown


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What came behind MAIL's path; one may be shared by many transactions.

    Attributes:
        size_bytes: what the client says the size is, or None (RFC 1870).
        requiretls: the message may only go on under verified TLS (RFC 8689).
        hold: until when it is to be kept back, or None (RFC 4865).
        priority: -9 to 9 (RFC 6710 §4.1).
        deliver_by: within how long of MAIL it is to be delivered, or None (RFC 2852).
        auth: the AUTH= identity, xtext decoded; "" is `<>`; None when not given (RFC 4954 §5).
        requested: every parameter as it came, keyword in capitals.
    """

    size_bytes: int | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    ret: Ret | None = None
    envid: str = ""
    requiretls: bool = False
    hold: Hold | None = None
    priority: int = 0
    deliver_by: DeliverBy | None = None
    auth: str | None = None
    requested: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RcptParameters:
    """What came behind RCPT's path; one may be shared by many transactions."""

    notify: Notify = Notify.DEFAULT
    orcpt: str = ""
    requested: Mapping[str, str | None] = field(default_factory=dict)


def _size(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= SIZE_DIGITS):
        raise ParameterError("SIZE wants a number of octets")
    return int(value)


def _body(value: str) -> Body:
    try:
        return Body(value.upper())
    except ValueError:
        raise ParameterError("BODY wants 7BIT, 8BITMIME or BINARYMIME") from None


def _ret(value: str) -> Ret:
    try:
        return Ret(value.upper())
    except ValueError:
        raise ParameterError("RET wants FULL or HDRS") from None


def _envid(value: str) -> str:
    envid = _xtext(value, "ENVID")
    if not 0 < len(envid) <= ENVID_CHARACTERS:
        raise ParameterError(f"ENVID wants 1 to {ENVID_CHARACTERS} characters")
    return envid


def _auth(value: str) -> str:
    identity = _xtext(value, "AUTH")
    return "" if identity == "<>" else identity


def _hold_for(value: str) -> Hold:
    if _HOLD_FOR.fullmatch(value) is None:
        raise ParameterError("HOLDFOR wants a number of seconds")
    return Hold(for_s=int(value))


def _hold_until(value: str) -> Hold:
    try:
        return Hold(until_us=parse_instant(value))
    except ValueError as error:
        raise ParameterError(f"HOLDUNTIL: {error}") from None


def _priority(value: str) -> int:
    if _PRIORITY.fullmatch(value) is None:
        raise ParameterError("MT-PRIORITY wants a number from -9 to 9")
    return int(value)


def _by(value: str) -> DeliverBy:
    read = _BY.fullmatch(value)
    if read is None:
        raise ParameterError("BY wants seconds;R or seconds;N, with a T behind it to be told of every hop")
    by = DeliverBy(int(read[1]), read[2] in "Rr", bool(read[3]))
    if by.returns and by.is_over:
        raise ParameterError("BY wants a time above 0 with R")
    return by


def _notify(value: str) -> Notify:
    words = value.upper().split(",")
    if words == ["NEVER"]:
        return Notify.NEVER
    notify = Notify.DEFAULT
    for word in words:
        flag = _NOTIFY_WORDS.get(word)
        if flag is None or flag in notify:
            raise ParameterError("NOTIFY wants NEVER, or some of SUCCESS,FAILURE,DELAY")
        notify |= flag
    return notify


def _orcpt(value: str) -> str:
    kind, semicolon, address = value.partition(";")
    if not semicolon or not address or len(value) > ORCPT_CHARACTERS or not _KEYWORD.fullmatch(kind):
        raise ParameterError("ORCPT wants type;address")
    kind = kind.lower()
    try:
        if kind == "utf-8":
            plain = xtext.decode_utf8(address)
        elif kind == "rfc822":
            # LENIENT: seen from Postfix 3.7, whose internationalised addresses are "rfc822" and UTF-8 in xtext.
            plain = xtext.decode_octets(address)
            kind = "rfc822" if plain.isascii() else "utf-8"
        else:
            plain = xtext.decode(address)
    except ValueError as error:
        raise ParameterError(f"ORCPT: {error}") from None
    return f"{kind};{plain}"


def _xtext(value: str, keyword: str) -> str:
    try:
        return xtext.decode(value)
    except ValueError as error:
        raise ParameterError(f"{keyword}: {error}") from None


_SWITCHES: Final = {"SMTPUTF8": "smtputf8", "REQUIRETLS": "requiretls"}  # keyword -> attribute
# keyword -> (the EHLO keyword that offers it, attribute, reader)
_MAIL: Final[Mapping[str, tuple[str, str, Callable[[str], object]]]] = {
    "SIZE": ("SIZE", "size_bytes", _size),
    "BODY": ("8BITMIME", "body", _body),
    "RET": ("DSN", "ret", _ret),
    "ENVID": ("DSN", "envid", _envid),
    "AUTH": ("AUTH", "auth", _auth),
    "HOLDFOR": ("FUTURERELEASE", "hold", _hold_for),
    "HOLDUNTIL": ("FUTURERELEASE", "hold", _hold_until),
    "MT-PRIORITY": ("MT-PRIORITY", "priority", _priority),
    "BY": ("DELIVERBY", "deliver_by", _by),
}
_RCPT: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "NOTIFY": ("notify", _notify),
    "ORCPT": ("orcpt", _orcpt),
}


def parse_mail(text: str, offered: frozenset[str]) -> MailParameters:
    """Read the parameters of MAIL.

    Args:
        text: what stands behind the path.
        offered: the EHLO keywords of this session; a parameter of another extension is unknown.

    Raises:
        ParameterError: unknown, repeated or bad.
    """
    if not text:
        return MailParameters()
    requested = _words(text)
    found: dict[str, Any] = {"requested": requested}
    for keyword, value in requested.items():
        switch = _SWITCHES.get(keyword)
        if switch is not None and keyword in offered:
            if value is not None:
                raise ParameterError(f"{keyword} takes no value")
            found[switch] = True
            continue
        extension, name, reader = _MAIL.get(keyword, ("", "", None))
        if reader is None or extension not in offered:
            raise ParameterError(f"{keyword} is not offered", is_unknown=True)
        if value is None:
            raise ParameterError(f"{keyword} wants a value")
        read = reader(value)
        if name in found:
            raise ParameterError("HOLDFOR and HOLDUNTIL exclude one another")
        found[name] = read
    if found.get("body") is Body.BINARY and "BINARYMIME" not in offered:
        raise ParameterError("BODY=BINARYMIME is not offered")
    return MailParameters(**found)


def parse_rcpt(text: str, offered: frozenset[str]) -> RcptParameters:
    """Read the parameters of RCPT.

    Raises:
        ParameterError: unknown, repeated or bad.
    """
    if not text:
        return RcptParameters()
    requested = _words(text)
    found: dict[str, Any] = {"requested": requested}
    for keyword, value in requested.items():
        name, reader = _RCPT.get(keyword, ("", None))
        if reader is None or "DSN" not in offered:
            raise ParameterError(f"{keyword} is not offered", is_unknown=True)
        if value is None:
            raise ParameterError(f"{keyword} wants a value")
        found[name] = reader(value)
    return RcptParameters(**found)


def _words(text: str) -> dict[str, str | None]:
    words: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        if not _KEYWORD.fullmatch(keyword) or (equals and not value):
            raise ParameterError(f"{word!r} is not a parameter")
        keyword = keyword.upper()
        # RFC 6533 §3: UTF-8 stands in an ORCPT; elsewhere U+0131 would be the "I" of BODY=8BITMIME.
        if not value.isascii() and keyword != "ORCPT":
            raise ParameterError(f"{keyword} wants a value in US-ASCII")
        if keyword in words:
            raise ParameterError(f"{keyword} is given twice")
        words[keyword] = value if equals else None
    return words


def format_mail(envelope: Envelope, offered: frozenset[str], size_bytes: int, body: Body) -> str:
    """Write MAIL's parameters for a peer that offers *offered*; each begins with a space.

    Args:
        size_bytes: octets of the message as it will be sent.
        body: how it will be sent, after any conversion.
    """
    words = ""
    if "SIZE" in offered:
        words += f" SIZE={size_bytes}"
    if body is not _SEVEN_BIT and "8BITMIME" in offered:
        words += f" BODY={body.value}"
    if envelope.smtputf8 and "SMTPUTF8" in offered:
        words += " SMTPUTF8"
    if "DSN" in offered:
        if envelope.ret is not None:
            words += f" RET={envelope.ret.value}"
        if envelope.envid:
            words += f" ENVID={xtext.encode(envelope.envid)}"
    if envelope.requiretls and "REQUIRETLS" in offered:
        words += " REQUIRETLS"
    if "MT-PRIORITY" in offered:
        # RFC 6710 §4.2: always, for the peer's own policy might give another one to what has none.
        words += f" MT-PRIORITY={envelope.priority}"
    if envelope.deliver_by is not None and "DELIVERBY" in offered:
        words += f" BY={envelope.deliver_by}"
    if envelope.hold is not None and "FUTURERELEASE" in offered:
        words += _format_hold(envelope.hold)
    return words


def _format_hold(hold: Hold) -> str:
    return f" HOLDFOR={hold.for_s}" if hold.for_s else f" HOLDUNTIL={instant_text(hold.until_us)}"


def format_rcpt(recipient: Recipient, offered: frozenset[str], asks_of_delay: bool = False) -> str:
    """Write RCPT's parameters for a peer that offers *offered*; each begins with a space.

    Args:
        asks_of_delay: the sender wants to hear of a delay, and the peer could not be told of which
            (RFC 2852 §4.1.4.2).
    """
    words, notify = "", recipient.notify
    if "DSN" not in offered or (notify is _DEFAULT and not (recipient.orcpt or asks_of_delay)):
        return ""
    if asks_of_delay and Notify.NEVER not in notify:
        notify = (notify or Notify.FAILURE) | Notify.DELAY
    if notify is not _DEFAULT:
        words += f" NOTIFY={format_notify(notify)}"
    if recipient.orcpt:
        words += f" ORCPT={format_orcpt(recipient.orcpt)}"
    return words


def format_notify(notify: Notify) -> str:
    """Write the value of NOTIFY."""
    if Notify.NEVER in notify:
        return "NEVER"
    return ",".join(word for word, flag in _NOTIFY_WORDS.items() if flag in notify)


def format_orcpt(orcpt: str) -> str:
    """Write the value of ORCPT from its decoded "type;address"."""
    kind, _, address = orcpt.partition(";")
    return f"{kind};{xtext.encode_utf8(address) if kind == 'utf-8' else xtext.encode(address)}"
