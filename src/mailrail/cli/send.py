"""Floor 5 · cli — `mailrail send`: one message to one server, with what the server said to each recipient."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.progress import progress
from mailrail.cli.wishes import wishes
from mailrail.cli.words import one_line
from mailrail.client import AuthFailed, CannotSend, Client, ConnectFailed, SendError, SendOptions
from mailrail.model import Reply, SystemClock, format_id, system_rng, utc
from mailrail.net import Endpoint

_NO_SERVER: Final = "--server {}: write it with its port, like mx.example.org:25 or [::1]:25"
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- where we connect for "listens everywhere"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent, and where."""

    client: Client
    message: bytes | EmailMessage
    sender: str | None
    recipients: tuple[str, ...] | None
    options: SendOptions


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--from", "sender", metavar="ADDRESS", help='Sender; "<>": the null one. Default: From of the message.'
)
@click.option(
    "--to",
    "recipients",
    metavar="ADDRESS",
    multiple=True,
    help="Recipient; may stand many times. Default: To, Cc, Bcc.",
)
@click.option("--server", metavar="HOST:PORT", help="Server. Default: the first listener of the settings.")
@click.option(
    "--tls",
    type=click.Choice(["none", "may", "encrypt", "verify"]),
    help="How much TLS. Default: verify with a login, else may.",
)
@click.option("--implicit-tls", is_flag=True, help="TLS from the first byte, as on port 465.")
@click.option("--lmtp", is_flag=True, help="Speak LMTP.")
@click.option("--hello", metavar="NAME", default="", help="Our name for EHLO. Default: our address.")
@click.option("--user", metavar="NAME", help="Log in as NAME; needs --password-file.")
@click.option(
    "--password-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File whose first line is the password.",
)
@wishes
@click.option(
    "--subject",
    metavar="TEXT",
    help="Make a message of the input, with this subject; needs --from and --to.",
)
@click.option("--text", metavar="TEXT", help="The same with this text instead of an input.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each recipient.")
@config_option
def send(
    file: BinaryIO,
    server: str | None,
    implicit_tls: bool,
    tls: str | None,
    lmtp: bool,
    hello: str,
    user: str | None,
    password_file: Path | None,
    sender: str | None,
    recipients: tuple[str, ...],
    options: SendOptions,
    subject: str | None,
    text: str | None,
    as_json: bool,
    config: Path,
) -> int:
    """Send one message, from FILE or standard input, and print what the server said to each recipient.

    Ends with 0 when every recipient was taken; 67 when one does not exist; 69 when the server refuses or does
    not answer; 75 when it says to try later; 77 when the login is refused.

    \b
    Examples:
      mailrail send message.eml --server mx.example.org:25
      mailrail send --from a@example.com --to b@example.org --subject Hi --text 'How are you?'
      mailrail send message.eml --server smtp.example.org:587 --user ann --password-file secret
      mailrail send code.eml --server smtp.example.org:587 --deliver-by 15m --priority 5
    """
    host, port = _server(server, config)
    login = _login(user, password_file)
    try:
        client = Client(
            host, port, tls=tls, implicit_tls=implicit_tls, login=login, hello_name=hello, lmtp=lmtp
        )
    except ValueError:
        raise click.UsageError(_NO_SERVER.format(server)) from None
    if text is None and subject is None:
        message: bytes | EmailMessage = _read(file)
    else:
        words = _read(file).decode("utf-8", "replace") if text is None else text
        message = _composed(sender, recipients, subject or "", words)
    null_or_sender = "" if sender == "<>" else sender
    return asyncio.run(
        _send(Order(client, message, null_or_sender, recipients or None, options), as_json=as_json)
    )


async def _send(order: Order, *, as_json: bool) -> Exit:
    try:
        with progress("Sending"):
            async with order.client as client:
                result = await client.send(
                    order.message, order.sender, order.recipients, options=order.options
                )
    except SendError as error:
        for recipient, reply in zip(error.recipients, error.replies, strict=False):
            _tell(recipient, reply, as_json=as_json)
        raise CommandFailed(_code_of_error(error), one_line(str(error))) from error
    for recipient, reply in result.answers:
        _tell(recipient, reply, as_json=as_json)
    return _code_of_replies(result.refused.values())


def _tell(recipient: str, reply: Reply, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "recipient": recipient,
            "accepted": reply.is_positive,
            "code": reply.code,
            "enhanced_code": reply.enhanced_code,
            "text": reply.text,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo(f"{recipient}: {one_line(str(reply))}")


def _code_of_error(error: SendError) -> Exit:
    match error:
        case AuthFailed():
            return Exit.NO_PERMISSION
        case CannotSend():
            return Exit.DATA
        case ConnectFailed() if not error.replies:
            return Exit.UNAVAILABLE
        case _:
            return _code_of_replies(error.replies) if error.replies else Exit.TEMPORARY


def _code_of_replies(refusals: Iterable[Reply]) -> Exit:
    refused = list(refusals)
    if not refused:
        return Exit.OK
    if all(reply.is_temporary for reply in refused):
        return Exit.TEMPORARY
    if any(reply.enhanced_code.startswith("5.1.") for reply in refused):
        return Exit.NO_USER
    return Exit.UNAVAILABLE


def _server(server: str | None, config: Path) -> tuple[str, int]:
    if server is None:
        return _own_server(config)
    host, _, port = server.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise click.UsageError(_NO_SERVER.format(server))
    return host.removeprefix("[").removesuffix("]"), int(port)


def _own_server(config: Path) -> tuple[str, int]:
    """Return where the daemon of these settings listens, as seen from this machine."""
    endpoints: list[Endpoint] = [listener.endpoint for listener in settings_of(config).listener]
    found = next((one for one in endpoints if not one.is_unix and one.port), None)
    if found is None:
        raise click.UsageError(f"{config} has no listener with a port: name a server with --server HOST:PORT")
    return _EVERYWHERE.get(found.host, found.host), found.port


def _login(user: str | None, password_file: Path | None) -> tuple[str, str] | None:
    if user is None and password_file is None:
        return None
    if user is None or password_file is None:
        raise click.UsageError("--user and --password-file belong together")
    try:
        return user, password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise CommandFailed(Exit.DATA, f"{password_file} is not UTF-8: save it as UTF-8") from None


def _read(file: BinaryIO) -> bytes:
    if file.isatty():
        click.echo("Type what to send; end with Ctrl-D on a line of its own.", err=True)
    message = file.read()
    if not message.strip():
        raise CommandFailed(
            Exit.DATA, f"{getattr(file, 'name', 'the input')} is empty: there is nothing to send"
        )
    return message


def _composed(sender: str | None, recipients: tuple[str, ...], subject: str, text: str) -> EmailMessage:
    if not sender or not recipients:
        raise click.UsageError("--subject and --text need --from and --to")
    message = EmailMessage()
    now_us = SystemClock().now_us()
    address = sender.removeprefix("<").removesuffix(">")
    try:
        if address:
            message["From"] = address
        message["To"] = ", ".join(recipients)
        message["Subject"] = subject
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    message["Date"] = format_datetime(utc(now_us))
    message["Message-ID"] = (
        f"<{format_id(system_rng().getrandbits(62))}@{address.rpartition('@')[2] or 'localhost'}>"
    )
    message.set_content(text)
    return message
