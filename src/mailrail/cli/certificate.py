"""Floor 5 · cli — `mailrail certificate`: which certificates are shown to clients, and a new one now."""

import asyncio
from pathlib import Path

import click

from mailrail.admin import AdminClient, CertificateRow
from mailrail.cli.everywhere import ask
from mailrail.cli.options import config_option, json_option, settings_of
from mailrail.cli.status import certificate_words
from mailrail.model import SystemClock


@click.group()
def certificate() -> None:
    """See the certificates of the running server, and fetch a new one by ACME.

    \b
    Examples:
      mailrail certificate show
      mailrail certificate renew
    """


@certificate.command()
@json_option
@config_option
def show(as_json: bool, config: Path) -> None:
    """Show which certificates are in force, for whom, from whom and how long.

    The first is for clients that ask for an unknown name. Ends with 69 when no server answers.

    \b
    Example:
      mailrail certificate show --json | jq .ends_us
    """
    found = asyncio.run(ask(settings_of(config), 0, AdminClient.status))
    for row in found.certificates:
        click.echo(row.model_dump_json() if as_json else certificate_words(row, found.now_us))
    if not found.certificates and not as_json:
        click.echo("none: TLS is not offered")


@certificate.command()
@config_option
def renew(config: Path) -> None:
    """Fetch a certificate by ACME now, whether it is time or not, and put it in force.

    Wants [acme] in the settings. Authorities count: Let's Encrypt signs five for the same names a week. Ends with 69
    when none could be fetched, and says why.

    \b
    Example:
      mailrail certificate renew
    """
    row: CertificateRow = asyncio.run(ask(settings_of(config), 0, AdminClient.renew))
    click.echo(certificate_words(row, SystemClock().now_us()))
