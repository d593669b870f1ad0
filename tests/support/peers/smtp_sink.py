"""Postfix's smtp-sink: takes anything at great speed, and counts or keeps it."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import programs
from tests.support.peers.processes import PAUSE_S, PeerError, Program, folder, free_port, wait_for_port

BACKLOG = "1000"


@dataclass(frozen=True, slots=True)
class Sink:
    """A running smtp-sink."""

    host: str
    port: int
    program: Program
    captured: Path

    @property
    def address(self) -> str:
        """`host:port`, as settings files want it."""
        return f"{self.host}:{self.port}"

    def count(self) -> int:
        """How many messages it has taken: the last of the running counters it prints."""
        with self.program.output.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - 256))
            *_, last = [b"mesg=0", *output.read().split(b"\r")[:-1]]
        return int(last.rpartition(b"=")[2])

    def wait_for(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until *count* messages have been taken.

        Raises:
            PeerError: fewer came in time.
        """
        deadline = time.monotonic() + timeout_s
        while self.count() < count:
            if time.monotonic() > deadline:
                raise PeerError(f"smtp-sink has {self.count()} of {count} messages after {timeout_s} s")
            time.sleep(PAUSE_S)

    def mail(self) -> list[bytes]:
        """The captured messages, each below the X-... lines in which smtp-sink tells the envelope."""
        files = sorted(self.captured.glob("*"), key=lambda one: one.stat().st_mtime_ns)
        return [one.read_bytes() for one in files]


@contextlib.contextmanager
def smtp_sink(*options: str, capture: bool = False, host: str = "127.0.0.1") -> Iterator[Sink]:
    """Run an smtp-sink that counts.

    Args:
        options: further options, say `("-p",)` for no PIPELINING or `("-f", "RCPT")` to refuse recipients.
        capture: keep each message in a file as well (much slower).
    """
    tree = programs.need("postfix")
    with folder("sink") as base:
        captured = base / "captured"
        captured.mkdir()
        captured.chmod(0o777)
        port = free_port(host)
        command = [tree.program("usr/sbin/smtp-sink"), "-c", *options]
        if capture:
            command += ["-d", f"{captured}/"]
        if os.geteuid() == 0:
            command += ["-u", "nobody"]  # it insists
        program = Program(
            [*command, f"{host}:{port}", BACKLOG], base / "output", environment=tree.environment()
        )
        try:
            wait_for_port(program, host, port)
            yield Sink(host, port, program, captured)
        finally:
            program.stop()
