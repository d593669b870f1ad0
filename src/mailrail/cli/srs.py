"""Floor 5 · cli — `mailrail srs`: whose a return address is that we signed, and a new key to sign by."""

import asyncio
from pathlib import Path

import click

from mailrail.addresses import (
    SIGNING_KEYS,
    Returned,
    SignedPaths,
    SigningKey,
    SigningKeys,
    new_secret,
    read_keys,
)
from mailrail.admin import AdminClient
from mailrail.cli.everywhere import ask
from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import config_option, settings_of
from mailrail.cli.words import count_words
from mailrail.config import MailrailSettings
from mailrail.model import AddressError, Reply, SettingsError, SystemClock, parse_address, system_rng, utc


@click.group()
def srs() -> None:
    """Read return addresses that this server signed (SRS and BATV), and change the key.

    \b
    Examples:
      mailrail srs reverse SRS0=h2Yk3v=ZM=example.com=ann@example.org
      mailrail srs rotate
    """


@srs.command()
@click.argument("address", metavar="ADDRESS")
@config_option
def reverse(address: str, config: Path) -> None:
    """Print whom ADDRESS leads back to: who sent what we forwarded, or which user of ours a signed address is of.

    Reads the keys itself, so no server need run. Ends with 65 when the address is none of ours, was changed or is too old.

    \b
    Example:
      mailrail srs reverse prvs=0733a1b2c3=ann@example.org
    """
    try:
        wanted = parse_address(address.removeprefix("<").removesuffix(">"))
    except AddressError as error:
        raise click.UsageError(str(error)) from None
    signed, trouble = return_paths(settings_of(config))
    if trouble:
        raise CommandFailed(Exit.NO_PERMISSION, trouble[0])
    match signed.arriving(wanted, is_notice=True):
        case Returned(found):
            click.echo(found.shown())
        case Reply() as refusal:
            raise CommandFailed(Exit.DATA, f"notices to it are refused with {refusal}")
        case None:
            raise CommandFailed(Exit.DATA, f"{wanted.shown()} is no return address of this server")


@srs.command()
@config_option
def rotate(config: Path) -> None:
    """Have the running server sign by a new key, for SRS and for BATV.

    It begins to sign five minutes later, when every worker has it; the keys before it go on verifying as long as something
    that they signed is good. Ends with 69 when no server answers.

    \b
    Example:
      mailrail srs rotate
    """
    row = asyncio.run(ask(settings_of(config), 0, AdminClient.rotate))
    moment = utc(row.signs_from_us).strftime("%Y-%m-%d %H:%M:%S UTC")
    click.echo(f"a new key signs from {moment} on; {count_words(row.keys, 'key')} verify")


def return_paths(settings: MailrailSettings) -> tuple[SignedPaths, list[str]]:
    """Return what the server signs and checks by, and why its keys are not known, if they are not.

    Where there is no key yet one is made up: the server will make another.
    """
    file, trouble = settings.spool.path / SIGNING_KEYS, []
    try:
        keys = read_keys(file)
    except SettingsError as error:
        keys, trouble = None, [str(error)]
    if keys is None:
        keys = SigningKeys.of([SigningKey(0, new_secret(system_rng()))])
    return SignedPaths(settings.srs, settings.batv, tuple(settings.domain), keys, SystemClock()), trouble
