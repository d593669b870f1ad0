"""Floor 1 · smtp — a point in time as a parameter writes it (RFC 3339 §5.6, in UTC as RFC 4865 §3 wants it)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mailrail.model import LAST_INSTANT_US

# RFC 3339 allows any number of digits behind the point; nobody needs more than microseconds.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]00:00)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> int:
    """Return what *text* means, microseconds UTC.

    Raises:
        ValueError: it is no date and time in UTC, or before 1970.
    """
    text = text.upper()  # RFC 3339 §5.6: "t" and "z" will do
    if _INSTANT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a time in UTC like 2026-11-25T12:00:00Z")
    try:
        at_us = (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time that the calendar knows") from None
    if not 0 <= at_us <= LAST_INSTANT_US:
        raise ValueError(f"{text!r} is too long ago, or too far away")
    return at_us
