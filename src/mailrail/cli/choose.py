"""Floor 5 · cli — which part of the queue a command means: options that all of them share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from mailrail.admin import Wanted
from mailrail.cli.words import one_line
from mailrail.model import AddressError, parse_domain, parse_id

Command = TypeVar("Command", bound=Callable[..., Any])


def selection(command: Command) -> Command:
    """Add ids and filters; the command gets them as *chosen*, a dictionary for `wanted`."""
    for decorate in (
        click.argument("ids", nargs=-1, metavar="[ID]..."),
        click.option(
            "--sender", metavar="ADDRESS", default="", help='Sender: an address, a domain, or "<>".'
        ),
        click.option(
            "--recipient", metavar="ADDRESS", default="", help="A waiting recipient: an address or a domain."
        ),
        click.option("--domain", metavar="DOMAIN", default="", help="Domain of a waiting recipient."),
        click.option(
            "--destination",
            metavar="KEY",
            default="",
            help="Destination as `queue stats` names it, like mx:example.org.",
        ),
        click.option("--held/--not-held", default=None, help="Only what is held, or only what is not."),
    ):
        command = decorate(command)
    return command


def wanted(
    ids: tuple[str, ...], sender: str, recipient: str, domain: str, destination: str, held: bool | None
) -> Wanted:
    """Make the filter of the options.

    Raises:
        click.UsageError: an option makes no sense; the message says which.
    """
    for queue_id in ids:
        try:
            parse_id(queue_id)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if domain and recipient:
        raise click.UsageError("--domain and --recipient say the same thing: give one of them")
    try:
        return Wanted(
            queue_ids=ids,
            sender=_canonical("--sender", sender),
            recipient=_canonical("--recipient", recipient) or _canonical("--domain", domain),
            destination=destination,
            held=held,
        )
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise click.UsageError(f"{found['loc'][0]}: {found['msg']}") from None


def is_everything(chosen: Wanted) -> bool:
    """Tell whether no filter was given at all."""
    return chosen == Wanted()


def hold_words(rule: Wanted) -> str:
    """Say which mail *rule* means, in the words of the options; everything: "all mail"."""
    named = (("sender", rule.sender), ("recipient", rule.recipient), ("destination", rule.destination))
    return ", ".join(f"{name} {one_line(value)}" for name, value in named if value) or "all mail"


def _canonical(option: str, text: str) -> str:
    """Spell the domain as the spool does: lower-case A-labels."""
    if not text or text == "<>":
        return text
    local_part, at, domain = text.rpartition("@")
    try:
        return f"{local_part}{at}{parse_domain(domain)}"
    except AddressError as error:
        raise click.UsageError(f"{option}: {error}") from None
