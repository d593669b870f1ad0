"""Floor 5 · cli — `mailrail status`: is the server there, since when, and what does it do."""

import asyncio
from pathlib import Path

import click

from mailrail.admin import AdminClient, CertificateRow, Status
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.words import count_words, one_line, span_words
from mailrail.config import MailrailSettings
from mailrail.model import SECOND_US
from mailrail.net import SocketNetwork


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@config_option
def status(as_json: bool, config: Path) -> None:
    """Ask the running server how it is. Ends with 69 when none answers.

    \b
    Examples:
      mailrail status
      mailrail status --json | jq .items
    """
    found = asyncio.run(_ask(settings_of(config)))
    click.echo(found.model_dump_json() if as_json else _words(found))


async def _ask(settings: MailrailSettings) -> Status:
    path = settings.admin.path(settings.spool.path)
    async with await AdminClient.open(SocketNetwork(settings.net), path) as admin:
        return await admin.status()


def _words(found: Status) -> str:
    up = span_words((found.now_us - found.started_us) / SECOND_US)
    return "\n".join(
        (
            f"mailrail {found.version} on {found.hostname}, process {found.pid}, up {up}",
            f"  listens at  {', '.join(found.listeners)}",
            f"  sessions    {found.sessions:,}",
            f"  queue       {count_words(found.items, 'item')}",
            f"  takes mail  {'no: ' + found.trouble if found.trouble else 'yes'}",
            f"  TLS         {_tls_words(found)}",
        )
    )


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
