"""Floor 5 · cli — `mailrail config`: is it right, what is in force, what is there to set."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from mailrail.cli.options import config_option, settings_of
from mailrail.cli.words import count_words
from mailrail.config import (
    ListenerSettings,
    MailrailSettings,
    json_schema,
    markdown_reference,
    toml_reference,
)
from mailrail.config import show as show_settings
from mailrail.directory import Users, UsersSettings, able_mechanisms, have_keys, read_file


@click.group()
def config() -> None:
    """Check, show and explain the settings.

    \b
    Examples:
      mailrail config reference --format toml > mailrail.toml
      mailrail config check --config mailrail.toml
      mailrail config show
    """


@config.command()
@config_option
def check(config: Path) -> None:
    """Check every setting, and tell everything that is wrong at once.

    Reads the file and conf.d/*.toml beside it, loads certificates and keys, and opens no socket. Ends with 0 when
    the server would start with these settings, with 78 when not.

    \b
    Example:
      mailrail config check --config /etc/mailrail/mailrail.toml && systemctl restart mailrail
    """
    settings = settings_of(config)
    places = ", ".join(listener.address for listener in settings.listener)
    click.echo(f"{config}: good. {settings.hostname} would listen at {places}.")
    for note in (_tls_note(settings), *_login_notes(settings)):
        if note:
            click.echo(note)


@config.command()
@config_option
def show(config: Path) -> None:
    """Print the settings in force, defaults included, as TOML; secrets are hidden.

    \b
    Example:
      mailrail config show | grep -A5 '^.queue'
    """
    settings = settings_of(config)
    click.echo(show_settings(settings), nl=False)
    if note := _tls_note(settings):
        click.echo(f"\n# {note}")


def _tls_note(settings: MailrailSettings) -> str:
    """Say what TLS comes to where no certificate is named; "" where one is."""
    tls = settings.tls
    if tls.certificate:
        return ""
    if not tls.self_signed:
        return "TLS: not offered, for no certificate is named and tls.self_signed is false."
    place = tls.kept_in(settings.spool.path)
    return f"TLS: with a self-signed certificate in {place}, which nobody can verify; [[tls.certificate]] names a better one."


def _login_notes(settings: MailrailSettings) -> Iterator[str]:
    """Say who can log in where, and how."""
    file, oauth = settings.users.file, settings.users.oauth
    if not settings.users.is_on:
        return
    users = {} if file is None else read_file(file)
    if file is not None:
        yield f"Logins: {count_words(len(users), 'user')} in {file}."
    elif settings.users.has_source:
        yield f"Logins: by {settings.users.source}; `mailrail doctor` asks whether it answers."
    if oauth.is_on:
        way = "with the keys of" if oauth.keys_url else "by asking"
        yield f"Logins by token: checked {way} {oauth.url}; the user is in {oauth.user_claim}."
    if file is not None and not users:
        yield "    add the first one: mailrail user add NAME"
    for listener in settings.listener:
        names = listener.mechanisms if listener.auth else _able(listener, settings.users, users)
        if names:
            yield f"    at {listener.address} by {', '.join(names)}"
    if file is not None and not have_keys(users):
        yield "    SCRAM is not offered unless asked for: users have no keys for it until `mailrail user passwd NAME`"


def _able(listener: ListenerSettings, settings: UsersSettings, users: Users) -> tuple[str, ...]:
    has_keys = settings.file is not None and have_keys(users)
    return able_mechanisms(
        listener.mechanisms,
        by_password=settings.has_source,
        by_keys=has_keys,
        by_token=settings.oauth.is_on,
    )


_FORMATS: Final[dict[str, Callable[[], str]]] = {
    "toml": toml_reference,
    "markdown": markdown_reference,
    "json-schema": json_schema,
}


@config.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="toml",
    show_default=True,
    help="toml: a file to start from; markdown: the manual; json-schema: for editors.",
)
@config_option
def reference(form: str, config: Path) -> None:
    """Print every setting with its default, unit, bounds and meaning.

    The TOML form is a settings file in which everything but hostname is commented out. No file is read.

    \b
    Examples:
      mailrail config reference > mailrail.toml
      mailrail config reference --format json-schema > mailrail.schema.json
    """
    click.echo(_FORMATS[form](), nl=False)
