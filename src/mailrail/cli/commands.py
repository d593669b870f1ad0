"""Floor 5 · cli — `mailrail commands link | unlink`: the names that other programs call, as links to our programs.

Installing the package does not touch them, for a machine may have another mail server whose they are.
"""

import sysconfig
from pathlib import Path
from typing import Final

import click

from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.lazy import Lazy, group

NAMES: Final = ("sendmail", "mailq", "newaliases")
_TABLE: Final = {
    "link": Lazy("mailrail.cli.commands", "link", "Make sendmail, mailq and newaliases links to ours."),
    "unlink": Lazy("mailrail.cli.commands", "unlink", "Remove these links."),
}


@group(_TABLE)
def commands() -> None:
    """Offer sendmail, mailq and newaliases under the names by which other programs call them.

    The package installs them as mailrail-sendmail, mailrail-mailq and mailrail-newaliases.
    """


_directory = click.argument(
    "directory", metavar="DIRECTORY", type=click.Path(path_type=Path, file_okay=False, exists=True)
)


@click.command()
@_directory
def link(directory: Path) -> None:
    """Make links in DIRECTORY: sendmail, mailq and newaliases.

    What is there already and is no link of ours is another mail server's, and is left alone: nothing is changed then.

    \b
    Examples:
      sudo mailrail commands link /usr/sbin
      mailrail commands link ~/bin
    """
    programs = {name: _program(name) for name in NAMES}
    taken = [str(directory / name) for name in NAMES if _is_foreign(directory / name, programs[name])]
    if taken:
        text = (
            f"{', '.join(taken)}: there already, and not ours\n"
            "    remove the mail server that they are from, move them away (Debian: dpkg-divert), or name another directory"
        )
        raise CommandFailed(Exit.USAGE, text)
    for name, program in programs.items():
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(program)
        click.echo(f"{directory / name} -> {program}")


@click.command()
@_directory
def unlink(directory: Path) -> None:
    """Remove the links in DIRECTORY that lead to our programs, and no others.

    \b
    Example:
      sudo mailrail commands unlink /usr/sbin
    """
    for name in NAMES:
        path = directory / name
        if path.is_symlink() and not _is_foreign(path, _program(name)):
            path.unlink()
            click.echo(f"{path} is removed")


def _program(name: str) -> Path:
    """Return our program, which is installed beside `mailrail` itself."""
    program = Path(sysconfig.get_path("scripts")) / f"mailrail-{name}"
    if not program.exists():
        raise CommandFailed(
            Exit.CONFIG, f"{program} is not there: is mailrail installed, and not only on the path?"
        )
    return program


def _is_foreign(path: Path, program: Path) -> bool:
    if path.is_symlink():
        return path.readlink() != program
    return path.exists()
