"""Floor 5 · cli — `mailrail status`: is the server there, since when, and what does it do."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mailrail.admin import AdminClient, CertificateRow, Status
from mailrail.cli.everywhere import ask_all
from mailrail.cli.everywhere import workers as known
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.together import status_of_all
from mailrail.cli.words import count_words, one_line, span_words, table
from mailrail.model import SECOND_US


@click.command()
@click.option("--workers", is_flag=True, help="Tell of each worker, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@config_option
def status(workers: bool, as_json: bool, config: Path) -> None:
    """Ask the running server how it is. Ends with 69 when none answers.

    Of several workers it tells the sum.

    \b
    Examples:
      mailrail status
      mailrail status --workers
      mailrail status --json | jq .items
    """
    settings = settings_of(config)
    found = status_of_all(asyncio.run(ask_all(settings, AdminClient.status)))
    if as_json:
        click.echo(found.model_dump_json())
        return
    silent = set(known(settings)) - {row.worker for row in found.workers or (found,)}
    click.echo(_words(found, sorted(silent)))
    if workers:
        for line in each_of(found):
            click.echo(line)


def _words(found: Status, silent: Sequence[int]) -> str:
    up = span_words((found.now_us - found.started_us) / SECOND_US)
    return "\n".join(
        (
            f"mailrail {found.version} on {found.hostname}, process {found.pid}, up {up}",
            *workers_words(found, silent),
            f"  listens at  {', '.join(found.listeners)}",
            f"  sessions    {found.sessions:,}",
            f"  queue       {count_words(found.items, 'item')}",
            f"  takes mail  {'no: ' + found.trouble if found.trouble else 'yes'}",
            f"  TLS         {_tls_words(found)}",
        )
    )


def workers_words(found: Status, silent: Sequence[int]) -> Iterator[str]:
    """Say in one line how many workers there are, if there are several."""
    if not found.workers:
        return
    words = [str(sum(not row.is_leftover for row in found.workers))]
    words += [
        f"number {row.worker} takes no mail and empties its spool" for row in found.workers if row.is_leftover
    ]
    words += [f"number {number} does not answer" for number in silent]
    yield f"  workers     {', '.join(words)}"


def each_of(found: Status) -> Iterator[str]:
    """Say a line of each worker."""
    heads = ("WORKER", "PROCESS", "UP", "SESSIONS", "ITEMS", "STATE")
    cells = [
        (
            str(row.worker),
            str(row.pid),
            span_words((found.now_us - row.started_us) / SECOND_US),
            f"{row.sessions:,}",
            f"{row.items:,}",
            "takes no mail, empties its spool" if row.is_leftover else one_line(row.trouble or "takes mail"),
        )
        for row in found.workers
    ]
    yield from table(heads, cells, right=frozenset({0, 1, 2, 3, 4})) if cells else ("There is one process.",)


def _tls_words(found: Status) -> str:
    """Say which certificates are shown and, where that is not enough, what to do."""
    if not found.certificates:
        return "not offered: name a certificate by [[tls.certificate]], or set tls.self_signed = true"
    return "\n              ".join(certificate_words(row, found.now_us) for row in found.certificates)


def certificate_words(row: CertificateRow, now_us: int) -> str:
    """Say in one line for whom *row* is, from whom, and how long."""
    left_s = (row.ends_us - now_us) / SECOND_US
    end = f"for {span_words(left_s)} more" if left_s > 0 else f"OVER since {span_words(-left_s)}"
    issuer = "self-signed, nobody can verify it" if row.is_self_signed else f"by {row.issuer}"
    return one_line(f"{', '.join(row.names) or 'no name'}, {end}, {issuer} ({row.file})")
