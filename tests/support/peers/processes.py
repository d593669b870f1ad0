"""Starting foreign programs and ending them: each by the id we got, none by name."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

START_TIMEOUT_S = 20.0  # Exim and Postfix need under a second; a loaded CI machine gets more
STOP_TIMEOUT_S = 10.0
PAUSE_S = 0.02
FIRST_PORT = 10_000
LEAST_PORTS = 10_000  # where the kernel is told to give away nearly all
PORTS_A_PROCESS = 200  # so far apart the processes of one test run begin, whose ids follow one another
_turns = itertools.count()


class PeerError(RuntimeError):
    """A peer did not start, or did not do what a test waited for; the text ends with its log."""


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port nobody listens on, and nobody will until the test does: a daemon that is down must get it again.

    Not one of those that the kernel gives to who asks for any: it may give them to the next who asks, and to the near end
    of each connection. A client that tries one of them again and again while its server is away ends up connected to itself.
    """
    first_of_the_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    span = max(first_of_the_kernel - FIRST_PORT, LEAST_PORTS)
    for turn in itertools.islice(_turns, span):
        port = FIRST_PORT + (os.getpid() * PORTS_A_PROCESS + turn) % span
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # As servers do: connections that were ended a moment ago are nobody's.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    raise PeerError(f"none of {span} ports of {host} from {FIRST_PORT} on is free")


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Give a temporary folder that peers running as other users may enter (pytest's are closed to them)."""
    path = Path(tempfile.mkdtemp(prefix=f"mailrail-{prefix}-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Program:
    """One running foreign program, in a session of its own, its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        *,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
    ) -> None:
        self.name = Path(command[0]).name
        self.output = output
        with output.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=output.parent,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user is not None else None,
            )

    @property
    def pid(self) -> int:
        """The process id; also that of its session and process group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int:
        """Wait for the program to end by itself."""
        return self._process.wait(timeout_s)

    def printed(self) -> str:
        """What it wrote to its outputs so far."""
        return self.output.read_text(errors="replace")

    def stop(self) -> None:
        """End it and its children: ask first, then insist. Only its own session is touched."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def wait_for_port(program: Program, host: str, port: int, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until *program* greets with 220 on a port; a listener that is not ready yet does not.

    Raises:
        PeerError: it ended, or did not greet in time.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if program.exit_code() is not None:
            raise PeerError(f"{program.name} ended with {program.exit_code()}:\n{program.printed()}")
        if _greets(host, port):
            return
        time.sleep(PAUSE_S)
    raise PeerError(f"{program.name} did not greet on {host}:{port} in {timeout_s} s:\n{program.printed()}")


def _greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            greeting = connection.recv(512)
            connection.sendall(b"QUIT\r\n")
            connection.recv(512)
            return greeting.startswith(b"220")
    except OSError:
        return False
