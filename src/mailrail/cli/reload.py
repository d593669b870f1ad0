"""Floor 5 · cli — `mailrail reload`: the running server reads its settings and certificates again."""

import asyncio
from pathlib import Path

import click

from mailrail.admin import AdminClient, AdminError, Reloaded, Trouble
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, settings_of
from mailrail.config import MailrailSettings
from mailrail.net import SocketNetwork


@click.command()
@config_option
def reload(config: Path) -> None:
    """Have the running server read its settings and certificates again.

    Says which changes are in force now and which wait for a restart. When something is wrong with the settings, all of
    it is told, nothing changes, the server goes on, and this ends with 78. Changed certificate files are found within a
    minute also without this command.

    \b
    Example:
      mailrail config check && mailrail reload
    """
    try:
        done = asyncio.run(_ask(settings_of(config)))
    except AdminError as error:
        if error.trouble is not Trouble.SETTINGS:
            raise
        raise CommandFailed(
            Exit.CONFIG, f"nothing has changed, for the settings are wrong:\n{error}"
        ) from error
    click.echo(_words(done))


async def _ask(settings: MailrailSettings) -> Reloaded:
    path = settings.admin.path(settings.spool.path)
    async with await AdminClient.open(SocketNetwork(settings.net), path) as admin:
        return await admin.reload()


def _words(done: Reloaded) -> str:
    lines = [f"in force now: {', '.join(done.applied)}"] if done.applied else []
    if done.waiting:
        lines.append(f"waits for a restart: {', '.join(done.waiting)}")
    return "\n".join(lines) or "no setting has changed; the certificates were read again"
