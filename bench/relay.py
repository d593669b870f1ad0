"""Relay: smtp-source -> X -> smtp-sink in alternating turns, X = nothing (the wire), mailrail, Postfix.

With the rates goes what each message costs the processor, and two limits computed from that: how many messages the machine would relay if mailrail's user space
cost nothing, only what it asks of the system, and how many if it cost nothing at all. Load and sink run on the same cores, and all of them are busy.
"""

import contextlib
import os
from typing import Final

from bench.load import Load, calibrate, cpu_parts_s, load_cpu_s, relay, wait_until_quiet
from bench.results import Results
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

WIRE = "wire"
NAME = "mailrail"
USER: Final = "us in user space a message"
SYSTEM: Final = "us in the system a message"
LOAD: Final = "us of load and sink a message"


def measure(run: Run) -> None:
    """Measure 4 KiB messages in 50 sessions, with a new connection each and with kept ones."""
    _measure(run, "relay 4 KiB, new connections", Load(keep=False), with_wire=True)
    _measure(run, "relay 4 KiB, kept connections", Load(keep=True), with_wire=True)


def measure_recipients(run: Run) -> None:
    """Measure messages to 1, 10 and 100 recipients of one domain; all of them go on in one transaction."""
    for count in (1, 10, 100):
        _measure(
            run, f"relay 4 KiB to {count} recipients", Load(keep=True, recipients=count), with_wire=False
        )


def _measure(run: Run, scenario: str, load: Load, *, with_wire: bool) -> None:
    with contextlib.ExitStack() as stack:
        targets = {}
        for name in run.subjects:
            if name == WIRE and not with_wire:
                continue
            sink = stack.enter_context(smtp_sink(*SINK_OPTIONS))
            if name == WIRE:
                targets[name] = (sink.host, sink.port, sink, sink.program.pid)
                continue
            subject = stack.enter_context(run.server(name, Plan(next_hop=(sink.host, sink.port))))
            targets[name] = (subject.host, subject.port, sink, subject.program.pid)
        amounts = {
            name: calibrate(host, port, sink, load, run.seconds)
            for name, (host, port, sink, _) in targets.items()
        }
        for _, order in run.turns():
            for name in [one for one in order if one in targets]:
                host, port, sink, pid = targets[name]
                wait_until_quiet(pid)
                before, load_before = cpu_parts_s(pid), load_cpu_s(sink)
                turn = relay(host, port, sink, load, amounts[name])
                note = f"{turn.messages} messages, all accepted after {turn.accepted_s / turn.arrived_s:.0%} of the time"
                run.results.add(scenario, name, "messages/s", turn.rate, note)
                if with_wire:
                    costs = [now - then for now, then in zip(cpu_parts_s(pid), before, strict=True)]
                    costs.append(load_cpu_s(sink) - load_before)
                    for unit, cost_s in zip((USER, SYSTEM, LOAD), costs, strict=True):
                        if name != WIRE or unit == LOAD:
                            run.results.add(scenario, name, unit, cost_s / turn.messages * 1e6)
                if load.recipients > 1:
                    run.results.add(scenario, name, "recipients/s", turn.rate * load.recipients)
    _add_limits(run.results, scenario)


def _add_limits(results: Results, scenario: str) -> None:
    """Compute how many messages all cores would relay if a part of mailrail were free."""
    system, load = (results.find(scenario, NAME, unit) for unit in (SYSTEM, LOAD))
    if system is None or load is None:
        return
    cores_us = len(os.sched_getaffinity(0)) * 1e6
    no_user = cores_us / (load.median + system.median)
    results.add(scenario, "no user", "messages/s", no_user, "computed: user space free")
    results.add(scenario, "no cost", "messages/s", cores_us / load.median, "computed: all of mailrail free")
