"""One worker and two: what a message costs the processor, in all processes of mailrail and in the system, and the rate.

First with everything free to run anywhere, where load and sink compete with the workers; then with mailrail on one half of
the cores and load and sink on the other. Both on one core tell what the second worker itself costs; where half of the
cores are two, they tell how far it helps.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import Load, calibrate, cpu_s, relay, wait_until_quiet
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan, Subject
from tests.support.peers.smtp_sink import Sink, smtp_sink

NAME = "mailrail"


@dataclass(frozen=True, slots=True)
class Layout:
    """How many workers there are, and where they run; no cores: anywhere."""

    workers: int
    server: frozenset[int] = frozenset()
    load: frozenset[int] = frozenset()

    def __str__(self) -> str:
        who = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        if not self.server:
            return who
        return f"{who}, {len(self.server)} core{'s' * (len(self.server) > 1)}"


def layouts(cores: list[int]) -> list[Layout]:
    """Return what can be measured on *cores*."""
    free = [Layout(1), Layout(2)]
    if len(cores) < 2:
        return free
    half = len(cores) // 2
    load = frozenset(cores[half:])
    one = frozenset(cores[:1])
    pinned = [Layout(1, one, load), Layout(2, one, load)]
    if half >= 2:
        pinned.append(Layout(2, frozenset(cores[:2]), load))
    return free + pinned


def measure(run: Run) -> None:
    """Measure 4 KiB messages in 50 sessions with each layout in turns. mailrail only."""
    if NAME not in run.subjects:
        return
    for keep, words in ((False, "new connections"), (True, "kept connections")):
        load, title = Load(keep=keep), f"workers, {words}"
        with contextlib.ExitStack() as stack:
            targets: dict[Layout, tuple[Subject, Sink]] = {}
            for layout in layouts(sorted(os.sched_getaffinity(0))):
                sink = stack.enter_context(smtp_sink(*SINK_OPTIONS))
                plan = Plan(next_hop=(sink.host, sink.port), workers=layout.workers, cores=layout.server)
                targets[layout] = (stack.enter_context(run.server(NAME, plan)), sink)
            amounts = {}
            for layout, (subject, sink) in targets.items():
                with load_on(layout.load, sink):
                    amounts[layout] = calibrate(subject.host, subject.port, sink, load, run.seconds)
            for number in range(run.rounds):
                for layout in list(targets)[:: 1 if number % 2 == 0 else -1]:
                    subject, sink = targets[layout]
                    wait_until_quiet(subject.program.pid)
                    before_s = cpu_s(subject.program.pid)
                    with load_on(layout.load, sink):
                        turn = relay(subject.host, subject.port, sink, load, amounts[layout])
                    cost_us = (cpu_s(subject.program.pid) - before_s) / turn.messages * 1e6
                    run.results.add(title, str(layout), "messages/s", turn.rate)
                    run.results.add(title, str(layout), "us of processor a message", cost_us)


@contextlib.contextmanager
def load_on(cores: frozenset[int], sink: Sink) -> Iterator[None]:
    """Keep what is started meanwhile, and the sink, on *cores*."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(sink.program.pid, cores)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
