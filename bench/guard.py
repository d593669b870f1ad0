"""`make bench-guard`: instructions a message, beside the figures kept in guard.json.

    python -m bench.guard                  count, compare, exit with 1 if something became slower
    python -m bench.guard --keep           count, and keep the figures
    python -m bench.guard --only parser    some of them

Instructions, not seconds: they hardly move on a noisy machine. Counted in user space, all threads of the process: the server's
core alone, the client's core alone, and a real `mailrail serve` between smtp-source and smtp-sink, 4 KiB messages,
50 sessions.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import counting
from bench.counting import Counter, CountingError
from bench.load import Load, relay, wait_until_quiet
from bench.subjects import Plan, start_mailrail
from tests.support.peers.processes import PeerError
from tests.support.peers.programs import ROOT, why_missing
from tests.support.peers.smtp_sink import smtp_sink

KEPT = Path(__file__).with_name("guard.json")
CORE_MESSAGES = 1000
MESSAGES, WARM_MESSAGES = 1000, 500
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def count_core(name: str) -> int:
    """Count a protocol core alone."""
    with tempfile.TemporaryDirectory(prefix="mailrail-guard-") as folder:
        counter = Counter(Path(folder))
        command = [sys.executable, "-m", "bench.cores", name, str(CORE_MESSAGES)]
        with subprocess.Popen(
            counter.command(command), env=counting.environment(), cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as core:  # fmt: skip
            assert core.stdin is not None
            assert core.stdout is not None
            if core.stdout.readline() != "ready\n":
                raise CountingError(f"bench.cores {name} did not begin")
            counter.begin(core.pid)
            core.stdin.write("\n")
            core.stdin.flush()
            core.stdout.readline()
            total = counter.end(core.pid)
            core.stdin.write("\n")
        return total // CORE_MESSAGES


def count_relay(*, keep: bool) -> int:
    """Count a whole server that relays."""
    load = Load(keep=keep)
    with (
        tempfile.TemporaryDirectory(prefix="mailrail-guard-") as name,
        smtp_sink("-m", "2000") as sink,
    ):
        folder = Path(name)
        counter, plan = Counter(folder), Plan(next_hop=(sink.host, sink.port), workers=1)
        with start_mailrail(
            plan, folder, under=counter.command, environment=counting.environment()
        ) as server:
            pid = server.program.pid
            relay(server.host, server.port, sink, load, WARM_MESSAGES)
            wait_until_quiet(pid)
            counter.begin(pid)
            relay(server.host, server.port, sink, load, MESSAGES)
            wait_until_quiet(pid)
            return counter.end(pid) // MESSAGES


COUNTS: dict[str, Callable[[], int]] = {
    "parser": lambda: count_core("parser"),
    "client": lambda: count_core("client"),
    "relay, connections kept": lambda: count_relay(keep=True),
    "relay, new connections": lambda: count_relay(keep=False),
}


def report(counted: dict[str, int], kept: dict[str, int], tolerance: float) -> list[str]:
    """Print the counts beside the kept ones, and return the names of those that grew beyond *tolerance* percent."""
    slower = []
    for name, count in counted.items():
        before = kept.get(name)
        if before is None:
            print(f"{name:<24} {count:>10,}")
            continue
        change = 100 * (count - before) / before
        print(f"{name:<24} {count:>10,} {before:>10,} {change:>+7.1f} %")
        if change > tolerance:
            slower.append(name)
    return slower


def why_not() -> str | None:
    """Say why the guard cannot run here."""
    return counting.why_missing() or why_missing("postfix")


def main() -> int:
    """Count what is asked for and judge it."""
    parser = argparse.ArgumentParser(prog="bench.guard", description="Count instructions a message.")
    parser.add_argument("--keep", action="store_true", help="keep these figures in guard.json")
    parser.add_argument(
        "--only", action="append", choices=list(COUNTS), help="count only this (may be given again)"
    )
    given = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"bench-guard: {reason}", file=sys.stderr)
        return 69
    kept = json.loads(KEPT.read_text())
    try:
        counted = {name: COUNTS[name]() for name in given.only or COUNTS}
    except (PeerError, CountingError, subprocess.TimeoutExpired) as error:
        print(f"bench-guard: {error}", file=sys.stderr)
        return 70
    print(f"{'instructions a message':<24} {'now':>10} {'kept':>10}")
    slower = report(counted, kept["instructions"], kept["tolerance_percent"])
    if given.keep:
        kept["python"], kept["instructions"] = PYTHON, {**kept["instructions"], **counted}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
        return 0
    if kept["python"] != PYTHON:
        print(f"The kept figures are of Python {kept['python']}, this is {PYTHON}: nothing to judge.")
        return 0
    if slower:
        print(f"Slower by more than {kept['tolerance_percent']} %: {', '.join(slower)}.")
        print("Mend it; or, if it is worth it, say so in the commit and keep the figures with --keep.")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
