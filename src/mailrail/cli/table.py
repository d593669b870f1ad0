"""Floor 5 · cli — `mailrail table`: what a lookup table says of a key, asked as the server asks it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, json_option, settings_of
from mailrail.cli.words import one_line
from mailrail.cli.words import table as lined_up
from mailrail.config import MailrailSettings
from mailrail.net import SocketNetwork
from mailrail.observe import Bus
from mailrail.tables import Doors, TableError, Tables, open_tables

T = TypeVar("T")


@click.group()
def table() -> None:
    """Ask the lookup tables of the settings, [table.NAME], and list them.

    \b
    Examples:
      mailrail table list
      mailrail table look-up staff info
      mailrail table look-up people ann@example.org --json
    """


@table.command("look-up")
@click.argument("name", metavar="NAME")
@click.argument("key", metavar="KEY")
@json_option
@config_option
def look_up(name: str, key: str, as_json: bool, config: Path) -> None:
    """Look KEY up in the table NAME, and print its values, one a line.

    The table is opened and asked here, as the server does, so no server need run. Ends with 65 when there is nothing
    under the key, with 75 when the table does not answer.

    \b
    Example:
      mailrail table look-up staff postmaster
    """
    settings = settings_of(config)
    _known(settings, name)
    values = _with_tables(settings, lambda tables: tables[name].look_up(key), only=name)
    if as_json:
        click.echo(json.dumps({"table": name, "key": key, "values": values}, ensure_ascii=False))
    elif values is not None:
        for value in values:
            click.echo(one_line(value))
    if values is None:
        raise CommandFailed(Exit.DATA, f"there is nothing under {key} in {name}")


@table.command("list")
@json_option
@config_option
def list_(as_json: bool, config: Path) -> None:
    """List the tables of the settings: name, kind and where they are.

    \b
    Example:
      mailrail table list --json
    """
    settings = settings_of(config)

    async def described(tables: Tables) -> list[tuple[str, str, str]]:
        return [(name, settings.table[name].kind, one.describe()) for name, one in tables.items()]

    rows = _with_tables(settings, described)
    if as_json:
        for name, kind, words in rows:
            click.echo(json.dumps({"table": name, "kind": kind, "is": words}, ensure_ascii=False))
    elif rows:
        for line in lined_up(("NAME", "KIND", "IS"), rows):
            click.echo(line)
    else:
        click.echo('there are no tables; one begins with [table.NAME] and kind = "..."')


def _known(settings: MailrailSettings, name: str) -> None:
    if name not in settings.table:
        known = f"there are: {', '.join(settings.table)}" if settings.table else "the settings have none"
        raise CommandFailed(Exit.DATA, f"there is no table {name}; {known}")


def _with_tables(
    settings: MailrailSettings, ask: Callable[[Tables], Coroutine[Any, Any, T]], *, only: str = ""
) -> T:
    wanted = {name: one for name, one in settings.table.items() if only in ("", name)}

    async def asked() -> T:
        network = SocketNetwork(settings.net)
        tables = open_tables(wanted, Doors(Bus(), network))
        try:
            return await ask(tables)
        finally:
            await tables.close()
            network.close()

    try:
        return asyncio.run(asked())
    except TableError as error:
        raise CommandFailed(Exit.TEMPORARY, str(error)) from error
