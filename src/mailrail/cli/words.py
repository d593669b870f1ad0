"""Floor 5 · cli — sizes, times and tables as people read them."""

from collections.abc import Iterator, Sequence
from typing import Final

from mailrail.model import SECOND_US

_STEPS: Final = ((86_400, "d"), (3600, "h"), (60, "m"))
_KIB: Final = 1024
_GAP: Final = "  "


def size_words(size_bytes: int) -> str:
    """Return *size_bytes* in three digits: `512 B`, `4.2 KiB`, `35 MiB`."""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 10 else f"{value:.0f} {unit}"


def span_words(seconds: float) -> str:
    """Return a span of time in its two largest units: `42s`, `5m`, `3h12m`, `4d7h`."""
    left = max(int(seconds), 0)
    words = ""
    for factor, unit in _STEPS:
        count, rest = divmod(left, factor)
        if words:
            return words + (f"{count}{unit}" if count else "")
        if count:
            words, left = f"{count}{unit}", rest
    return words or f"{left}s"


def due_words(due_us: int, now_us: int) -> str:
    """Return when something is due, seen from now: `now`, `in 5m`."""
    return "now" if due_us <= now_us else f"in {span_words((due_us - now_us) / SECOND_US)}"


def one_line(text: str, width: int = 0) -> str:
    """Return *text* harmless to a terminal, on one line, cut at *width* characters (0: not cut)."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return f"{clean[: width - 1]}…" if width and len(clean) > width else clean


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Yield the lines of a table, columns as wide as their widest cell.

    Args:
        right: places of the columns that are set to the right: numbers.
    """
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    for row in (heads, *rows):
        cells = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield _GAP.join(cells).rstrip()


def count_words(count: int, noun: str) -> str:
    """Return `1 item`, `2 items`, `10,000 items`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
