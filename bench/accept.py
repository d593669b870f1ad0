"""Accepting alone, delivery held back; and how long a sender waits for its 250 while the server is busy."""

import smtplib
import statistics
import threading
import time

from bench.load import Load, calibrate, send, wait_until_quiet
from bench.relay import WIRE
from bench.run import SINK_OPTIONS, Run
from bench.subjects import Plan
from tests.support.peers.smtp_sink import smtp_sink

PROBE_EVERY_S = 0.02


def measure(run: Run) -> None:
    """Measure acceptance with kept connections: every 250 is a message on disk, none leaves."""
    load = Load(keep=True)
    for number, order in run.turns():
        for name in [one for one in order if one != WIRE]:
            with run.server(name, Plan(hold=True)) as subject:
                warm = 20 * load.sessions
                rate = warm / send(subject.host, subject.port, load, warm)
                messages = max(warm, int(rate * run.seconds))
                seconds = send(subject.host, subject.port, load, messages)
                run.results.add("accept only, kept connections", name, "messages/s", messages / seconds)
        if run.quick and number == 0:
            break


def measure_latency(run: Run) -> None:
    """Measure the wait from end of data to 250 for a sender of its own, beside the full relay load."""
    load = Load(keep=True)
    for name in [one for one in run.subjects if one != WIRE]:
        with (
            smtp_sink(*SINK_OPTIONS) as sink,
            run.server(name, Plan(next_hop=(sink.host, sink.port))) as subject,
        ):
            messages = calibrate(subject.host, subject.port, sink, load, run.seconds)
            wait_until_quiet(subject.program.pid)
            waits_ms: list[float] = []
            over = threading.Event()
            prober = threading.Thread(target=probe, args=(subject.host, subject.port, waits_ms, over))
            prober.start()
            try:
                send(subject.host, subject.port, load, messages)
            finally:
                over.set()
                prober.join()
            cuts = statistics.quantiles(waits_ms, n=100, method="inclusive")
            note = f"{len(waits_ms)} probes"
            run.results.add("accept under load, middle", name, "ms", cuts[49], note)
            run.results.add("accept under load, 99th percentile", name, "ms", cuts[98], note)


def probe(host: str, port: int, waits_ms: list[float], over: threading.Event) -> None:
    """Send small messages one after another until *over*, and note how long each waits for its 250."""
    body = b"Subject: probe\r\n\r\n" + b"x" * 1024 + b"\r\n.\r\n"
    with smtplib.SMTP(host, port, timeout=30) as client:
        client.ehlo("probe.example")
        while not over.is_set():
            for command in ("MAIL FROM:<probe@sender.example>", "RCPT TO:<probe@sink.bench.example>", "DATA"):
                code, _ = client.docmd(command)
                if code >= 400:
                    raise smtplib.SMTPException(f"{command} was answered {code}")
            started = time.perf_counter()
            client.send(body)
            client.getreply()
            waits_ms.append((time.perf_counter() - started) * 1000)
            over.wait(PROBE_EVERY_S)
