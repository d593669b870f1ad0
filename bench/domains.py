"""Mail to 1,000 domains whose servers are far away: many slow peers at once, not one fast one."""

import contextlib
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.far_peers import address_of, domain_of
from bench.load import TURN_TIMEOUT_S, shared_once_mb, wait_until_quiet
from bench.relay import WIRE
from bench.run import Run
from bench.subjects import Plan
from tests.support.peers.processes import Program, free_port, wait_for_port
from tests.support.peers.programs import ROOT
from tests.support.peers.smtp_sink import Sink

DOMAINS = 1000
DELAY_MS = 50
SENDERS = 20
NAME = "mailrail"
SMTP_PORT = 25  # where MX records lead; they can name no other
SCENARIO = "1,000 domains, 50 ms away"
CROWD_DELAY_MS = 1000  # so far that every connection is still open when the last one is made
CROWD_PER_DOMAIN = 4
CROWD_SCENARIO = "1,000 domains, 1 s away"
FAR_DELAY_MS = 100
FAR_SCENARIO = "1,000 domains, 100 ms away"
SAMPLE_S = 0.1
BODY = b"Subject: far\r\n\r\n" + (b"x" * 62 + b"\r\n") * 64 + b".\r\n"


def measure(run: Run) -> None:
    """Measure from the first message offered until the last is at its far server.

    mailrail looks its peers up in the bench's own DNS server; Postfix cannot be pointed at one, and gets them from a
    table, which spares it the lookups.
    """
    if os.geteuid() != 0:
        run.results.skipped[SCENARIO] = "far servers listen on port 25, which only root may open"
        return
    per_domain = 2 if run.quick else 5
    names = [one for one in run.subjects if one != WIRE]
    with _far_peers(run) as (sink, dns_port):
        tables = {
            "mailrail": Plan(dns=("127.0.0.1", dns_port)),
            "postfix": Plan(routes={domain_of(n): (address_of(n), SMTP_PORT) for n in range(DOMAINS)}),
        }
        for number, order in run.turns():
            for name in [one for one in order if one in names]:
                with run.server(name, tables[name]) as subject:
                    messages = per_domain * DOMAINS
                    before = sink.count()
                    wait_until_quiet(subject.program.pid)
                    started = time.perf_counter()
                    _offer(subject.host, subject.port, per_domain)
                    sink.wait_for(before + messages, TURN_TIMEOUT_S)
                    rate = messages / (time.perf_counter() - started)
                    run.results.add(SCENARIO, name, "messages/s", rate, f"{messages} messages")
            if run.quick and number == 0:
                break


def measure_far(run: Run) -> None:
    """Measure the rate to servers 100 ms away; then open as many connections as slow peers need, and look at memory. mailrail only."""
    if os.geteuid() != 0:
        run.results.skipped[FAR_SCENARIO] = "far servers listen on port 25, which only root may open"
        return
    if NAME not in run.subjects:
        return
    _far(run, FAR_SCENARIO, FAR_DELAY_MS, 2 if run.quick else 10)
    _far(run, CROWD_SCENARIO, CROWD_DELAY_MS, CROWD_PER_DOMAIN)


def _far(run: Run, scenario: str, delay_ms: int, per_domain: int) -> None:
    with (
        _far_peers(run, delay_ms) as (sink, dns_port),
        run.server(NAME, Plan(dns=("127.0.0.1", dns_port))) as subject,
    ):
        messages, most_open, most_mb = per_domain * DOMAINS, 0, 0.0
        before = sink.count()
        wait_until_quiet(subject.program.pid)
        started = time.perf_counter()
        feeder = threading.Thread(target=_offer, args=(subject.host, subject.port, per_domain))
        feeder.start()
        while sink.count() - before < messages and time.perf_counter() - started < TURN_TIMEOUT_S:
            now_open = _open_connections(SMTP_PORT)
            if now_open >= most_open:
                most_open, most_mb = now_open, shared_once_mb(subject.program.pid)
            time.sleep(SAMPLE_S)
        feeder.join()
        sink.wait_for(before + messages, TURN_TIMEOUT_S)
        rate = messages / (time.perf_counter() - started)
        add = run.results.add
        add(scenario, NAME, "messages/s", rate, f"{messages} messages")
        add(scenario, NAME, "connections open", most_open, "the most at any time")
        add(scenario, NAME, "MB", most_mb, "then, all processes")


def _open_connections(port: int) -> int:
    """Count the connections that servers on *port* of this machine have open (proc(5), /proc/net/tcp)."""
    ours, established = f":{port:04X}", "01"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(ours) and row[3] == established for row in rows)


@contextlib.contextmanager
def _far_peers(run: Run, delay_ms: int = DELAY_MS) -> Iterator[tuple[Sink, int]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hard, hard)
    )  # a thousand listeners, and what connects to them
    dns_port = free_port()
    options = ["--domains", str(DOMAINS), "--delay-ms", str(delay_ms)]
    options += ["--dns-port", str(dns_port), "--smtp-port", str(SMTP_PORT)]
    with run.folder("far") as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bench.far_peers", *options]
        program = Program(command, folder / "output", environment=environment)
        try:
            wait_for_port(program, address_of(DOMAINS - 1), SMTP_PORT)
            yield Sink("127.0.0.1", SMTP_PORT, program, folder), dns_port
        finally:
            program.stop()


def _offer(host: str, port: int, per_domain: int) -> None:
    """Send *per_domain* messages to every domain, in an order that mixes the domains, from several connections."""
    waiting = [domain_of(number) for _ in range(per_domain) for number in range(DOMAINS)]
    shares = [waiting[start::SENDERS] for start in range(SENDERS)]
    failures: list[Exception] = []
    threads = [threading.Thread(target=_send_share, args=(host, port, share, failures)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _send_share(host: str, port: int, domains: list[str], failures: list[Exception]) -> None:
    try:
        with (
            socket.create_connection((host, port), timeout=60) as connection,
            connection.makefile("rb") as replies,
        ):
            _expect(replies.readline(), b"220")
            connection.sendall(b"HELO feeder.example\r\n")
            _expect(replies.readline(), b"250")
            for domain in domains:
                connection.sendall(
                    f"MAIL FROM:<a@feeder.example>\r\nRCPT TO:<b@{domain}>\r\nDATA\r\n".encode()
                )
                for wanted in (b"250", b"250", b"354"):
                    _expect(replies.readline(), wanted)
                connection.sendall(BODY)
                _expect(replies.readline(), b"250")
    except (OSError, ValueError) as error:
        failures.append(error)


def _expect(reply: bytes, code: bytes) -> None:
    if not reply.startswith(code):
        raise ValueError(f"expected {code.decode()}, was told {reply!r}")
