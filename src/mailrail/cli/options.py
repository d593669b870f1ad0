"""Floor 5 · cli — options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mailrail.config import MailrailSettings, load

DEFAULT_CONFIG: Final = "/etc/mailrail/mailrail.toml"
Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """Add `--config FILE`; the command gets it as the argument *config*."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="MAILRAIL_CONFIG",
        default=DEFAULT_CONFIG,
        show_default=True,
        show_envvar=True,
        help="Settings file; conf.d/*.toml beside it is read after it.",
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`; the command gets it as the argument *as_json*."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs."
    )(command)


def settings_of(config: Path) -> MailrailSettings:
    """Load the settings.

    Raises:
        SettingsError: with every problem found.
    """
    return load(config)
