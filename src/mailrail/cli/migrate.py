"""Floor 5 · cli — `mailrail import`: the configuration of another mail system as a settings file, with a word on every line of it.

What is there is never overwritten; what was written is checked as `mailrail config check` would.
"""

import sys
from pathlib import Path
from typing import Final

import click

from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, json_option
from mailrail.config import BadSettingsError, load
from mailrail.migrate import Imported, import_postfix, read_postfix
from mailrail.net import host_name, write_private

_NO_NAME: Final = "localhost.localdomain"  # where neither main.cf nor the machine says one


@click.group("import")
def import_group() -> None:
    """Take over the configuration of another mail system.

    \b
    Example:
      mailrail import postfix /etc/postfix --config mailrail.toml
    """


@import_group.command()
@click.argument(
    "directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIRECTORY",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("/"),
    show_default=True,
    metavar="DIRECTORY",
    help="Where the files of the other machine lie, when it is not this one.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; print the report only.")
@json_option
@config_option
def postfix(directory: Path, root: Path, config: Path, *, dry_run: bool, as_json: bool) -> int:
    """Make settings of the Postfix whose main.cf and master.cf lie in DIRECTORY, and tell what became of each line.

    Reads main.cf, master.cf and the sources of lookup tables; changes nothing of Postfix, and asks no server. Writes the
    file named by --config, in which the line of Postfix stands above each value, and beside it a file (0600) for each
    password. The report has four lists: taken over, please look at, not supported, no longer needed; nothing is left
    out. Ends with 78 when the settings cannot be used as they are.

    \b
    Examples:
      mailrail import postfix /etc/postfix --config mailrail.toml
      mailrail import postfix ./old/etc/postfix --root ./old --config mailrail.toml
      mailrail import postfix /etc/postfix --dry-run --json | jq 'select(.fate == "not_supported")'
    """
    if config.exists() and not dry_run:
        raise CommandFailed(Exit.USAGE, f"{config} is there already: change it, or name another by --config")
    home = config.absolute().parent
    imported = import_postfix(read_postfix(directory, root=root, host_name=host_name() or _NO_NAME), home)
    if not dry_run:
        _write(config, home, imported)
    click.echo(imported.report.as_json() if as_json else imported.report.as_text(), nl=False)
    return Exit.OK if dry_run else _check(config)


def _write(config: Path, home: Path, imported: Imported) -> None:
    for name in imported.files:
        if (home / name).exists():
            raise CommandFailed(
                Exit.USAGE, f"{home / name} is there already: move it, or name another directory by --config"
            )
    home.mkdir(exist_ok=True)
    for name, file in imported.files.items():
        content = file.content.encode()
        if file.is_secret:
            write_private(home / name, content)
        else:
            (home / name).write_bytes(content)
    with config.open("x", encoding="utf-8") as stream:
        stream.write(imported.toml)


def _check(config: Path) -> int:
    """Load what was written; it stays also where it is not good, for it is to be mended, not made anew."""
    try:
        settings = load(config)
    except BadSettingsError as error:
        click.echo(f"\n{config} is written, but cannot be used yet:\n{error}", err=True)
        return Exit.CONFIG
    places = ", ".join(listener.address for listener in settings.listener)
    click.echo(
        f"\n{config} is written, and good. {settings.hostname} would listen at {places}.", file=sys.stderr
    )
    return Exit.OK
