"""Floor 5 · cli — `mailrail init`: a first settings file, by questions or by flags.

It knows no setting by itself: answers are judged by the settings, the file is written from their description, and
it is only kept when it loads as `mailrail config check` would load it.
"""

import sys
from pathlib import Path
from typing import Any, Final

import click

from mailrail.cli.asking import Asker
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.init_advice import dns_advice, next_steps
from mailrail.cli.init_answers import EVERY_ADDRESS, Answers, chosen, domain_table, host_table
from mailrail.cli.options import config_option
from mailrail.cli.user import add, spelled
from mailrail.config import HEAD, BadSettingsError, MailrailSettings, load, starter
from mailrail.net import host_name, outgoing_addresses, write_private

_HEAD: Final = f"# Settings of mailrail, begun by mailrail init.\n{HEAD}"


@click.command()
@click.option("--hostname", metavar="NAME", help="Full name of this host; default: what the machine says.")
@click.option(
    "--domain",
    "domains",
    metavar="DOMAIN[=NEXT_HOP]",
    multiple=True,
    help="Take mail for it, and pass it on to NEXT_HOP (host:port, or lmtp:host:port, lmtp:unix:/path); "
    "maildir instead of one keeps it on this machine; without one as a backup for its other MX hosts. May be given again.",
)
@click.option(
    "--relay",
    metavar="NETWORK",
    multiple=True,
    help="Clients that may send anywhere without a login, like 10.0.0.0/24; default: nobody. May be given again.",
)
@click.option(
    "--submission/--no-submission",
    default=None,
    help="Let people log in at 587 and 465 and send anywhere. [default: no]",
)
@click.option(
    "--user",
    metavar="NAME",
    callback=lambda _context, _option, name: name and spelled(name),
    help="First of these people, best a mail address; the password is asked for, with --yes read from standard input.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    nargs=2,
    metavar="CHAIN KEY",
    help="PEM files of a certificate of your own; default: a self-signed one is made.",
)
@click.option(
    "--acme", is_flag=True, help="Fetch a certificate by ACME from Let's Encrypt; needs --agree-to-terms."
)
@click.option("--agree-to-terms", is_flag=True, help="You agree to the terms of service of that authority.")
@click.option("--acme-contact", metavar="ADDRESS", default="", help="Mail address that it may write to.")
@click.option(
    "--smarthost",
    metavar="HOST[:PORT]",
    help="Send all other mail by this server; default: by MX of each domain.",
)
@click.option("--smarthost-user", metavar="NAME", help="Log in there, under TLS with a verified certificate.")
@click.option(
    "--smarthost-password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File whose first line is the password.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    multiple=True,
    help=f"Where to take mail, host:port. [default: {' and '.join(EVERY_ADDRESS)}]. May be given again.",
)
@click.option(
    "--sendmail/--no-sendmail",
    default=None,
    help="Let every user of this machine send by sendmail, and not only root. [default: no]",
)
@click.option(
    "--postmaster",
    metavar="ADDRESS",
    help="Who reads mail for root and postmaster of this host, as from cron; default: nobody.",
)
@click.option("--spool", type=click.Path(path_type=Path), metavar="DIRECTORY", help="Where mail is kept.")
@click.option("--yes", is_flag=True, help="Ask nothing; take the defaults for what is not given.")
@config_option
def init(config: Path, *, yes: bool, **given: Any) -> None:
    """Write a first settings file, and say which DNS records to set and what to do next.

    Asks what it has no option for; --yes asks nothing. A file that is there is never overwritten.

    \b
    Examples:
      mailrail init
      mailrail init --yes --hostname mx1.example.org --domain example.org=lmtp:unix:/run/dovecot/lmtp
      mailrail init --yes --relay 10.0.0.0/24 --smarthost smtp.example.net:587 \\
          --smarthost-user ann --smarthost-password-file /etc/mailrail/password
    """
    if config.exists():
        raise CommandFailed(Exit.USAGE, f"{config} is there already: change it, or name another by --config")
    ask = Asker(is_silent=yes)
    answers = _answers(given, ask, config)
    settings = _write(config, answers)
    addresses = outgoing_addresses()
    click.echo(f"{config} is written, and good. {settings.hostname} will listen at {_places(settings)}.")
    if answers.users is not None and (name := _first_user(given["user"], ask)):
        click.get_current_context().invoke(add, name=name, from_stdin=yes, config=config)
    click.echo()
    for line in (*dns_advice(answers, settings, addresses), "", *next_steps(answers, config)):
        click.echo(line)


def _first_user(given: str | None, ask: Asker) -> str:
    question = "First of them, like ann@example.org (empty: later, by mailrail user add)"
    name = ask.text(question, given, "", _as_user)
    return name and spelled(name)


def _as_user(text: str) -> dict[str, Any]:
    spelled(text)
    return {}  # no setting: users stand in their own file


def _places(settings: MailrailSettings) -> str:
    return ", ".join(listener.address for listener in settings.listener)


def _answers(given: dict[str, Any], ask: Asker, config: Path) -> Answers:
    """Ask for everything in the order in which it matters."""
    hostname = ask.text(
        "Full name of this host", given["hostname"], host_name(), lambda text: {"hostname": text}
    )
    if not hostname:
        raise click.UsageError("this machine has no full name: give one, like --hostname mx1.example.org")
    domains = ask.texts(
        "Domain to take mail for, like example.org=10.0.0.5:25 or example.org=maildir (empty: none)",
        given["domains"],
        lambda text: {"domain": dict([domain_table(text)])},
    )
    relay = ask.texts(
        "Network whose clients may send anywhere, like 10.0.0.0/24 (empty: none)",
        given["relay"],
        lambda text: {"relay": {"networks": [text]}},
    )
    wants_users = True if given["user"] else given["submission"]
    has_users = ask.yes("Let people log in at ports 587 and 465?", wants_users, default=False)
    smarthost = ask.text(
        "Server to send all other mail by (empty: none, by MX)",
        given["smarthost"],
        "",
        lambda text: {"route": [{"match": "*", "next_hop": text}]},
    )
    user, password_file = _login(given, ask, config, smarthost)
    certificate, contact = _certificate(given, ask)
    is_for_everyone = ask.yes(
        "Let every user of this machine send by sendmail?", given["sendmail"], default=False
    )
    postmaster = ask.text(
        "Who reads mail for root and postmaster of this host, like ann@example.org (empty: nobody)",
        given["postmaster"],
        "",
        lambda text: {"domain": {hostname: host_table(text, hostname)}},
    )
    return Answers(
        hostname=hostname,
        listen=given["listen"] or EVERY_ADDRESS,
        domains=domains,
        relay=relay,
        users=config.absolute().with_name("users.toml") if has_users else None,
        certificate=certificate,
        acme_contact=contact,
        smarthost=smarthost,
        smarthost_user=user,
        smarthost_password=password_file,
        spool=given["spool"],
        is_for_everyone=is_for_everyone,
        postmaster=postmaster,
    )


def _login(given: dict[str, Any], ask: Asker, config: Path, smarthost: str) -> tuple[str, Path | None]:
    """Return user and password file for the smarthost; a password that was typed is put into a file."""
    user, file = given["smarthost_user"], given["smarthost_password_file"]
    if not smarthost:
        if user or file:
            raise click.UsageError("--smarthost-user needs --smarthost")
        return "", None
    user = ask.text("Login there (empty: none)", user, "", lambda _: {})
    if user and file is None:
        password = ask.password("Password")
        if password is None:
            raise click.UsageError("--smarthost-user needs --smarthost-password-file")
        file = config.absolute().with_name("smarthost.password")
        write_private(file, password.encode() + b"\n")
        click.echo(f"  The password is in {file}, for its owner to read only.")
    return user, file


def _certificate(given: dict[str, Any], ask: Asker) -> tuple[tuple[Path, Path] | None, str | None]:
    """Return files, or whom an ACME authority may write to; two times None is a self-signed one."""
    files, has_acme = given["certificate"], given["acme"]
    if files and has_acme:
        raise click.UsageError("--certificate and --acme exclude each other")
    if files:
        return files, None
    if not has_acme:
        has_acme = ask.yes("Fetch a certificate from Let's Encrypt (needs port 80)?", None, default=False)
    if not has_acme:
        return None, None
    if not ask.yes("Do you agree to its terms of service?", given["agree_to_terms"] or None, default=False):
        raise click.UsageError("--acme needs --agree-to-terms: the authority signs nothing without")
    return None, given["acme_contact"]


def _write(config: Path, answers: Answers) -> MailrailSettings:
    """Write the file and load it; what is not good does not stay.

    Raises:
        BadSettingsError: with every problem.
    """
    try:
        text = _HEAD + starter(chosen(answers))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    config.parent.mkdir(exist_ok=True)
    with config.open("x", encoding="utf-8") as stream:
        stream.write(text)
    try:
        return load(config)
    except BadSettingsError:
        config.unlink()
        click.echo(f"{config} was not kept, for it would not be good:", file=sys.stderr)
        raise
