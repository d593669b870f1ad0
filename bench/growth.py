"""How rate and memory grow with the queue, the sessions, the recipients of a message and its size.

    python -m bench.growth                 all four, about a quarter of an hour; draws bench/results/growth.png
    python -m bench.growth --only queue,size --most 100000

mailrail alone, one worker, each point with a server of its own in an empty folder. Relayed to smtp-sink, counted there.
"""

import argparse
import contextlib
import json
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.load import (
    Load,
    calibrate,
    forget_peak_memory,
    memory_mb,
    relay,
    shared_once_mb,
    wait_until_quiet,
)
from bench.results import FOLDER, machine
from bench.run import SINK_OPTIONS
from bench.spool_rate import fill
from bench.subjects import Plan, Subject, start_mailrail
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tests.support.peers.processes import free_port
from tests.support.peers.smtp_sink import Sink, smtp_sink

SECONDS: Final = 4.0  # of load at each point, about
SETTLE_S: Final = 3.0
OURS: Final = "sink.bench.example"  # where the load goes; every other domain is dead
ITEMS_A_LANE: Final = 20


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one length.

    Attributes:
        rate: in the unit of its axis.
        memory_mb: of all processes; what several share counted once, unless it is a peak.
        start_s: until the greeting, where that is asked.
    """

    at: int
    rate: float
    memory_mb: float
    start_s: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that grows.

    Attributes:
        rate: unit of the rate.
        memory: what the memory is.
    """

    title: str
    points: tuple[int, ...]
    rate: str
    memory: str
    measure: Callable[[int, Path], Point]


def queue(items: int, folder: Path) -> Point:
    """Measure beside *items* deferred ones, a tenth of them due at one dead destination."""
    fill(folder / "spool", items, max(1, items // ITEMS_A_LANE))
    began = time.perf_counter()
    with _relaying(folder, limits={}) as (subject, sink):
        start_s = time.perf_counter() - began
        time.sleep(SETTLE_S)
        at_rest_mb = shared_once_mb(subject.program.pid)
        rate = _rate(subject, sink, Load(keep=True, recipient=f"user@{OURS}"))
        return Point(items, rate, max(at_rest_mb, shared_once_mb(subject.program.pid)), start_s)


def sessions(idle: int, folder: Path) -> Point:
    """Measure beside *idle* sessions that have said EHLO and then nothing."""
    with _relaying(folder, limits={"connections": idle + 1000}) as (subject, sink):
        with contextlib.ExitStack() as stack:
            for _ in range(idle):
                stack.enter_context(_idle_session(subject))
            held_mb = shared_once_mb(subject.program.pid)
            rate = _rate(subject, sink, Load(keep=True, recipient=f"user@{OURS}"))
        return Point(idle, rate, held_mb)


def recipients(count: int, folder: Path) -> Point:
    """Measure messages to *count* recipients of one domain."""
    with _relaying(folder, limits={}) as (subject, sink):
        load = Load(keep=True, recipients=count, sessions=50 if count <= 100 else 10)
        rate = _rate(subject, sink, load)
        return Point(count, rate * count, memory_mb(subject.program.pid))


def size(size_bytes: int, folder: Path) -> Point:
    """Measure messages of *size_bytes*; the memory is what the peak adds to the rest before."""
    with _relaying(folder, limits={"message_bytes": size_bytes + 2**20}) as (subject, sink):
        relay(subject.host, subject.port, sink, Load(keep=True, sessions=4), 200)  # code loaded, pools filled
        wait_until_quiet(subject.program.pid)
        forget_peak_memory(subject.program.pid)
        before_mb = memory_mb(subject.program.pid, "VmRSS")
        load = Load(keep=True, sessions=50 if size_bytes < 2**20 else 4, size_bytes=size_bytes)
        messages = max(8, min(4000, 400 * 2**20 // size_bytes))
        turn = relay(subject.host, subject.port, sink, load, messages)
        return Point(size_bytes, turn.rate * size_bytes / 1e6, memory_mb(subject.program.pid) - before_mb)


AXES: Final = {
    "queue": Axis(
        "deferred messages", (1_000, 10_000, 100_000, 1_000_000), "messages/s beside them", "MB", queue
    ),
    "sessions": Axis("idle sessions", (1, 10, 100, 1_000, 10_000), "messages/s beside them", "MB", sessions),
    "recipients": Axis("recipients a message", (1, 10, 100, 1_000), "recipients/s", "MB, peak", recipients),
    "size": Axis(
        "octets a message",
        (1024, 4096, 65_536, 2**20, 10 * 2**20, 50 * 2**20),
        "MB/s",
        "MB more than before, peak",
        size,
    ),
}


@contextlib.contextmanager
def _relaying(folder: Path, limits: dict[str, int]) -> Iterator[tuple[Subject, Sink]]:
    dead = ("127.0.0.1", free_port())
    with smtp_sink(*SINK_OPTIONS) as sink:
        routes = {OURS: (sink.host, sink.port)}
        plan = Plan(next_hop=dead, routes=routes, workers=1, limits=limits)
        with start_mailrail(plan, folder) as subject:
            yield subject, sink


def _rate(subject: Subject, sink: Sink, load: Load) -> float:
    messages = calibrate(subject.host, subject.port, sink, load, SECONDS)
    wait_until_quiet(subject.program.pid)
    return relay(subject.host, subject.port, sink, load, messages).rate


@contextlib.contextmanager
def _idle_session(subject: Subject) -> Iterator[None]:
    with socket.create_connection((subject.host, subject.port), 30.0) as client:
        client.recv(1000)
        client.sendall(b"EHLO idle.example\r\n")
        client.recv(1000)
        yield


def draw(measured: dict[str, list[Point]], title: str) -> Path:
    """Draw rate and memory against each length into `bench/results/growth.png`."""
    figure = Figure(figsize=(4.0 * len(measured), 5.6))
    cells = figure.subplots(2, len(measured), squeeze=False)
    for column, (name, points) in enumerate(measured.items()):
        axis, lengths = AXES[name], [point.at for point in points]
        for cell, values, unit in (
            (cells[0][column], [point.rate for point in points], axis.rate),
            (cells[1][column], [point.memory_mb for point in points], axis.memory),
        ):
            cell.plot(lengths, values, "o-", color="#1a73e8")
            cell.set_xscale("log")
            cell.set_ylim(bottom=0, top=1.25 * max(*values, 1.0))
            cell.set_xlabel(axis.title, fontsize=8)
            cell.set_ylabel(unit, fontsize=8)
            cell.tick_params(labelsize=8)
            for at, value in zip(lengths, values, strict=True):
                cell.annotate(
                    f"{value:,.0f}", (at, value), (0, 4), textcoords="offset points", fontsize=7, ha="center"
                )
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "growth.png"
    FigureCanvasAgg(figure).print_figure(path, dpi=110)
    return path


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="growth", description="Measure how rate and memory grow.")
    parser.add_argument("--only", default=",".join(AXES), help="of " + ", ".join(AXES))
    parser.add_argument("--most", type=int, default=0, help="no point beyond this; 0: all")
    parser.add_argument(
        "--dir", type=Path, default=Path("/var/tmp"), help="where the spools lie; a real disk"
    )
    given = parser.parse_args()
    chosen = given.only.split(",")
    if unknown := [name for name in chosen if name not in AXES]:
        print(f"growth: unknown: {', '.join(unknown)}; see --help", file=sys.stderr)
        return 64
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # ten thousand clients in this process
    measured: dict[str, list[Point]] = {}
    with tempfile.TemporaryDirectory(prefix="mailrail-growth-", dir=given.dir) as base:
        about = machine(Path(base))
        for name in chosen:
            axis = AXES[name]
            for at in axis.points:
                if given.most and at > given.most:
                    continue
                with tempfile.TemporaryDirectory(dir=base) as folder:
                    point = axis.measure(at, Path(folder))
                measured.setdefault(name, []).append(point)
                start = "" if point.start_s is None else f", greeting after {point.start_s:.2f} s"
                print(
                    f"  {at:>12,} {axis.title:<22} {point.rate:>10,.0f} {axis.rate}, "
                    f"{point.memory_mb:,.1f} {axis.memory}{start}",
                    flush=True,
                )
    path = draw(
        measured,
        f"mailrail, one worker; {about['cores']} cores shared with load and sink, CPython {about['python']}",
    )
    rows = {name: [asdict(point) for point in points] for name, points in measured.items()}
    (FOLDER / "growth.json").write_text(json.dumps({"machine": about, "axes": rows}, indent=1) + "\n")
    print(f"\nwritten: {path}, {FOLDER / 'growth.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
