"""Floor 1 · message — dates as they stand in header fields (RFC 5322 §3.3), always written in UTC."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from mailrail.model import SECOND_US, utc

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = re.compile(
    r"\s*(?:[A-Za-z]{3}\s*,)?\s*(?P<day>\d{1,2})\s+(?P<month>[A-Za-z]{3})\s+(?P<year>\d{4})"
    r"\s+(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s+(?P<sign>[+-])(?P<zone>\d{4})",
    re.ASCII,
)


def date_text(now_us: int) -> str:
    """Return *now_us* (microseconds UTC since 1970) as RFC 5322 §3.3 writes it, locale or not."""
    return _second_text(now_us // SECOND_US)


@lru_cache(maxsize=16)  # a pure function; on the hot path a second's messages share one text
def _second_text(second: int) -> str:
    moment = utc(second * SECOND_US)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} +0000"


def parse_date(text: str) -> int | None:
    """Read a date with a numeric zone; None when it is none or does not exist.

    Obsolete forms (two-digit years, zone names) are not read: nothing is decided by them.
    """
    found = _DATE.match(text[:100])
    if found is None or found["month"].title() not in _MONTHS:
        return None
    zone = timedelta(hours=int(found["zone"][:2]), minutes=int(found["zone"][2:]))
    try:
        moment = datetime(
            int(found["year"]),
            _MONTHS.index(found["month"].title()) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(int(found["second"] or 0), 59),  # RFC 5322 §3.3 knows leap seconds, datetime does not
            tzinfo=UTC,
        )
        moment = moment - zone if found["sign"] == "+" else moment + zone
    except (ValueError, OverflowError):
        return None
    return int(moment.timestamp()) * SECOND_US
