"""Mail to 1,000 domains whose servers are 50 ms away: many slow peers at once, not one fast one."""

import contextlib
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator

from bench.far_peers import address_of, domain_of
from bench.load import TURN_TIMEOUT_S, wait_until_quiet
from bench.relay import WIRE
from bench.run import Run
from bench.subjects import Plan
from tests.support.peers.processes import Program, free_port, wait_for_port
from tests.support.peers.programs import ROOT
from tests.support.peers.smtp_sink import Sink

DOMAINS = 1000
DELAY_MS = 50
SENDERS = 20
SMTP_PORT = 25  # where MX records lead; they can name no other
SCENARIO = "1,000 domains, 50 ms away"
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


@contextlib.contextmanager
def _far_peers(run: Run) -> Iterator[tuple[Sink, int]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hard, hard)
    )  # a thousand listeners, and what connects to them
    dns_port = free_port()
    options = ["--domains", str(DOMAINS), "--delay-ms", str(DELAY_MS)]
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
