"""Floor 5 · cli — `mailrail serve`, and what it says when it cannot."""

from collections.abc import Iterator
from pathlib import Path

import click

from mailrail.cli.exits import CommandFailed, code_of
from mailrail.cli.options import config_option, settings_of
from mailrail.model import MailrailError, NetError, StoreError
from mailrail.net import listening_mend


@click.command()
@config_option
def serve(config: Path) -> None:
    """Run the mail server until it is told to stop.

    Every setting is checked before the first socket is opened. SIGTERM and Ctrl-C stop it in good order: running
    transactions end, idle clients get 421, and what waits is tried again at the next start. SIGHUP reads settings and
    certificates again, like mailrail reload.

    \b
    Examples:
      mailrail serve --config mailrail.toml
      MAILRAIL_CONFIG=mailrail.toml mailrail serve
    """
    settings = settings_of(config)
    from mailrail.daemon import run  # noqa: PLC0415 -- the whole daemon; only this command needs it

    troubles: list[MailrailError] = []
    try:
        run(settings, lambda: settings_of(config))
    except* MailrailError as group:
        troubles.extend(_leaves(group))
    if troubles:
        text = "\n".join(f"{trouble} (settings: {config}){_mend(trouble)}" for trouble in troubles)
        raise CommandFailed(code_of(troubles[0]), text) from troubles[0]


def _leaves(group: BaseExceptionGroup[MailrailError]) -> Iterator[MailrailError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _mend(trouble: MailrailError) -> str:
    """Return what to do about what the system said, "" where the error says it already."""
    cause = trouble.__cause__
    mend = ""
    if isinstance(trouble, NetError):
        mend = listening_mend(trouble)
    elif isinstance(trouble, StoreError) and isinstance(cause, PermissionError):
        mend = "give it to the user that mailrail runs as, or name another spool.path"
    return f"\n    {mend}" if mend else ""
