"""Floor 5 · cli — a group of commands that are imported only when they run.

Importing the daemon takes half a second; `mailrail --help` must not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not imported yet.

    Attributes:
        module: where it is.
        name: the command's name in that module.
        help: one line for the list of commands.
    """

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A group that knows its commands by a table."""

    def __init__(self, *arguments: Any, table: Mapping[str, Lazy], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.table = table

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of *args*; what is none is told with the nearest one that is."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self.table, n=1)
            mend = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(self.table)}"
            ctx.fail(f'There is no command "{name}"; {mend}')
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        lazy = self.table.get(cmd_name)
        if lazy is None:
            return None
        found = getattr(import_module(lazy.module), lazy.name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self.table.items()])


def group(table: Mapping[str, Lazy], **keywords: Any) -> Callable[[Callable[..., Any]], LazyGroup]:
    """Make a LazyGroup of the decorated function."""
    return click.group(cls=LazyGroup, table=table, **keywords)
