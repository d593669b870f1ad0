"""A deep queue: 100,000 messages that cannot be delivered, and life beside them."""

import time

from bench.load import Load, memory_mb, relay, send, wait_until_quiet
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan, start_mailrail
from tests.support.peers.processes import free_port
from tests.support.peers.smtp_sink import smtp_sink

DEEP = 100_000
DEEP_QUICK = 10_000
DEAD_DOMAIN = "dead.bench.example"
SETTLE_S = 3.0
NAME = "mailrail"


def measure(run: Run) -> None:
    """Measure filling the queue, starting with it full, memory then, and relaying beside it. mailrail only."""
    if NAME not in run.subjects:
        return
    count = DEEP_QUICK if run.quick else DEEP
    title = f"{count:,} deferred"
    load = Load(keep=True)
    add = run.results.add
    with run.folder("depth") as folder, smtp_sink(*SINK_OPTIONS) as sink:
        # Nobody listens on the dead domain's port: each message is tried, or its destination asleep, and stays.
        dead = ("127.0.0.1", free_port())
        plan = Plan(next_hop=(sink.host, sink.port), routes={DEAD_DOMAIN: dead})
        with start_mailrail(plan, folder) as subject:
            relay(subject.host, subject.port, sink, load, 1000)
            messages = 20 * load.sessions * max(1, int(run.seconds))
            empty = relay(subject.host, subject.port, sink, load, messages)
            seconds = send(
                subject.host, subject.port, Load(keep=True, recipient=f"user@{DEAD_DOMAIN}"), count
            )
            add(f"{title}: filling", NAME, "messages/s", count / seconds)
            wait_until_quiet(subject.program.pid, timeout_s=120)
            add(f"{title}: memory while filled", NAME, "MB", memory_mb(subject.program.pid, "VmRSS"))
        started = time.perf_counter()
        with start_mailrail(plan, folder) as subject:
            add(f"{title}: start-up", NAME, "s", time.perf_counter() - started, "to the 220")
            time.sleep(SETTLE_S)
            wait_until_quiet(subject.program.pid, timeout_s=120)
            add(f"{title}: memory after start", NAME, "MB", memory_mb(subject.program.pid, "VmRSS"))
            relay(subject.host, subject.port, sink, load, 1000)
            beside = relay(subject.host, subject.port, sink, load, messages)
            share = f"{beside.rate / empty.rate:.0%} of the rate with an empty queue ({empty.rate:,.0f}/s)"
            add(f"{title}: relay beside them", NAME, "messages/s", beside.rate, share)
