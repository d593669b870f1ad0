"""Floor 5 · cli — `mailrail serve`."""

from pathlib import Path

import click

from mailrail.cli.options import config_option, settings_of


@click.command()
@config_option
def serve(config: Path) -> int:
    """Run the mail server until it is told to stop.

    Every setting is checked before the first socket is opened. SIGTERM and Ctrl-C stop it in good order: running
    transactions end, idle clients get 421, and what waits is tried again at the next start.

    \b
    Examples:
      mailrail serve --config mailrail.toml
      MAILRAIL_CONFIG=mailrail.toml mailrail serve
    """
    settings = settings_of(config)
    from mailrail.daemon import run  # noqa: PLC0415 -- the whole daemon; only this command needs it

    return run(settings, config)
