"""Floor 5 · cli — what waits in the maildrop, as a part of `mailrail queue list`."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from mailrail.admin import MAX_PAGE, HandedInRow, Wanted
from mailrail.cli.together import Queue
from mailrail.cli.words import one_line, size_words, span_words, table
from mailrail.model import SECOND_US, AddressError, SystemClock, parse_domain

_ADDRESS_COLUMNS: Final = 40
_HEADS: Final = ("HANDED IN", "SIZE", "AGE", "BY", "SENDER", "RECIPIENT")


async def list_handed_in(queue: Queue, chosen: Wanted, limit: int, *, as_json: bool) -> int:
    """Print what *chosen* means of it and return how many there are.

    Args:
        limit: print no more than so many; 0: all.
    """
    found, after = 0, ""
    while rows := await queue.handed_in(after, MAX_PAGE):
        after = rows[-1].place
        meant = [row for row in rows if _is_meant(chosen, row)]
        some = meant[: max(limit - found, 0) if limit else None]
        for line in (row.model_dump_json() for row in some) if as_json else _lines(some, is_first=not found):
            click.echo(line)
        found += len(meant)
    if found and not as_json:
        click.echo()
    return found


def _is_meant(wanted: Wanted, row: HandedInRow) -> bool:
    """Tell whether *wanted* means it: it has no destination yet, and nobody can hold it."""
    if wanted.queue_ids or wanted.destination or wanted.held:
        return False
    return _is_one(wanted.sender, (row.sender,)) and _is_one(wanted.recipient, row.recipients)


def _is_one(wanted: str, addresses: Sequence[str]) -> bool:
    """Tell whether one of *addresses* is the address or has the domain *wanted*, which is spelled as the spool does; "": any."""
    if not wanted:
        return True
    return any(wanted.lower() in (whole, whole.rpartition("@")[2]) for whole in map(_spelled, addresses))


def _spelled(address: str) -> str:
    local_part, at, domain = address.rpartition("@")
    try:
        return f"{local_part}{at}{parse_domain(domain)}".lower() if at else address
    except AddressError:
        return address.lower()


def _lines(rows: Sequence[HandedInRow], *, is_first: bool) -> Iterator[str]:
    now_us = SystemClock().now_us()
    lines = table(_HEADS, [_cells(row, now_us) for row in rows], right=frozenset({1, 2}))
    head = next(lines)
    if is_first and rows:
        yield head
    for row, line in zip(rows, lines, strict=True):
        yield line
        if row.problem:
            yield f"    {one_line(row.problem)}"


def _cells(row: HandedInRow, now_us: int) -> tuple[str, ...]:
    recipient = one_line(row.recipients[0], _ADDRESS_COLUMNS) if row.recipients else "-"
    more = len(row.recipients) - 1
    return (
        row.id,
        size_words(row.size_bytes),
        span_words((now_us - row.arrived_us) / SECOND_US),
        one_line(row.user, _ADDRESS_COLUMNS),
        one_line(row.sender, _ADDRESS_COLUMNS),
        f"{recipient} +{more}" if more > 0 else recipient,
    )
