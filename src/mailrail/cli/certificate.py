"""Floor 5 · cli — `mailrail certificate`: which certificates are shown to clients, and a new one now."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import click

from mailrail.admin import AdminClient, CertificateRow, Status
from mailrail.cli.everywhere import ask, ask_all
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

    The first is for clients that ask for an unknown name. Of several workers it asks all, and says of each certificate that
    not all of them show who does. Ends with 69 when no server answers.

    \b
    Example:
      mailrail certificate show --json | jq .ends_us
    """
    found = asyncio.run(ask_all(settings_of(config), AdminClient.status))
    rows = shown_by(found)
    for row, workers in rows.items():
        if as_json:
            click.echo(json.dumps({**row.model_dump(), "workers": workers}, ensure_ascii=False))
            continue
        is_everywhere = len(workers) == sum(not one.is_leftover for one in found)
        by = "" if is_everywhere else f"worker {', '.join(map(str, workers))} only: "
        click.echo(by + certificate_words(row, found[0].now_us))
    if not rows and not as_json:
        click.echo("none: TLS is not offered")


def shown_by(found: Sequence[Status]) -> dict[CertificateRow, list[int]]:
    """Return each certificate, in the order of the workers, with the numbers of those that show it."""
    rows: dict[CertificateRow, list[int]] = {}
    for one in found:
        for row in () if one.is_leftover else one.certificates:
            rows.setdefault(row, []).append(one.worker)
    return rows


@certificate.command()
@config_option
def renew(config: Path) -> None:
    """Fetch a certificate by ACME now, whether it is time or not, and put it in force, with every worker.

    Wants [acme] in the settings. Authorities count: Let's Encrypt signs five for the same names a week. Ends with 69
    when none could be fetched, and says why.

    \b
    Example:
      mailrail certificate renew
    """
    row = asyncio.run(_renew(config))
    click.echo(certificate_words(row, SystemClock().now_us()))


async def _renew(config: Path) -> CertificateRow:
    settings = settings_of(config)
    row = await ask(settings, 0, AdminClient.renew)  # it is the one that fetches
    await ask_all(settings, lambda admin: admin.reload(only_certificates=True))
    return row
