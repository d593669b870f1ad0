"""One worker and two: what a message costs the processor, in all processes of mailrail and in the system, and the rate."""

import contextlib

from bench.load import Load, calibrate, cpu_s, relay, wait_until_quiet
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

NAME = "mailrail"
COUNTS = (1, 2)


def measure(run: Run) -> None:
    """Measure 4 KiB messages in 50 sessions with each number of workers in turns. mailrail only."""
    if NAME not in run.subjects:
        return
    for keep, words in ((False, "new connections"), (True, "kept connections")):
        load, title = Load(keep=keep), f"workers, {words}"
        with contextlib.ExitStack() as stack:
            targets = {}
            for count in COUNTS:
                sink = stack.enter_context(smtp_sink(*SINK_OPTIONS))
                plan = Plan(next_hop=(sink.host, sink.port), workers=count)
                targets[count] = (stack.enter_context(run.server(NAME, plan)), sink)
            amounts = {
                count: calibrate(subject.host, subject.port, sink, load, run.seconds)
                for count, (subject, sink) in targets.items()
            }
            for number in range(run.rounds):
                for count in COUNTS if number % 2 == 0 else COUNTS[::-1]:
                    subject, sink = targets[count]
                    wait_until_quiet(subject.program.pid)
                    before_s = cpu_s(subject.program.pid)
                    turn = relay(subject.host, subject.port, sink, load, amounts[count])
                    cost_us = (cpu_s(subject.program.pid) - before_s) / turn.messages * 1e6
                    who = f"{count} worker" if count == 1 else f"{count} workers"
                    run.results.add(title, who, "messages/s", turn.rate)
                    run.results.add(title, who, "us of processor a message", cost_us)
