"""Floor 5 · sim — many seeds of the mixed scenario: `python -m mailrail.sim.campaign --seeds 1000`.

Seeds run in processes of their own, so that a seed never sees what another one left in memory. The exit status is 1
where a rule was broken; what to type to see it again is printed.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Final, TextIO

from mailrail.sim.mixed import DAY_S, Report, run_mixed

_PROCESSES: Final = 2
_SEEDS_A_PROCESS: Final = 20  # then a fresh one: what a run leaves in memory does not pile up


@dataclass
class Tally:
    """What all seeds came to.

    Attributes:
        broken: for each seed that broke a rule, the first words of it.
        is_whole: no Ctrl-C came before the last seed.
    """

    seeds: int = 0
    simulated_s: float = 0.0
    worked_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    broken: dict[int, str] = field(default_factory=dict)
    is_whole: bool = True

    def add(self, report: Report) -> None:
        """Count one seed."""
        self.seeds += 1
        self.simulated_s += report.days * DAY_S
        self.worked_s += report.took_s
        self.counts += report.summary.counts
        self.counts["retries"] += report.summary.total.retries
        if report.violations:
            first = report.violations[0]
            self.broken[report.seed] = f"{first.rule}: {first.words}"

    def words(self, took_s: float) -> str:
        """Return it all, for a person."""
        counts, hours = self.counts, self.simulated_s / 3600
        return (
            f"{self.seeds} seeds, {hours:,.0f} simulated hours: {counts['taken']:,} messages taken for"
            f" {counts['recipients']:,} recipients, {counts['delivered']:,} deliveries, {counts['retries']:,} retries,"
            f" {counts['notices']:,} notices, {counts['crashes']:,} crashes; {len(self.broken)} seeds broke a rule.\n"
            f"{took_s:,.0f} s, {self.simulated_s / max(took_s, 1e-9):,.0f} times faster than real time"
            f" ({self.simulated_s / max(self.worked_s, 1e-9):,.0f} times in each process)."
        )


def replay_command(seed: int, days: float) -> str:
    """Return what to type to see *seed* again."""
    return f"mailrail sim --seed {seed} --days {days:g} --timeline"


def run_campaign(
    seeds: Iterable[int], days: float, processes: int, out: TextIO, *, fresh_after: int = _SEEDS_A_PROCESS
) -> Tally:
    """Run the mixed scenario from each of *seeds*, and tell on *out* how it goes; Ctrl-C ends it with what there is.

    Args:
        fresh_after: so many seeds of one process, then a new one takes its place.
    """
    tally, began_s, wanted = Tally(), time.perf_counter(), list(seeds)
    # Not concurrent.futures: until Python 3.12.3 its pool stands still for ever once every process has had its
    # share of tasks (CPython gh-115634).
    try:
        with get_context("spawn").Pool(processes, _hear_no_ctrl_c, maxtasksperchild=fresh_after) as pool:
            for report in pool.imap_unordered(partial(_run, days), wanted):
                tally.add(report)
                if report.seed in tally.broken:
                    print(f"\nseed {report.seed} broke a rule: {tally.broken[report.seed]}", file=out)
                    print(f"  see it: {replay_command(report.seed, days)}", file=out)
                words = f"{tally.seeds}/{len(wanted)} seeds, {tally.counts['taken']:,} messages"
                print(f"\r{words}", end="", file=out, flush=True)
    except KeyboardInterrupt:
        tally.is_whole = False
    print(f"\n{tally.words(time.perf_counter() - began_s)}", file=out)
    return tally


def _hear_no_ctrl_c() -> None:
    """Leave it to the process that counts, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(days: float, seed: int) -> Report:
    return run_mixed(seed, days=days)


def main(arguments: Sequence[str]) -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mailrail.sim.campaign", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds to run (default: 10)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default: 1)")
    parser.add_argument("--days", type=float, default=3.0, help="simulated days (default: 3)")
    parser.add_argument("--processes", type=int, default=_PROCESSES, help="at once (default: 2)")
    chosen = parser.parse_args(arguments)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    tally = run_campaign(seeds, chosen.days, chosen.processes, sys.stdout)
    return 0 if tally.is_whole and not tally.broken else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
