"""Floor 1 · smtp — what a peer offers in its reply to EHLO or LHLO.

A line that makes no sense is passed over: an offer we cannot read is an offer we do not use.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailrail.model import Reply

_KEYWORD: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_LIMIT: Final = re.compile(r"([A-Z]+)=([0-9]{1,6})")  # RFC 9422 §3
_SIZE_DIGITS: Final = 20  # RFC 1870 §4


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
    """

    keywords: frozenset[str] = frozenset()
    size_bytes: int | None = None
    auth: tuple[str, ...] = ()
    rcpt_max: int | None = None
    mail_max: int | None = None
    rcpt_domain_max: int | None = None

    @property
    def has_pipelining(self) -> bool:
        """Tell whether several commands may be sent at once (RFC 2920)."""
        return "PIPELINING" in self.keywords

    @property
    def has_size(self) -> bool:
        """Tell whether MAIL takes SIZE= (RFC 1870)."""
        return "SIZE" in self.keywords

    @property
    def has_8bitmime(self) -> bool:
        """Tell whether 8-bit content is taken (RFC 6152)."""
        return "8BITMIME" in self.keywords

    @property
    def has_smtputf8(self) -> bool:
        """Tell whether internationalised addresses and headers are taken (RFC 6531)."""
        return "SMTPUTF8" in self.keywords

    @property
    def has_chunking(self) -> bool:
        """Tell whether BDAT is taken (RFC 3030)."""
        return "CHUNKING" in self.keywords

    @property
    def has_binarymime(self) -> bool:
        """Tell whether binary content is taken; useless without CHUNKING (RFC 3030 §3)."""
        return "BINARYMIME" in self.keywords and "CHUNKING" in self.keywords

    @property
    def has_dsn(self) -> bool:
        """Tell whether wishes for delivery notices are taken (RFC 3461)."""
        return "DSN" in self.keywords

    @property
    def has_starttls(self) -> bool:
        """Tell whether STARTTLS is offered (RFC 3207)."""
        return "STARTTLS" in self.keywords

    @property
    def has_enhanced(self) -> bool:
        """Tell whether replies carry enhanced codes (RFC 2034)."""
        return "ENHANCEDSTATUSCODES" in self.keywords

    @property
    def has_requiretls(self) -> bool:
        """Tell whether REQUIRETLS is offered (RFC 8689)."""
        return "REQUIRETLS" in self.keywords


def parse_extensions(reply: Reply) -> Extensions:
    """Read the positive reply to EHLO or LHLO; its first line only greets (RFC 5321 §4.1.1.1)."""
    return _parse(reply.text)


@lru_cache(maxsize=64)  # a pure function; every new session with a host brings the same text
def _parse(text: str) -> Extensions:
    keywords: set[str] = set()
    size_bytes: int | None = None
    auth: dict[str, None] = {}
    limits: dict[str, int] = {}
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
        elif keyword == "LIMITS":
            limits.update(_limits(values))
    return Extensions(
        frozenset(keywords),
        size_bytes,
        tuple(auth),
        limits.get("RCPTMAX"),
        limits.get("MAILMAX"),
        limits.get("RCPTDOMAINMAX"),
    )


def _size(values: list[str]) -> int | None:
    """RFC 1870 §4: no number, or zero, means that no fixed bound is in force."""
    text = values[0] if values else ""
    return (int(text) or None) if text.isascii() and text.isdigit() and len(text) <= _SIZE_DIGITS else None


def _limits(values: list[str]) -> dict[str, int]:
    """RFC 9422 §3: a limit is a positive number of at most six digits."""
    found = (_LIMIT.fullmatch(value) for value in values)
    return {limit[1]: int(limit[2]) for limit in found if limit is not None and int(limit[2]) > 0}
