"""Floor 5 · cli — `mailrail reload`: the running server reads its settings and certificates again."""

import asyncio
from pathlib import Path

import click

from mailrail.admin import AdminClient, AdminError, Reloaded, Trouble
from mailrail.cli.everywhere import ask_all
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, settings_of


@click.command()
@config_option
def reload(config: Path) -> None:
    """Have the running server read its settings and certificates again.

    Says which changes are in force now, for whatever begins from now on, and which wait for a restart. When something is wrong with the settings, all of
    it is told, nothing changes, the server goes on, and this ends with 78. Changed certificate files are found within a
    minute also without this command.

    \b
    Example:
      mailrail config check && mailrail reload
    """
    try:
        done = asyncio.run(ask_all(settings_of(config), AdminClient.reload))[0]
    except AdminError as error:
        if error.trouble is not Trouble.SETTINGS:
            raise
        raise CommandFailed(
            Exit.CONFIG, f"nothing has changed, for the settings are wrong:\n{error}"
        ) from error
    click.echo(_words(done))


def _words(done: Reloaded) -> str:
    lines = [f"in force now: {', '.join(done.applied)}"] if done.applied else []
    if done.waiting:
        lines.append(f"waits for a restart: {', '.join(done.waiting)}")
    return "\n".join(lines) or "no setting has changed; the certificates were read again"
