"""Floor 5 · cli — `mailrail user`: who may log in.

A password comes from a prompt without echo or from standard input, never from the command line, which everybody on the machine
can read. A running server sees a change at the next login: nothing needs to be told to it.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mailrail.cli.everywhere import ask_all
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, json_option, settings_of
from mailrail.cli.words import table
from mailrail.config import MailrailSettings
from mailrail.directory import (
    QUOTAS,
    User,
    Users,
    change_file,
    checked,
    login_name,
    make_hash,
    read_file,
    remove_user,
    scheme_of,
    sender_entry,
    write_user,
)
from mailrail.model import system_rng
from mailrail.sasl import SALT_OCTETS, PreparationError, ScramKeys, derive_keys, opaque_string

LEAST_PASSWORD: Final = 8  # characters; NIST SP 800-63B §5.1.1.2
_INPUT_BYTES: Final = 4096
Command = TypeVar("Command", bound=Callable[..., Any])
_STDIN: Final = click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)
_NAME: Final = click.argument("name", metavar="NAME", callback=lambda _c, _p, value: spelled(value))


_DEFAULT: Final = -1  # in place of a number: what the settings say


def _entry(text: str) -> str:
    try:
        return sender_entry(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


_SEND_AS: Final = click.option(
    "--send-as",
    metavar="ADDRESS",
    multiple=True,
    callback=lambda _c, _p, values: tuple(map(_entry, values)),
    help='May send as this address too; "@example.org": as any of the domain, "*": as anybody. May be repeated.',
)


class _Amount(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic only since click 8.2
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "default":
            return _DEFAULT
        if str(value).isascii() and str(value).isdecimal():
            return int(value)
        raise click.BadParameter(f"{value!r} is neither a number, 0 for no limit, nor default", ctx, param)


def _quota_options(command: Command) -> Command:
    for key in reversed(QUOTAS):
        what, _, span = key.partition("_per_")
        text = f"At most so many {what} in {'an' if span == 'hour' else 'a'} {span}; 0: no limit, default: as in [quota.user]."
        command = click.option(f"--{key.replace('_', '-')}", metavar="N", type=_Amount(), help=text)(command)
    return command


def spelled(text: str) -> str:
    """Return the one spelling of a login name.

    Raises:
        click.UsageError: it can be nobody's name.
    """
    try:
        return login_name(text)
    except PreparationError as error:
        raise click.UsageError(f"{text!r} can be nobody's name: {error}") from None


@click.group()
def user() -> None:
    """Add, change and list the users who may log in.

    They are kept in the file that users.file names in the settings; it is made with the first of them. Passwords are stored as
    Argon2id hashes, and as keys for SCRAM. A running server sees every change at the next login.

    \b
    Examples:
      mailrail user add ann@example.org
      mailrail user list
      pwgen 20 1 | mailrail user passwd ann@example.org --stdin
    """


@user.command()
@_NAME
@_STDIN
@_SEND_AS
@config_option
def add(name: str, from_stdin: bool, send_as: tuple[str, ...], config: Path) -> None:
    """Add a user; asks for a password.

    A name is best a mail address of that person, who then may send as it. Capitals make no difference.

    \b
    Examples:
      mailrail user add ann@example.org
      mailrail user add printer --send-as scans@example.org --stdin < password.txt
    """
    settings = settings_of(config)
    path = _file(settings)
    if name in read_file(path):
        raise _there_is(name)
    made = _with_password(User(name, may_send_as=send_as), _new_password(from_stdin), settings)

    def change(text: str, users: Users) -> str:
        if name in users:
            raise _there_is(name)
        return write_user(text, made)

    change_file(path, change)
    click.echo(f"{name} can log in.")
    _tell_without_keys(made, settings)


@user.command()
@_NAME
@_STDIN
@config_option
def passwd(name: str, from_stdin: bool, config: Path) -> None:
    """Give a user another password.

    \b
    Example:
      mailrail user passwd ann@example.org
    """
    settings = settings_of(config)
    _found(read_file(_file(settings)), name)
    password = _new_password(from_stdin)
    made = _with_password(User(name), password, settings)
    _change(
        settings,
        name,
        lambda old: replace(old, password=made.password, keys=made.keys, sha1_keys=made.sha1_keys),
    )
    click.echo(f"{name} has a new password.")
    _tell_without_keys(made, settings)


@user.command()
@_NAME
@_SEND_AS
@click.option("--only-as-itself", is_flag=True, help="Take every --send-as back.")
@_quota_options
@config_option
def change(
    name: str, send_as: tuple[str, ...], only_as_itself: bool, config: Path, **quotas: int | None
) -> None:
    """Change as whom a user may send, and how much. What is not named stays.

    A running server goes by it from the user's next login on.

    \b
    Examples:
      mailrail user change ann@example.org --send-as sales@example.org --send-as @shop.example
      mailrail user change newsletter --send-as "*" --recipients-per-day 100000
      mailrail user change ann@example.org --only-as-itself --messages-per-hour default
    """
    if not send_as and not only_as_itself and not any(value is not None for value in quotas.values()):
        raise click.UsageError("say what to change: --send-as, --only-as-itself, --messages-per-hour ...")
    if send_as and only_as_itself:
        raise click.UsageError("--send-as and --only-as-itself exclude each other")

    def changed(old: User) -> User:
        kept = {key: most for key, most in old.quotas.items() if quotas.get(key) is None}
        given = {key: most for key, most in quotas.items() if most is not None and most >= 0}
        ordered = {key: most for key in QUOTAS if (most := {**kept, **given}.get(key)) is not None}
        entries = () if only_as_itself else send_as or old.may_send_as
        return replace(old, quotas=ordered, may_send_as=entries)

    _change(settings_of(config), name, changed)
    click.echo(f"{name} is changed; mailrail user show {name} tells how.")


@user.command()
@_NAME
@config_option
def disable(name: str, config: Path) -> None:
    """Let a user log in no more, until enabled again.

    A session that is open stays open.

    \b
    Example:
      mailrail user disable ann@example.org
    """
    _change(settings_of(config), name, lambda old: replace(old, is_disabled=True))
    click.echo(f"{name} cannot log in any more.")


@user.command()
@_NAME
@config_option
def enable(name: str, config: Path) -> None:
    """Let a user log in again.

    \b
    Example:
      mailrail user enable ann@example.org
    """
    _change(settings_of(config), name, lambda old: replace(old, is_disabled=False))
    click.echo(f"{name} can log in.")


@user.command()
@_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(name: str, yes: bool, config: Path) -> None:
    """Remove a user.

    \b
    Example:
      mailrail user delete ann@example.org --yes
    """
    path = _file(settings_of(config))
    _found(read_file(path), name)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("this cannot be undone: add --yes")
        click.confirm(f"Delete {name}?", abort=True, err=True)

    def change(text: str, users: Users) -> str:
        _found(users, name)
        return remove_user(text, name)

    change_file(path, change)
    click.echo(f"{name} is deleted.")


@user.command("list")
@json_option
@config_option
def list_users(as_json: bool, config: Path) -> None:
    """List the users.

    \b
    Examples:
      mailrail user list
      mailrail user list --json
    """
    users = read_file(_file(settings_of(config)))
    if as_json:
        for one in users.values():
            click.echo(json.dumps(_facts(one), ensure_ascii=False))
        return
    if not users:
        click.echo("There are no users; add one: mailrail user add NAME", err=True)
        return
    rows = [(one.name, "disabled" if one.is_disabled else "", _words(one)) for one in users.values()]
    for line in table(("NAME", "", "PASSWORD"), rows):
        click.echo(line)


@user.command()
@_NAME
@json_option
@config_option
def show(name: str, as_json: bool, config: Path) -> None:
    """Show what is known of a user, but the password, which nobody knows.

    \b
    Example:
      mailrail user show ann@example.org
    """
    one = _found(read_file(_file(settings_of(config))), name)
    if as_json:
        click.echo(json.dumps(_facts(one), ensure_ascii=False))
        return
    click.echo(one.name)
    click.echo(f"  {'may not log in: disabled' if one.is_disabled else 'may log in'}")
    click.echo(f"  password   {_words(one)}")
    if one.may_send_as:
        click.echo(f"  sends as   {', '.join(one.may_send_as)}")
    for key, most in one.quotas.items():
        click.echo(f"  {key.replace('_', ' ')}: {most or 'no limit'}")


@user.command()
@_NAME
@_STDIN
@config_option
def verify(name: str, from_stdin: bool, config: Path) -> None:
    """Check a password as a login would; ends with 0 if it is right, with 77 if not.

    \b
    Example:
      mailrail user verify ann@example.org
    """
    users = read_file(_file(settings_of(config)))
    password = _prepared(_line() if from_stdin else click.prompt("Password", hide_input=True, err=True))
    if checked(users.get(name), password) is None:
        raise CommandFailed(Exit.NO_PERMISSION, f"{name} cannot log in with that password")
    click.echo(f"{name} can log in with that password.")


@user.command()
@click.argument("name", metavar="NAME|ADDRESS|NETWORK")
@config_option
def unlock(name: str, config: Path) -> None:
    """Have the running server forget failed logins, so that who was locked out may try again.

    Locks end by themselves; the event LoginLocked says when. For an address its network is unlocked too.

    \b
    Examples:
      mailrail user unlock ann@example.org
      mailrail user unlock 192.0.2.7
    """
    settings = settings_of(config)
    with contextlib.suppress(PreparationError):
        name = login_name(name)
    count = sum(asyncio.run(ask_all(settings, lambda admin: admin.unlock(name))))
    click.echo(f"{name} is locked no more." if count else f"There were no failed logins of {name}.")


def _file(settings: MailrailSettings) -> Path:
    if settings.users.file is None:
        text = 'the settings name no file for users; mend it: [users] file = "/etc/mailrail/users.toml"'
        raise CommandFailed(Exit.CONFIG, text)
    return settings.users.file


def _found(users: Users, name: str) -> User:
    if name not in users:
        raise CommandFailed(Exit.NO_USER, f"there is no user {name}; mailrail user list names all")
    return users[name]


def _there_is(name: str) -> CommandFailed:
    return CommandFailed(
        Exit.DATA, f"there is a user {name} already; another password: mailrail user passwd {name}"
    )


def _change(settings: MailrailSettings, name: str, change: Callable[[User], User]) -> None:
    change_file(_file(settings), lambda text, users: write_user(text, change(_found(users, name))))


def _new_password(from_stdin: bool) -> str:
    if from_stdin:
        password = _line()
    elif sys.stdin.isatty():
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise click.UsageError("there is no terminal to ask for a password at: add --stdin, and pipe it in")
    if len(password) < LEAST_PASSWORD:
        raise CommandFailed(Exit.DATA, f"a password has at least {LEAST_PASSWORD} characters")
    return password


def _line() -> str:
    """Return the first line of standard input."""
    line = sys.stdin.readline(_INPUT_BYTES).rstrip("\r\n")
    if not line:
        raise CommandFailed(Exit.DATA, "standard input holds no password")
    return line


def _prepared(password: str) -> str:
    try:
        return opaque_string(password)
    except PreparationError as error:
        raise CommandFailed(Exit.DATA, f"this cannot be a password: {error}") from None


def _with_password(user: User, password: str, settings: MailrailSettings) -> User:
    stored = make_hash(_prepared(password), system_rng())
    users = settings.users
    return replace(
        user,
        password=stored,
        keys=_keys(password) if users.scram else None,
        sha1_keys=_keys(password, "sha1") if users.scram_sha_1 else None,
    )


def _keys(password: str, digest: str = "sha256") -> ScramKeys | None:
    salt = system_rng().getrandbits(8 * SALT_OCTETS).to_bytes(SALT_OCTETS, "big")
    try:
        return derive_keys(password, salt, digest=digest)
    except PreparationError:
        return None


def _tell_without_keys(user: User, settings: MailrailSettings) -> None:
    if user.keys is None and settings.users.scram:
        text = "Note: SCRAM cannot carry this password (a character is newer than Unicode 3.2); PLAIN and LOGIN can."
        click.echo(text, err=True)


def _words(user: User) -> str:
    more = {"SCRAM": user.keys, "SCRAM-SHA-1": user.sha1_keys}
    return ", ".join((scheme_of(user.password), *(name for name, keys in more.items() if keys is not None)))


def _facts(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "disabled": user.is_disabled,
        "scheme": scheme_of(user.password),
        "scram": user.keys is not None,
        "scram_sha_1": user.sha1_keys is not None,
        "may_send_as": list(user.may_send_as),
        "quotas": dict(user.quotas),
    }
