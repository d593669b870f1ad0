"""The servers under test, each a next-hop relay with its spool on the same real disk: mailrail and Postfix.

Postfix is tuned as an operator would for this load, so that the ratio is an honest one: see POSTFIX below, each
line with its reason. mailrail runs on its defaults.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers.certificates import make_certificate
from tests.support.peers.postfix import postfix
from tests.support.peers.processes import Program, free_port, wait_for_port
from tests.support.peers.programs import ROOT

START_TIMEOUT_S = 120.0  # a queue of 100,000 may take its time: it is measured, not forbidden

POSTFIX: Mapping[str, str] = {
    # As many sessions in, and connections out, as the load has; the defaults (100, 20, 5) throttle.
    "default_process_limit": "100",
    "default_destination_concurrency_limit": "50",
    "initial_destination_concurrency": "50",
    # All of the load comes from one address, which its defences are made to slow down.
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "smtpd_client_event_limit_exceptions": "static:all",
    "in_flow_delay": "0",
    # Fewer restarts of its processes than after the default of 100 uses.
    "max_use": "1000",
    # A message with many recipients is one transaction, as mailrail sends it (default: 50).
    "default_destination_recipient_limit": "1000",
    "smtpd_recipient_limit": "1000",
    "message_size_limit": "104857600",
    # Retries stay out of the picture: its own default waits, not those of our tests.
    "minimal_backoff_time": "300s",
    "queue_run_delay": "300s",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server: where it takes mail, and the process whose memory is its own."""

    name: str
    host: str
    port: int
    program: Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a scenario wants of a server; both kinds are set up from it."""

    next_hop: tuple[str, int] | None = None  # for everything that no route names
    routes: Mapping[str, tuple[str, int]] | None = None  # domain -> host and port
    dns: tuple[str, int] | None = None  # mailrail only; Postfix asks the machine's resolver
    hold: bool = False  # accept and keep; deliver nothing
    tls: bool = False  # offer STARTTLS, with the same kind of certificate
    workers: int = 0  # mailrail only; 0: its default
    cores: frozenset[int] = frozenset()  # mailrail only: where it may run; empty: anywhere
    limits: Mapping[str, int] | None = None  # mailrail only: [limits] other than the defaults


Start = Callable[[Plan, Path], contextlib.AbstractContextManager[Subject]]


def _toml(plan: Plan, folder: Path, port: int) -> str:
    lines = [
        'hostname = "mx1.bench.example"',
        f"spool.path = {json.dumps(str(folder / 'spool'))}",
        f"workers = {plan.workers}",
        "[[listener]]",
        f'address = "127.0.0.1:{port}"',
        'role = "mx"',
        "[relay]",
        'networks = ["127.0.0.0/8", "::1"]',
    ]
    routes = dict(plan.routes or {})
    if plan.hold:
        routes["*"] = ("127.0.0.1", free_port())  # nobody listens there: one try, then the destination sleeps
    elif plan.next_hop is not None:
        routes["*"] = plan.next_hop
    for domain, (host, hop_port) in routes.items():
        lines += ["[[route]]", f'match = "{domain}"', f'next_hop = "{host}:{hop_port}"', 'tls = "none"']
    if plan.dns is not None:
        lines += ["[dns]", f'servers = ["{plan.dns[0]}:{plan.dns[1]}"]']
    if plan.limits:
        lines += ["[limits]", *(f"{name} = {value}" for name, value in plan.limits.items())]
    if plan.tls:
        file = make_certificate(folder, "mx1.bench.example").chain_file
        file.chmod(0o600)
        lines += ["[[tls.certificate]]", f"chain = {json.dumps(str(file))}", f"key = {json.dumps(str(file))}"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def start_mailrail(
    plan: Plan,
    folder: Path,
    *,
    under: Callable[[Sequence[str]], Sequence[str]] = list,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Subject]:
    """Run `mailrail serve`; *folder* may hold the spool of an earlier run.

    Args:
        under: makes its command line that of another program that runs it.
        environment: its environment; None: ours.
    """
    port = free_port()
    settings = folder / "mailrail.toml"
    settings.write_text(_toml(plan, folder, port))
    command = [sys.executable, "-m", "mailrail", "serve", "--config", str(settings)]
    program = Program(under(command), folder / "output", environment=environment)
    if plan.cores:
        os.sched_setaffinity(program.pid, plan.cores)  # and so will its threads and workers, which come later
    try:
        wait_for_port(program, "127.0.0.1", port, START_TIMEOUT_S)
        yield Subject("mailrail", "127.0.0.1", port, program)
    finally:
        program.stop()


@contextlib.contextmanager
def start_postfix(plan: Plan, folder: Path) -> Iterator[Subject]:
    """Run a Postfix of our own, tuned as above, without DNS: routes go into a transport table."""
    parameters = dict(POSTFIX)
    if plan.hold:
        parameters["smtpd_client_restrictions"] = "check_client_access static:HOLD"
    if plan.routes:
        table = folder / "transport"
        table.write_text(
            "".join(f"{name} smtp:[{hop}]:{port}\n" for name, (hop, port) in plan.routes.items())
        )
        parameters["transport_maps"] = f"texthash:{table}"
    if plan.tls:
        parameters["smtpd_tls_loglevel"] = "0"
    with postfix(relay_to=plan.next_hop, tls=plan.tls, parameters=parameters, base=folder) as server:
        yield Subject("postfix", server.host, server.port, server.program)


STARTERS: Mapping[str, Start] = {"mailrail": start_mailrail, "postfix": start_postfix}


def mailrail_is_runnable() -> bool:
    """Tell whether this tree's mailrail has its `serve` command."""
    command = [sys.executable, "-m", "mailrail", "serve", "--help"]
    return subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=False).returncode == 0
