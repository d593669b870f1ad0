"""Floor 5 · cli — `mailrail status`: is the server there, since when, and what does it do."""

import asyncio
from pathlib import Path

import click

from mailrail.admin import AdminClient, Status
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.words import count_words, span_words
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
        )
    )
