"""Floor 5 · cli — `mailrail sim`: mail as it would go, in a simulated world, before it goes in the real one."""

import difflib
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TextIO

import click

from mailrail.cli.exits import CommandFailed, Exit
from mailrail.cli.options import json_option, settings_of
from mailrail.cli.words import count_words, table
from mailrail.sim import scenario as scenarios
from mailrail.sim.campaign import replay_command
from mailrail.sim.ledger import Violation
from mailrail.sim.mixed import Report, run_mixed
from mailrail.sim.scenario.plot import check_plot, write_plot
from mailrail.sim.scenario.run import Tell

BROKEN: Final = 1  # the exit code when a rule was broken, as of a test that fails
_FIRST_S: Final = 1.0
_EVERY_S: Final = 0.5


@click.command()
@click.argument("scenario", required=False)
@click.option("--list", "is_list", is_flag=True, help="List the scenarios that come with mailrail.")
@click.option(
    "--seed", type=click.IntRange(min=0), help="Where chance begins; without SCENARIO: run the mixed one."
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    help="Simulated days; default: as the scenario says.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Settings for the first node, instead of those in the scenario.",
)
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, help="So many times as much traffic."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw queue, rates and deferrals as PNG.",
)
@click.option("--timeline", "is_told", is_flag=True, help="Print all that happened, too.")
@json_option
@click.pass_context
def sim(
    context: click.Context,
    scenario: str | None,
    is_list: bool,
    seed: int | None,
    days: float | None,
    config: Path | None,
    scale: float,
    plot: Path | None,
    is_told: bool,
    as_json: bool,
) -> None:
    """Run a configuration in a simulated world, and say how its mail went.

    SCENARIO is a TOML file, or the name of one that comes with mailrail (--list). It says which mailrail nodes
    there are, with which settings, who sends what, how the servers of the world behave, and what goes wrong.
    Time is simulated, the program is the one that serves mail. The exit code is 1 if mailrail broke a promise: a
    message that was lost, delivered twice without need, or bounced wrongly.

    With --seed alone the mixed scenario runs: two nodes among strangers of every kind, with crashes and outages for three
    days. What happened to a message that was treated wrongly is printed, and the command that shows it again.

    \b
    Examples:
      mailrail sim normal_day
      mailrail sim burst_of_100000 --scale 0.01
      mailrail sim crash_every_hour --config mailrail.toml
      mailrail sim my_world.toml --plot my_world.png
      mailrail sim --seed 7 --timeline
    """
    if is_list:
        for name, title in scenarios.shipped().items():
            click.echo(f"{name:26} {title}")
    elif scenario is not None:
        chosen = _changed(_chosen(scenario, config), seed, days, scale)
        again = _again(scenario, chosen, config, scale)
        context.exit(_run(chosen, plot, again, is_told=is_told, as_json=as_json))
    elif plot is not None or config is not None or scale != 1.0:
        raise click.UsageError(
            "--plot, --config and --scale are for a SCENARIO: name one, or --list those there are"
        )
    elif seed is not None:
        context.exit(_run_mixed(seed, days or 3.0, is_told=is_told, as_json=as_json))
    else:
        raise click.UsageError("name a SCENARIO, or --list those there are, or give a --seed")


def _chosen(name: str, config: Path | None) -> scenarios.Scenario:
    known = scenarios.shipped()
    if name in known:
        found = scenarios.read_shipped(name)
    elif Path(name).exists():
        found = scenarios.read_scenario(Path(name))
    else:
        near = difflib.get_close_matches(name, known, 1)
        mend = f'did you mean "{near[0]}"?' if near else "--list shows those that come with mailrail"
        raise CommandFailed(Exit.DATA, f'there is no scenario "{name}", and no such file: {mend}')
    if config is None:
        return found
    return replace(found, nodes={**found.nodes, next(iter(found.nodes)): settings_of(config)})


def _changed(
    found: scenarios.Scenario, seed: int | None, days: float | None, scale: float
) -> scenarios.Scenario:
    wanted = {"seed": seed, "days": days}
    changes = {key: value for key, value in wanted.items() if value is not None}
    return replace(found, settings=found.settings.scaled(scale).model_copy(update=changes))


def _again(name: str, chosen: scenarios.Scenario, config: Path | None, scale: float) -> str:
    """Return what to type to see this run again, and all that happens in it."""
    settings = chosen.settings
    words = ["mailrail", "sim", name, "--seed", str(settings.seed), "--days", f"{settings.days:g}"]
    words += ["--scale", f"{scale:g}"] if scale != 1.0 else []
    words += ["--config", str(config)] if config is not None else []
    return shlex.join([*words, "--timeline"])


def _run(chosen: scenarios.Scenario, plot: Path | None, again: str, *, is_told: bool, as_json: bool) -> int:
    if plot is not None:
        check_plot()
    with _progress(chosen.name, sys.stderr) as tell:
        result = scenarios.run_scenario(chosen, tell, is_told=is_told)
    if plot is not None:
        write_plot(result, plot)
    if as_json:
        click.echo(json.dumps(scenarios.as_values(result)))
    else:
        for line in (*(result.timeline if is_told else ()), *_lines(result, again)):
            click.echo(line)
    return BROKEN if result.violations else Exit.OK


def _lines(result: scenarios.Result, again: str) -> Iterator[str]:
    counts, settings = result.summary.counts, result.settings
    yield f"{result.name}: {settings.title}"
    days = f"{settings.days:g} simulated day{'' if settings.days == 1 else 's'}"
    faster = settings.days * 86_400 / max(result.took_s, 1e-3)
    yield f"{days} in {result.took_s:.1f} s ({faster:,.0f} times faster), seed {settings.seed}"
    yield from (f"note: {note}" for note in result.notes)
    yield ""
    yield f"taken {count_words(counts['taken'], 'message')} for {count_words(counts['recipients'], 'recipient')}"
    yield from table(
        scenarios.HEADS, list(scenarios.rows(result)), right=frozenset(range(1, len(scenarios.HEADS)))
    )
    if counts["crashes"]:
        yield f"crashes of nodes: {counts['crashes']:,}"
    if result.unanswered:
        yield f"{count_words(result.unanswered, 'recipient')} never got an answer for good, and the client gave up"
    worst = list(scenarios.worst(result))
    if worst:
        yield ""
        yield "what was slow, and what was heard there most often:"
        yield from table(("destination", "reply"), worst)
    yield ""
    yield from _verdict(result.violations, again)


def _verdict(violations: Sequence[Violation], again: str) -> Iterator[str]:
    if not violations:
        yield "no rule was broken: every message that was taken was delivered, returned, or still waits"
        return
    yield f"BROKEN: {count_words(len(violations), 'violation')}"
    yield from scenarios.broken(violations)
    yield f"see it: {again}"


def _run_mixed(seed: int, days: float, *, is_told: bool, as_json: bool) -> int:
    report = run_mixed(seed, days=days, is_told=is_told)
    counts = report.summary.counts
    if as_json:
        found = [{"at_s": one.at_s, "rule": one.rule, "words": one.words} for one in report.violations]
        values = {"seed": seed, "days": days, "digest": report.digest, "took_s": round(report.took_s, 3)}
        click.echo(json.dumps({**values, "counts": dict(sorted(counts.items())), "violations": found}))
    else:
        for line in (*(report.timeline if is_told else ()), *_mixed_lines(report)):
            click.echo(line)
    return BROKEN if report.violations else Exit.OK


def _mixed_lines(report: Report) -> Iterator[str]:
    counts = report.summary.counts
    yield f"mixed, seed {report.seed}: {report.days:g} simulated days in {report.took_s:.1f} s, timeline {report.digest}"
    yield (
        f"taken {count_words(counts['taken'], 'message')}; crashes: {counts['crashes']:,},"
        f" retries: {report.summary.total.retries:,}"
    )
    yield from _verdict(report.violations, replay_command(report.seed, report.days))


@contextmanager
def _progress(name: str, out: TextIO) -> Iterator[Tell]:
    """Show how much of the simulated time has passed, from the first real second on, if anybody watches."""
    began_s = shown_s = time.perf_counter()

    def tell(share: float) -> None:
        nonlocal shown_s
        now_s = time.perf_counter()
        if out.isatty() and now_s - began_s >= _FIRST_S and now_s - shown_s >= _EVERY_S:
            shown_s = now_s
            out.write(f"\r{name} … {share:.0%}")
            out.flush()

    try:
        yield tell
    finally:
        if shown_s != began_s:
            out.write("\r\x1b[K")
            out.flush()
