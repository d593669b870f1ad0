"""10 MB messages: how much goes through, and what it costs in memory; 50 MB ones, and how long others wait meanwhile."""

import statistics
import threading

from bench.accept import probe
from bench.load import (
    TURN_TIMEOUT_S,
    Load,
    forget_peak_memory,
    memory_mb,
    relay,
    send,
    wait_until_quiet,
)
from bench.relay import WIRE
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

SIZE_BYTES = 10_000_000
SESSIONS = 4
SCENARIO = "relay 10 MB, 4 sessions"
HUGE_BYTES = 50_000_000
HUGE_SESSIONS = 2
HUGE_SCENARIO = "relay 50 MB, 2 sessions"


def measure(run: Run) -> None:
    """Measure throughput, and the peak of resident memory above what was resident before the turn."""
    load = Load(sessions=SESSIONS, size_bytes=SIZE_BYTES, keep=True)
    messages = 8 if run.quick else 40
    for _, order in run.turns():
        for name in [one for one in order if one != WIRE]:
            with (
                smtp_sink(*SINK_OPTIONS) as sink,
                run.server(name, Plan(next_hop=(sink.host, sink.port))) as subject,
            ):
                relay(
                    subject.host, subject.port, sink, Load(keep=True), 200
                )  # warm: code loaded, pools filled
                wait_until_quiet(subject.program.pid)
                forget_peak_memory(subject.program.pid)
                before = memory_mb(subject.program.pid, "VmRSS")
                turn = relay(subject.host, subject.port, sink, load, messages)
                peak = memory_mb(subject.program.pid)
                run.results.add(SCENARIO, name, "MB/s", turn.rate * SIZE_BYTES / 1e6, f"{messages} messages")
                run.results.add(
                    SCENARIO, name, "MB memory", peak, "peak of all its processes, shared pages each time"
                )
                run.results.add(SCENARIO, name, "MB grown", peak - before, "peak above before")


def measure_huge(run: Run) -> None:
    """Measure 50 MB messages, and how long the senders of small ones wait for their 250 meanwhile."""
    load = Load(sessions=HUGE_SESSIONS, size_bytes=HUGE_BYTES, keep=True)
    messages = 4 if run.quick else 40
    limits = {"message_bytes": 2 * HUGE_BYTES}
    for _, order in run.turns():
        for name in [one for one in order if one != WIRE]:
            with (
                smtp_sink(*SINK_OPTIONS) as sink,
                run.server(name, Plan(next_hop=(sink.host, sink.port), limits=limits)) as subject,
            ):
                relay(subject.host, subject.port, sink, Load(keep=True), 200)
                wait_until_quiet(subject.program.pid)
                forget_peak_memory(subject.program.pid)
                before = memory_mb(subject.program.pid, "VmRSS")
                waits_ms: list[float] = []
                over = threading.Event()
                prober = threading.Thread(target=probe, args=(subject.host, subject.port, waits_ms, over))
                prober.start()
                try:
                    seconds = send(subject.host, subject.port, load, messages)
                finally:
                    over.set()
                    prober.join()
                grown = memory_mb(subject.program.pid) - before
                cuts = statistics.quantiles(waits_ms, n=100, method="inclusive")
                run.results.add(HUGE_SCENARIO, name, "MB/s taken", messages * HUGE_BYTES / 1e6 / seconds)
                run.results.add(HUGE_SCENARIO, name, "MB grown", grown, "peak above before, all processes")
                note = f"{len(waits_ms)} small messages"
                run.results.add(HUGE_SCENARIO, name, "ms wait of others, middle", cuts[49], note)
                run.results.add(HUGE_SCENARIO, name, "ms wait of others, 99th", cuts[98], note)
                sink.wait_for(200 + messages + len(waits_ms), TURN_TIMEOUT_S)
