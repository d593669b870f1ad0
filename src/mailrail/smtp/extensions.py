"""Floor 1 · smtp — what a peer offers in its reply to EHLO or LHLO.

A line that makes no sense is passed over: an offer we cannot read is an offer we do not use.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from mailrail.model import Reply
from mailrail.smtp.instants import parse_instant

_KEYWORD: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_LIMIT: Final = re.compile(r"([A-Z]+)=([0-9]{1,6})")  # RFC 9422 §3
_SIZE_DIGITS: Final = 20  # RFC 1870 §4
_BY_DIGITS: Final = 9  # RFC 2852 §2, RFC 4865 §3
_FLAGS: Final = {
    "has_pipelining": {"PIPELINING"},
    "has_size": {"SIZE"},
    "has_8bitmime": {"8BITMIME"},
    "has_smtputf8": {"SMTPUTF8"},
    "has_chunking": {"CHUNKING"},
    "has_binarymime": {"BINARYMIME", "CHUNKING"},
    "has_dsn": {"DSN"},
    "has_starttls": {"STARTTLS"},
    "has_enhanced": {"ENHANCEDSTATUSCODES"},
    "has_requiretls": {"REQUIRETLS"},
}


def _flag() -> Any:
    """Declare a field that `__post_init__` sets."""
    return field(init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Extensions:
    """The service extensions of one session; empty before EHLO and after HELO.

    Attributes:
        keywords: every EHLO keyword, in capitals.
        size_bytes: the largest message taken; None when no fixed bound was told (RFC 1870 §4).
        auth: SASL mechanisms in the order offered, in capitals (RFC 4954 §3).
        rcpt_max: recipients of one transaction (RFC 9422 §4.2), or None.
        mail_max: transactions of one session (RFC 9422 §4.1), or None.
        rcpt_domain_max: different recipient domains of one transaction (RFC 9422 §4.3), or None.
        deliver_by_s: the shortest time in which it may be asked to deliver or return (RFC 2852 §2); 0: it did not say.
        hold_most_s, hold_latest_us: for how long, and until when (microseconds UTC), it keeps a message back
            (RFC 4865 §3); 0: not at all.
        has_pipelining: several commands may be sent at once (RFC 2920).
        has_size: MAIL takes SIZE= (RFC 1870).
        has_8bitmime: 8-bit content is taken (RFC 6152).
        has_smtputf8: internationalised addresses and headers are taken (RFC 6531).
        has_chunking: BDAT is taken (RFC 3030).
        has_binarymime: binary content is taken, which is useless without CHUNKING (RFC 3030 §3).
        has_dsn: wishes for delivery notices are taken (RFC 3461).
        has_starttls: STARTTLS is offered (RFC 3207).
        has_enhanced: replies carry enhanced codes (RFC 2034).
        has_requiretls: REQUIRETLS is offered (RFC 8689).
    """

    keywords: frozenset[str] = frozenset()
    size_bytes: int | None = None
    auth: tuple[str, ...] = ()
    rcpt_max: int | None = None
    mail_max: int | None = None
    rcpt_domain_max: int | None = None
    deliver_by_s: int = 0
    hold_most_s: int = 0
    hold_latest_us: int = 0

    has_pipelining: bool = _flag()
    has_size: bool = _flag()
    has_8bitmime: bool = _flag()
    has_smtputf8: bool = _flag()
    has_chunking: bool = _flag()
    has_binarymime: bool = _flag()
    has_dsn: bool = _flag()
    has_starttls: bool = _flag()
    has_enhanced: bool = _flag()
    has_requiretls: bool = _flag()

    def __post_init__(self) -> None:
        # Once a session; they are asked several times a message.
        for name, needed in _FLAGS.items():
            object.__setattr__(self, name, needed <= self.keywords)


def parse_extensions(reply: Reply) -> Extensions:
    """Read the positive reply to EHLO or LHLO; its first line only greets (RFC 5321 §4.1.1.1)."""
    return _parse(reply.text)


@lru_cache(maxsize=64)  # a pure function; every new session with a host brings the same text
def _parse(text: str) -> Extensions:
    keywords: set[str] = set()
    size_bytes: int | None = None
    auth: dict[str, None] = {}
    limits: dict[str, int] = {}
    deliver_by_s = 0
    hold = (0, 0)
    for line in text.split("\n")[1:]:
        keyword, *values = line.upper().replace("AUTH=", "AUTH ", 1).split()[:64] or [""]
        if _KEYWORD.fullmatch(keyword) is None:
            continue
        keywords.add(keyword)
        if keyword == "SIZE":
            size_bytes = _size(values)
        elif keyword == "AUTH":
            # LENIENT: seen from Exchange and older: "AUTH=LOGIN" beside or instead of "AUTH LOGIN".
            auth.update(dict.fromkeys(values))
        elif keyword == "DELIVERBY":
            deliver_by_s = _least_time(values)
        elif keyword == "FUTURERELEASE":
            hold = _longest_hold(values)
        elif keyword == "LIMITS":
            limits.update(_limits(values))
    return Extensions(
        frozenset(keywords),
        size_bytes,
        tuple(auth),
        limits.get("RCPTMAX"),
        limits.get("MAILMAX"),
        limits.get("RCPTDOMAINMAX"),
        deliver_by_s,
        *hold,
    )


def _size(values: list[str]) -> int | None:
    """RFC 1870 §4: no number, or zero, means that no fixed bound is in force."""
    text = values[0] if values else ""
    return (int(text) or None) if text.isascii() and text.isdigit() and len(text) <= _SIZE_DIGITS else None


def _least_time(values: list[str]) -> int:
    """RFC 2852 §2: nine digits at most, further options behind a comma."""
    text = values[0].partition(",")[0] if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _BY_DIGITS else 0


def _longest_hold(values: list[str]) -> tuple[int, int]:
    """RFC 4865 §3: seconds, and a time in UTC."""
    try:
        most, latest = values
        return (
            int(most) if most.isascii() and most.isdigit() and len(most) <= _BY_DIGITS else 0
        ), parse_instant(latest)
    except ValueError:
        return 0, 0


def _limits(values: list[str]) -> dict[str, int]:
    """RFC 9422 §3: a limit is a positive number of at most six digits."""
    found = (_LIMIT.fullmatch(value) for value in values)
    return {limit[1]: int(limit[2]) for limit in found if limit is not None and int(limit[2]) > 0}
