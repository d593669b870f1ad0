"""`make overload`: crowds that mean no good against a real `mailrail serve`, and an honest client beside them.

    python -m bench.overload               everything, about six minutes
    python -m bench.overload --quick       small crowds, under a minute: what the tests run

Prints a table; writes `bench/results/overload.json`. What it means: docs/explanation/robustness.md.
"""

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.overload import ground as grounds
from bench.overload import scenarios
from bench.overload.ground import Ground
from bench.overload.scenarios import Measured, Scenario
from bench.overload.site import Site, start
from bench.results import FOLDER, machine
from tests.support.peers.processes import PeerError

COLUMNS = {
    "who came": "name",
    "how many": "size",
    "mail/s": "honest messages/s",
    "p50 ms": "accept p50 ms",
    "p99 ms": "accept p99 ms",
    "greeting p99": "greeting p99 ms",
    "CPU": "server CPU",
    "sessions": "sessions",
    "MB before": "memory before MB",
    "MB peak": "memory peak MB",
    "MB after": "memory after MB",
    "ended after s": "ended by the server after s",
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="overload", description="Lean on a mailrail and look what gives.")
    parser.add_argument("--quick", action="store_true", help="small crowds and short windows")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long the honest client is measured")
    parser.add_argument("--only", default="", help="kinds of crowds, with commas between")
    parser.add_argument(
        "--dir", type=Path, default=Path("/var/tmp"), help="where the spool lies; a real disk"
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "overload.json", help="where the figures go")
    parser.add_argument(grounds.INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


class Run:
    """One run of chosen scenarios."""

    def __init__(self, ground: Ground, given: argparse.Namespace) -> None:
        self._ground = ground
        self._quick: bool = given.quick
        self._only = [name for name in given.only.split(",") if name]
        self._seconds: float = given.seconds or (1.0 if given.quick else 8.0)
        self.rows: list[Measured] = []
        self.skipped: dict[str, str] = {}

    def chosen(self, scenarios_: tuple[Scenario, ...]) -> list[Scenario]:
        """Return those that were asked for and can be done here."""
        found = [one for one in scenarios_ if not self._only or one.kind in self._only]
        for one in found:
            if one.needs_strangers and not self._ground.has_strangers:
                self.skipped[one.name] = (
                    f"loopback is exempt from these limits, and {grounds.why_no_strangers()}"
                )
        return [one for one in found if one.name not in self.skipped]

    def against_defaults(self, base: Path) -> None:
        """Lean on a server with default limits and deadlines, but for the total of connections: 10,000 and some."""
        with start(self._ground, base, limits={"connections": 11_000}) as site:
            site.warm_up(self._seconds)
            self._tell(scenarios.alone(site, self._seconds))
            for scenario in self.chosen(scenarios.DEFAULTS):
                self._measure(site, scenario)

    def against_deadlines(self, base: Path) -> None:
        """Lean on a server with short deadlines."""
        chosen = self.chosen(scenarios.DEADLINES)
        if chosen:
            timeouts = scenarios.QUICK_TIMEOUTS if self._quick else scenarios.TIMEOUTS
            with start(self._ground, base, timeouts=timeouts) as site:
                site.warm_up(self._seconds)
                for scenario in chosen:
                    self._measure(site, scenario)

    def _measure(self, site: Site, scenario: Scenario) -> None:
        size = scenario.quick_size if self._quick else scenario.size
        patience_s = 0.0 if self._quick and scenario.kind == "slow_data" else scenario.patience_s
        try:
            self._tell(
                scenarios.measure(site, scenario, size=size, seconds=self._seconds, patience_s=patience_s)
            )
        except PeerError as error:
            self.skipped[scenario.name] = f"failed: {error}"
            print(f"overload: {scenario.name} failed: {error}", file=sys.stderr)

    def _tell(self, measured: Measured) -> None:
        self.rows.append(measured)
        print(f"  {measured.name}: {measured.figures} {measured.facts}", flush=True)


def table(rows: list[Measured]) -> str:
    """Write the rows as a table in Markdown, ready for the page that explains them."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        values = {"name": row.name, "size": f"{row.size:,}", **row.figures}
        lines.append("| " + " | ".join(str(values.get(key, "")) for key in COLUMNS.values()) + " |")
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for."""
    given = arguments()
    is_inside: bool = given.inside
    if not is_inside and not grounds.why_no_strangers():
        grounds.go_inside(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every `with` ends what it began
    run = Run(grounds.prepare(is_inside=is_inside), given)
    with tempfile.TemporaryDirectory(prefix="mailrail-overload-", dir=given.dir) as base:
        about = machine(Path(base))
        for name, lean in (("defaults", run.against_defaults), ("deadlines", run.against_deadlines)):
            folder = Path(base) / name
            folder.mkdir()
            lean(folder)
    print("\n" + table(run.rows))
    for name, reason in run.skipped.items():
        print(f"left out: {name}: {reason}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    everything = {"machine": about, "rows": [asdict(row) for row in run.rows], "skipped": run.skipped}
    given.out.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\nwritten: {given.out}")
    return 1 if any(reason.startswith("failed") for reason in run.skipped.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
