"""10 MB messages: how much goes through, and what it costs in memory."""

from bench.load import Load, forget_peak_memory, memory_mb, relay, wait_until_quiet
from bench.relay import WIRE
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

SIZE_BYTES = 10_000_000
SESSIONS = 4
SCENARIO = "relay 10 MB, 4 sessions"


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
