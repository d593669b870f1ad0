"""What was measured: rows with all their values, so that a reader can judge the spread."""

import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support.peers.programs import ROOT

FOLDER = ROOT / "bench" / "results"


@dataclass(slots=True)
class Row:
    """One figure: a scenario, who was measured, the unit, one value a round."""

    scenario: str
    subject: str
    unit: str
    values: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)


@dataclass(slots=True)
class Results:
    """All rows of one run, and the machine they come from."""

    rows: list[Row] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, scenario: str, subject: str, unit: str, value: float, note: str = "") -> None:
        """Add a value to its row; rows appear in the order of their first value."""
        for row in self.rows:
            if (row.scenario, row.subject, row.unit) == (scenario, subject, unit):
                break
        else:
            row = Row(scenario, subject, unit)
            self.rows.append(row)
        row.values.append(value)
        row.note = note or row.note
        print(f"  {scenario:<34} {subject:<9} {value:>12,.1f} {unit}  {note}", flush=True)

    def find(self, scenario: str, subject: str, unit: str) -> Row | None:
        """Find a row."""
        for row in self.rows:
            if (row.scenario, row.subject, row.unit) == (scenario, subject, unit):
                return row
        return None

    def ratio(self, row: Row, to: str) -> float | None:
        """Median of *row* over that of another subject in the same scenario and unit."""
        other = self.find(row.scenario, to, row.unit)
        if other is None or other is row or other.median == 0:
            return None
        return row.median / other.median


def table(results: Results) -> str:
    """Write all rows, with the ratios of their medians to Postfix and to the wire."""
    head = f"{'scenario':<34} {'who':<9} {'median':>12} {'unit':<14} {'lowest..highest':>23} {'/postfix':>9} {'/wire':>7}"
    lines = [head, "-" * len(head)]
    for row in results.rows:
        ratios = [results.ratio(row, to) for to in ("postfix", "wire")]
        told = [f"{one:.2f}" if one is not None else "" for one in ratios]
        spread = f"{min(row.values):,.1f}..{max(row.values):,.1f}"
        lines.append(
            f"{row.scenario:<34} {row.subject:<9} {row.median:>12,.1f} {row.unit:<14} {spread:>23} "
            f"{told[0]:>9} {told[1]:>7}"
        )
    lines += [f"left out: {name}: {reason}" for name, reason in results.skipped.items()]
    return "\n".join(lines)


def sync_ms(folder: Path, times: int = 50) -> float:
    """Median time of one 4 KiB write with fdatasync on this disk: what every promise costs here."""
    taken = []
    path = folder / "sync-probe"
    with path.open("wb", buffering=0) as probe:
        for _ in range(times):
            started = time.perf_counter()
            probe.write(bytes(4096))
            os.fdatasync(probe.fileno())
            taken.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return statistics.median(taken)


def filesystem_of(folder: Path) -> str:
    """The type of the filesystem that holds *folder*."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, this_kind, *_ = line.split()
        inside = str(folder) == mount or str(folder).startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, this_kind
    return kind


def machine(folder: Path) -> dict[str, str | int | float]:
    """Describe where the figures come from."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return {
        "cores": os.cpu_count() or 0,
        "processor": model[0].partition(":")[2].strip() if model else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "filesystem": filesystem_of(folder),
        "sync_ms": round(sync_ms(folder), 3),
        "commit": commit.stdout.strip(),
    }


def write_json(results: Results, about: dict[str, str | int | float], arguments: list[str]) -> Path:
    """Write everything measured to `bench/results/`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "bench.json"
    rows = [
        asdict(row) | {"median": row.median, "ratio_to_postfix": results.ratio(row, "postfix")}
        for row in results.rows
    ]
    everything = {"machine": about, "arguments": arguments, "rows": rows, "skipped": results.skipped}
    path.write_text(json.dumps(everything, indent=1) + "\n")
    return path
