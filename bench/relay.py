"""Relay: smtp-source -> X -> smtp-sink in alternating turns, X = nothing (the wire), mailrail, Postfix."""

import contextlib

from bench.load import Load, calibrate, relay, wait_until_quiet
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

WIRE = "wire"


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
                turn = relay(host, port, sink, load, amounts[name])
                note = f"{turn.messages} messages, all accepted after {turn.accepted_s / turn.arrived_s:.0%} of the time"
                run.results.add(scenario, name, "messages/s", turn.rate, note)
                if load.recipients > 1:
                    run.results.add(scenario, name, "recipients/s", turn.rate * load.recipients)
