"""Floor 5 · cli — where the program begins and ends."""

import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from mailrail.cli.exits import CommandFailed, Exit, code_of
from mailrail.cli.lazy import Lazy, group
from mailrail.model import MailrailError, SettingsError

_COMMANDS: Final = {
    "init": Lazy("mailrail.cli.init", "init", "Write a first settings file, by questions or flags."),
    "import": Lazy(
        "mailrail.cli.migrate", "import_group", "Take over the configuration of another mail system."
    ),
    "doctor": Lazy("mailrail.cli.doctor", "doctor", "Check a set-up, and say how to mend what is wrong."),
    "serve": Lazy("mailrail.cli.serve", "serve", "Run the mail server."),
    "status": Lazy("mailrail.cli.status", "status", "Ask the running server how it is."),
    "reload": Lazy(
        "mailrail.cli.reload", "reload", "Have the server read its settings and certificates again."
    ),
    "certificate": Lazy(
        "mailrail.cli.certificate", "certificate", "See the certificates in force, and fetch a new one."
    ),
    "send": Lazy("mailrail.cli.send", "send", "Send one message to a server."),
    "queue": Lazy("mailrail.cli.queue", "queue", "See and change what waits to be delivered."),
    "user": Lazy("mailrail.cli.user", "user", "Add, change and list the users who may log in."),
    "table": Lazy("mailrail.cli.table", "table", "Ask the lookup tables, and list them."),
    "srs": Lazy("mailrail.cli.srs", "srs", "Read return addresses that we signed, and change the key."),
    "explain": Lazy(
        "mailrail.cli.explain", "explain", "Say what would happen to mail for an address, and why."
    ),
    "sim": Lazy("mailrail.cli.sim", "sim", "Run a configuration in a simulated world."),
    "commands": Lazy(
        "mailrail.cli.commands", "commands", "Offer sendmail, mailq and newaliases to other programs."
    ),
    "config": Lazy("mailrail.cli.config", "config", "Check, show and explain the settings."),
}


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 -- 20 ms that only this needs

        click.echo(f"mailrail {version('mailrail')}")
        context.exit()


@group(
    _COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def root() -> None:
    """mailrail: receive, queue, relay and send mail.

    \b
    Begin with:
      mailrail init --config mailrail.toml
      mailrail doctor --config mailrail.toml
      mailrail serve --config mailrail.toml

    Each command explains itself: mailrail COMMAND --help. They read the settings from --config FILE, from
    the file named by MAILRAIL_CONFIG, or from /etc/mailrail/mailrail.toml.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code; errors are told on standard error."""
    try:
        result = root.main(list(arguments), prog_name="mailrail", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return Exit.INTERRUPTED
    except CommandFailed as error:
        _complain(str(error))
        return error.code
    except SettingsError as error:
        click.echo(str(error), err=True)  # each problem has its file and line in front
        return code_of(error)
    except MailrailError as error:
        _complain(str(error))
        return code_of(error)
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.IO
    except OSError as error:
        _complain(f"{error.filename or 'system'}: {error.strerror or error}")
        return Exit.NO_PERMISSION if isinstance(error, PermissionError) else Exit.IO


def _complain(text: str) -> None:
    click.echo(f"mailrail: {text}", err=True)


def main() -> NoReturn:
    """Run the program."""
    sys.exit(run(sys.argv[1:]))
