"""`make bench`: mailrail beside Postfix on this machine, in one run.

    python -m bench                        everything, about three quarters of an hour
    python -m bench --quick                the same, shorter turns, a few minutes
    python -m bench --only relay,large --subjects wire,postfix

Prints a table of medians and ratios; writes `bench/results/bench.json` and `bench.png`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import accept, depth, domains, large, relay, syncs, tls, workers
from bench.plot import write_plot
from bench.results import Results, filesystem_of, machine, table, write_json
from bench.run import Run
from bench.subjects import mailrail_is_runnable
from tests.support.peers.processes import PeerError
from tests.support.peers.programs import why_missing

SUBJECTS = ("wire", "mailrail", "postfix")
SCENARIOS: dict[str, Callable[[Run], None]] = {
    "relay": relay.measure,
    "accept": accept.measure,
    "latency": accept.measure_latency,
    "recipients": relay.measure_recipients,
    "domains": domains.measure,
    "far": domains.measure_far,
    "large": large.measure,
    "huge": large.measure_huge,
    "workers": workers.measure,
    "syncs": syncs.measure,
    "depth": depth.measure,
    "tls": tls.measure,
}
IN_MEMORY = ("tmpfs", "ramfs")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure mailrail beside Postfix.")
    parser.add_argument(
        "--rounds", type=int, default=3, help="alternating rounds; medians are taken over them"
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="how long one turn shall take, about")
    parser.add_argument("--quick", action="store_true", help="shorter turns, shallower queues")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, of " + ", ".join(SCENARIOS))
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="of " + ", ".join(SUBJECTS))
    parser.add_argument(
        "--dir", type=Path, default=Path("/var/tmp"), help="where the spools lie; a real disk"
    )
    return parser.parse_args()


def choose_subjects(wanted: list[str], results: Results) -> tuple[str, ...]:
    """Keep the subjects that can be run here, and note why the others cannot."""
    reasons = {
        "wire": why_missing("postfix"),
        "mailrail": None
        if mailrail_is_runnable()
        else "`python -m mailrail serve` does not run in this tree",
        "postfix": why_missing("postfix", as_root=True),
    }
    for name in wanted:
        reason = reasons[name]
        if reason is not None:
            results.skipped[name] = reason
    return tuple(name for name in wanted if reasons[name] is None)


def main() -> int:
    """Run what was asked for; a scenario that fails is told, and the others still run."""
    given = arguments()
    scenarios, wanted = given.only.split(","), given.subjects.split(",")
    unknown = [one for one in scenarios if one not in SCENARIOS] + [
        one for one in wanted if one not in SUBJECTS
    ]
    if unknown:
        print(f"bench: unknown: {', '.join(unknown)}; see --help", file=sys.stderr)
        return 64
    if why_missing("postfix") is not None:
        print(f"bench: needs smtp-source and smtp-sink: {why_missing('postfix')}", file=sys.stderr)
        return 69
    results = Results()
    subjects = choose_subjects(wanted, results)
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-", dir=given.dir) as base:
        Path(base).chmod(0o755)
        about = machine(Path(base))
        if filesystem_of(Path(base)) in IN_MEMORY:
            print("bench: this folder is in memory: nothing is synced, the figures mean little; choose --dir")
        run = Run(
            results, subjects, given.rounds, 1.5 if given.quick else given.seconds, given.quick, Path(base)
        )
        print(
            f"{about['cores']} cores, {about['filesystem']}, {about['sync_ms']} ms a sync; {given.rounds} rounds"
        )
        for name in scenarios:
            try:
                SCENARIOS[name](run)
            except (PeerError, OSError, ValueError) as error:
                results.skipped[name] = f"failed: {error}"
                print(f"bench: {name} failed: {error}", file=sys.stderr)
    print("\n" + table(results))
    title = f"mailrail beside Postfix: {about['cores']} cores, Python {about['python']}, {about['sync_ms']} ms a sync"
    written = [write_json(results, about, sys.argv[1:]), write_plot(results, title)]
    print("\nwritten: " + ", ".join(str(path) for path in written))
    return 1 if any(reason.startswith("failed") for reason in results.skipped.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
