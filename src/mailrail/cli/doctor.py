"""Floor 5 · cli — `mailrail doctor`: what is wrong with a set-up, and how to mend it."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from mailrail.admin import AdminClient, AdminError, Status
from mailrail.cli.everywhere import ask_all, workers
from mailrail.cli.exits import Exit
from mailrail.cli.options import config_option, json_option
from mailrail.cli.progress import progress
from mailrail.cli.together import status_of_all
from mailrail.cli.words import count_words, one_line, table
from mailrail.config import MailrailSettings
from mailrail.dns import DnsResolver
from mailrail.doctor import CHECKS, Finding, Level, Result, Site, examine, settings_result
from mailrail.model import SystemClock, system_rng
from mailrail.net import SocketNetwork, is_own_address, outgoing_addresses
from mailrail.spool import SystemDisk

_COLOURS = {Level.OK: "green", Level.NOTE: "blue", Level.WARNING: "yellow", Level.ERROR: "red"}
_MARGIN = " " * 9


@dataclass(frozen=True, slots=True)
class _Wish:
    only: tuple[str, ...]
    probe: str
    as_json: bool


@click.command()
@click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    type=click.Choice(list(CHECKS)),
    help="Do this check only; may be given again.",
)
@click.option("--list", "wants_list", is_flag=True, help="List the checks, and do none.")
@click.option(
    "--probe",
    metavar="DOMAIN",
    default="gmail.com",
    show_default=True,
    help="Domain whose mail hosts are connected to, to see whether port 25 is open.",
)
@json_option
@config_option
def doctor(only: tuple[str, ...], probe: str, config: Path, *, wants_list: bool, as_json: bool) -> int:
    """Check a running or planned set-up, and say how to mend what is wrong. Ends with 1 when there is an error.

    Looks at the settings, the spool, the ports, the certificates, the DNS of host and domains, the next hops and the
    way out; asks a running server how it is, and as a stranger whether it relays. It changes nothing and sends no
    mail. It asks the DNS, opens sessions with the next hops (and logs in where the settings say so), and connects to
    port 25 of one mail host of --probe.

    \b
    Examples:
      mailrail doctor
      mailrail doctor --only relay --only tls
      mailrail doctor --json | jq 'select(.level == "error")'
    """
    if wants_list:
        for line in table(("CHECK", "ASKS"), [(name, check.about) for name, check in CHECKS.items()]):
            click.echo(line)
        return Exit.OK
    settings, bad = settings_result(config)
    if settings is None:
        assert bad is not None
        _tell(bad, as_json=as_json)
        if not as_json:
            click.echo("\nNothing else can be checked before the settings are good.")
        return 1
    return asyncio.run(_run(config, settings, _Wish(only, probe, as_json)))


async def _run(config: Path, settings: MailrailSettings, wish: _Wish) -> int:
    site = await _site(config, settings, wish.probe)
    counts: Counter[Level] = Counter()
    results = examine(site, wish.only)
    while True:
        with progress("Checking"):
            result = await anext(results, None)
        if result is None:
            break
        counts.update(finding.level for finding in result.findings)
        _tell(result, as_json=wish.as_json)
    if not wish.as_json:
        click.echo(f"\n{_summary(counts)}")
    return 1 if counts[Level.ERROR] else Exit.OK


async def _site(config: Path, settings: MailrailSettings, probe: str) -> Site:
    network, rng = SocketNetwork(settings.net), system_rng()
    status, silence, silent = await _status(settings)
    return Site(
        config=config,
        settings=settings,
        network=network,
        resolver=DnsResolver(network, settings.dns, rng),
        clock=SystemClock(),
        rng=rng,
        disk=SystemDisk(),
        is_own_address=is_own_address,
        addresses=outgoing_addresses(),
        status=status,
        silence=silence,
        silent=silent,
        probe=probe,
    )


async def _status(settings: MailrailSettings) -> tuple[Status | None, str, tuple[int, ...]]:
    """Ask all workers; return what they say together, why none says anything, and which of them do not."""
    try:
        found = await ask_all(settings, AdminClient.status)
    except AdminError as trouble:
        return None, str(trouble).partition("\n")[0], ()
    silent = set(workers(settings)) - {one.worker for one in found}
    return status_of_all(found), "", tuple(sorted(silent))


def _tell(result: Result, *, as_json: bool) -> None:
    for finding in result.findings:
        if as_json:
            click.echo(json.dumps(_record(result.check, finding), ensure_ascii=False))
        else:
            for line in _lines(result.check, finding):
                click.echo(line)


def _record(check: str, finding: Finding) -> dict[str, str]:
    return {
        "check": check,
        "level": finding.level.value,
        "what": finding.what,
        "why": finding.why,
        "mend": finding.mend,
    }


def _lines(check: str, finding: Finding) -> Iterator[str]:
    level = click.style(finding.level.value.ljust(9), fg=_COLOURS[finding.level])
    yield f"{level}{check.ljust(13)}{one_line(finding.what)}"
    if finding.why:
        yield f"{_MARGIN}{'':13}{one_line(finding.why)}"
    if finding.mend:
        yield f"{_MARGIN}{'':13}mend: {one_line(finding.mend)}"


def _summary(counts: Counter[Level]) -> str:
    if not counts[Level.ERROR] and not counts[Level.WARNING]:
        return f"All is well: {counts[Level.OK]} good, {count_words(counts[Level.NOTE], 'note')}."
    return ", ".join(
        (
            count_words(counts[Level.ERROR], "error"),
            count_words(counts[Level.WARNING], "warning"),
            count_words(counts[Level.NOTE], "note"),
            f"{counts[Level.OK]} good.",
        )
    )
