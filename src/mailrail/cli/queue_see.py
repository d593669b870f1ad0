"""Floor 5 · cli — `mailrail queue list | show | stats`: what waits, since when, and why."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from mailrail.admin import MAX_PAGE, MAX_STATS, DestinationRow, Row, Wanted
from mailrail.cli.choose import hold_words, selection, wanted
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.handed_in import list_handed_in
from mailrail.cli.options import config_option, json_option, settings_of
from mailrail.cli.progress import progress
from mailrail.cli.source import open_queue
from mailrail.cli.together import Queue
from mailrail.cli.words import count_words, due_words, one_line, size_words, span_words, table
from mailrail.config import MailrailSettings
from mailrail.model import SECOND_US, SystemClock, utc

_ADDRESS_COLUMNS: Final = 40
_REPLY_COLUMNS: Final = 150


@click.command("list")
@selection
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="At most this many items; 0: all.",
)
@json_option
@config_option
def list_items(limit: int, as_json: bool, config: Path, **options: Any) -> None:
    """List what waits, the oldest first, with the last answer below each item that has one.

    Above stands what sendmail has handed in and the server has not taken up yet; below, which mail is held as it comes.

    \b
    Examples:
      mailrail queue list
      mailrail queue list --domain example.org --not-held
      mailrail queue list --sender '<>' --limit 0 --json
    """
    asyncio.run(_list(settings_of(config), wanted(**options), limit, as_json=as_json))


async def _list(settings: MailrailSettings, chosen: Wanted, limit: int, *, as_json: bool) -> None:
    async with open_queue(settings) as queue:
        # First, for from there mail goes into the queue: in this order none is missed.
        handed_in = await list_handed_in(queue, chosen, limit, as_json=as_json)
        shown, after = 0, None
        while not limit or shown < limit:
            size = min(MAX_PAGE, limit - shown) if limit else MAX_PAGE
            rows = await queue.page(chosen, after, size)
            for line in _json(rows) if as_json else _list_lines(rows, is_first=not shown):
                click.echo(line)
            shown += len(rows)
            if len(rows) < size:
                break
            after = (rows[-1].queue_id, rows[-1].destination)
        if as_json:
            return
        if shown or not handed_in:
            await _tell_total(queue, chosen, shown, limit)
        if handed_in:
            click.echo(f"-- {handed_in:,} handed in and not taken up yet")
        for rule in await queue.holds():
            click.echo(f"-- held as it comes: {hold_words(rule)}")


async def _tell_total(queue: Queue, chosen: Wanted, shown: int, limit: int) -> None:
    if not shown:
        click.echo("Nothing waits." if chosen == Wanted() else "Nothing like that waits.")
    elif shown == limit:
        with progress("Counting"):
            total = await queue.count(chosen)
        more = total - shown
        click.echo(
            f"-- {count_words(more, 'more item')}: --limit 0 shows all" if more > 0 else "-- that is all"
        )
    else:
        click.echo(f"-- {count_words(shown, 'item')}")


def _json(rows: Sequence[Row | DestinationRow]) -> Iterator[str]:
    return (row.model_dump_json() for row in rows)


def _list_lines(rows: Sequence[Row], *, is_first: bool) -> Iterator[str]:
    now_us = SystemClock().now_us()
    heads = ("ID", "SIZE", "AGE", "NEXT TRY", "TRIES", "SENDER", "RECIPIENT")
    cells = [_cells(row, now_us) for row in rows]
    lines = table(heads, cells, right=frozenset({1, 2, 4}))
    head = next(lines)
    if is_first and rows:
        yield head
    for row, line in zip(rows, lines, strict=True):
        yield line
        reply = next((recipient.last_reply for recipient in row.recipients if recipient.last_reply), "")
        if reply:
            yield f"    {one_line(reply, _REPLY_COLUMNS)}"


def _cells(row: Row, now_us: int) -> tuple[str, ...]:
    recipient = one_line(row.recipients[0].address, _ADDRESS_COLUMNS)
    more = len(row.recipients) - 1
    return (
        row.queue_id,
        size_words(row.size_bytes),
        span_words((now_us - row.arrived_us) / SECOND_US),
        _state(row, now_us),
        str(row.attempts),
        one_line(row.sender, _ADDRESS_COLUMNS),
        f"{recipient} +{more}" if more else recipient,
    )


def _state(row: Row, now_us: int) -> str:
    if row.is_active:
        return "trying"
    return "held" if row.held else due_words(row.due_us, now_us)


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@config_option
def show(ids: tuple[str, ...], as_json: bool, config: Path) -> None:
    """Show everything about messages: where from, each waiting recipient, the last answer, the next try.

    \b
    Example:
      mailrail queue show 0B3kTzq81WX
    """
    wanted(ids, "", "", "", "", None)
    asyncio.run(_show(settings_of(config), ids, as_json=as_json))


async def _show(settings: MailrailSettings, ids: tuple[str, ...], *, as_json: bool) -> None:
    missing = []
    async with open_queue(settings) as queue:
        for queue_id in ids:
            rows = await queue.show(queue_id)
            if not rows:
                missing.append(queue_id)
            for line in _json(rows) if as_json else _message_lines(rows):
                click.echo(line)
    if missing:
        text = f"not in the queue (delivered, returned or deleted): {', '.join(missing)}"
        raise CommandFailed(Exit.DATA, text)


def _message_lines(rows: Sequence[Row]) -> Iterator[str]:
    now_us = SystemClock().now_us()
    for first in rows[:1]:
        yield first.queue_id
        yield f"  from      {one_line(first.sender)}"
        age = span_words((now_us - first.arrived_us) / SECOND_US)
        yield f"  arrived   {utc(first.arrived_us):%Y-%m-%d %H:%M:%S} UTC, {age} ago"
        yield f"  size      {size_words(first.size_bytes)} ({first.size_bytes:,} bytes)"
        if first.client or first.user:
            login = f", logged in as {one_line(first.user)}" if first.user else ""
            yield f"  client    {first.client} ({one_line(first.helo)}) by {first.protocol}{login}"
        if first.envid:
            yield f"  envid     {one_line(first.envid)}"
        if first.release_us:
            yield f"  release   {utc(first.release_us):%Y-%m-%d %H:%M:%S} UTC, as its sender asked (FUTURERELEASE)"
        if first.priority:
            yield f"  priority  {first.priority} (MT-PRIORITY)"
        if first.deliver_by_us:
            end = "then returned" if first.returns_late else "then its sender is told"
            yield f"  deliver   by {utc(first.deliver_by_us):%Y-%m-%d %H:%M:%S} UTC, {end} (DELIVERBY)"
        if first.requiretls:
            yield "  TLS       verified at every hop (REQUIRETLS)"
        if first.is_tls_optional:
            yield "  TLS       not required by its author (TLS-Required: No)"
    for row in rows:
        yield f"  at {row.destination}: {count_words(row.attempts, 'try').replace('trys', 'tries')}, {_next_words(row, now_us)}"
        for recipient in row.recipients:
            notify = f" (notify {recipient.notify})" if recipient.notify else ""
            target = f" ({one_line(recipient.target)})" if recipient.target else ""
            owner = f" from {one_line(recipient.returns_to)}" if recipient.returns_to else ""
            yield f"    to {one_line(recipient.address)}{target}{owner}{notify}"
            if recipient.last_reply:
                yield f"       {one_line(recipient.last_reply)}"


def _next_words(row: Row, now_us: int) -> str:
    state = _state(row, now_us)
    if state in ("trying", "held"):
        return {"trying": "being tried", "held": "held by an operator"}[state]
    return f"next try {state}"


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_STATS),
    default=50,
    show_default=True,
    metavar="N",
    help="At most this many destinations.",
)
@json_option
@config_option
def stats(limit: int, as_json: bool, config: Path) -> None:
    """Sum up by destination: what waits, how old it is, and what the server thinks of the place.

    \b
    Examples:
      mailrail queue stats
      mailrail queue stats --json | jq -r 'select(.asleep_s > 0) | .destination'
    """
    asyncio.run(_stats(settings_of(config), limit, as_json=as_json))


async def _stats(settings: MailrailSettings, limit: int, *, as_json: bool) -> None:
    async with open_queue(settings) as queue:
        with progress("Counting"):
            rows = await queue.stats(limit)
    for line in _json(rows) if as_json else _stats_lines(rows):
        click.echo(line)


def _stats_lines(rows: Sequence[DestinationRow]) -> Iterator[str]:
    now_us = SystemClock().now_us()
    heads = ("DESTINATION", "ITEMS", "HELD", "OLDEST", "NEXT TRY", "TRYING", "CONNECTIONS", "STATE")
    cells = [
        (
            one_line(row.destination, _ADDRESS_COLUMNS),
            f"{row.items:,}",
            f"{row.held:,}",
            span_words((now_us - row.oldest_us) / SECOND_US),
            due_words(row.next_due_us, now_us) if row.next_due_us else "-",
            str(row.running),
            f"{row.connections}/{row.window}" if row.window else "-",
            one_line(f"asleep for {span_words(row.asleep_s)}: {row.last}", 80) if row.asleep_s else "",
        )
        for row in rows
    ]
    yield from table(heads, cells, right=frozenset({1, 2, 3, 5})) if cells else ("Nothing waits.",)
