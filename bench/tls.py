"""TLS: how many sessions a second come up, with a new handshake and with a resumed one, what an idle one costs in memory, and how
fast much content comes in by one.

A session is a whole one: connection, greeting, EHLO, STARTTLS, handshake, EHLO, QUIT. The client is Python's ssl in threads of this
process, on the same cores: it bounds what can be seen, for every subject alike.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

from bench.load import shared_once_mb, wait_until_quiet
from bench.relay import WIRE
from bench.run import Run
from bench.subjects import Plan, Subject
from tests.support.peers.processes import PeerError

CLIENTS = 8
IDLE_SESSIONS = 80  # Postfix has a process for each, and as many as 100 in this bench
BULK = b"Subject: bulk\r\n\r\n" + (b"x" * 70 + b"\r\n") * 280_000 + b".\r\n"  # 20 MB
TIMEOUT_S = 30.0


class Connection:
    """One SMTP session under TLS.

    Args:
        resume: the TLS session to go on with, or None.
    """

    def __init__(self, subject: Subject, context: ssl.SSLContext, resume: ssl.SSLSession | None) -> None:
        plain = socket.create_connection((subject.host, subject.port), TIMEOUT_S)
        # The end of the handshake and EHLO are two small writes: without this the second waits for the peer's delayed ACK.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _reply(plain)
        _ask(plain, b"EHLO load.example\r\n")
        _ask(plain, b"STARTTLS\r\n")
        self.socket = context.wrap_socket(plain, session=resume)
        # Under TLS 1.3 the ticket comes behind the handshake, with the first answer at the latest.
        _ask(self.socket, b"EHLO load.example\r\n")

    def send(self, content: bytes) -> None:
        """Send a message; *content* ends with its dot."""
        for line in (
            b"MAIL FROM:<a@load.example>\r\n",
            b"RCPT TO:<user@sink.bench.example>\r\n",
            b"DATA\r\n",
        ):
            _ask(self.socket, line)
        _ask(self.socket, content)

    def quit(self) -> None:
        """Say goodbye."""
        _ask(self.socket, b"QUIT\r\n")
        self.socket.close()


def _ask(connection: socket.socket, line: bytes) -> None:
    connection.sendall(line)
    _reply(connection)


def _reply(connection: socket.socket) -> None:
    """Read a reply to its last line.

    Raises:
        PeerError: it is none, or a refusal.
    """
    said = b""
    while not said.endswith(b"\r\n") or said.splitlines()[-1][3:4] == b"-":
        octets = connection.recv(4096)
        if not octets:
            raise PeerError(f"the server closed the connection behind {said!r}")
        said += octets
    if said[:1] not in (b"2", b"3"):
        raise PeerError(f"the server said {said!r}")


def _context() -> ssl.SSLContext:
    """Return a context that believes everybody: checking is the client's work, not the server's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Crowd:
    """Clients that open one session after the other until their time is over."""

    def __init__(self, subject: Subject, seconds: float, *, resumes: bool) -> None:
        self._subject = subject
        self._resumes = resumes
        self._context = _context()
        self._until = time.perf_counter() + seconds
        self._lock = threading.Lock()
        self.sessions = 0
        self.resumed = 0
        self.trouble: Exception | None = None

    def run(self) -> float:
        """Run all clients; return the sessions a second.

        Raises:
            PeerError: one failed, or what was to be resumed was not.
        """
        started = time.perf_counter()
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        if self.trouble is not None:
            raise PeerError(f"a TLS session failed: {self.trouble}")
        wanted = self.sessions - CLIENTS if self._resumes else 0  # each client's first one is new
        if self.resumed != wanted:
            raise PeerError(f"{self.resumed} of {self.sessions} TLS sessions were resumed, not {wanted}")
        return self.sessions / seconds

    def _client(self) -> None:
        last: ssl.SSLSession | None = None
        try:
            while time.perf_counter() < self._until:
                connection = Connection(self._subject, self._context, last)
                with self._lock:
                    self.sessions += 1
                    self.resumed += bool(connection.socket.session_reused)
                last = connection.socket.session if self._resumes else None
                connection.quit()
        except (OSError, PeerError) as error:
            self.trouble = error


@contextlib.contextmanager
def _idle(subject: Subject, count: int) -> Iterator[None]:
    context = _context()
    held = [Connection(subject, context, None) for _ in range(count)]
    try:
        yield
    finally:
        for connection in held:
            connection.quit()


def measure(run: Run) -> None:
    """Measure sessions a second, new and resumed, the memory of idle ones, and octets a second."""
    for _, order in run.turns():
        for name in [one for one in order if one != WIRE]:
            # One worker: each has ticket keys of its own, and would resume its own sessions only.
            with run.server(name, Plan(tls=True, workers=1, hold=True)) as subject:
                Crowd(subject, min(1.0, run.seconds), resumes=False).run()  # warm
                for title, resumes in (("TLS, new handshakes", False), ("TLS, resumed", True)):
                    rate = Crowd(subject, run.seconds, resumes=resumes).run()
                    run.results.add(title, name, "sessions/s", rate)
                _measure_memory(run, subject)
                rate = _bulk_mb_per_s(subject, run.seconds)
                run.results.add("TLS, 20 MB messages", name, "MB/s taken", rate)


def _bulk_mb_per_s(subject: Subject, seconds: float) -> float:
    connection = Connection(subject, _context(), None)
    started, sent = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        connection.send(BULK)
        sent += len(BULK)
    elapsed = time.perf_counter() - started
    connection.quit()
    return sent / elapsed / 1e6


def _measure_memory(run: Run, subject: Subject) -> None:
    pid = subject.program.pid
    wait_until_quiet(pid)
    with _idle(subject, 1):
        before = shared_once_mb(pid)
        with _idle(subject, IDLE_SESSIONS):
            grown = shared_once_mb(pid) - before
    run.results.add(
        "TLS, memory of an idle session", subject.name, "kB", 1000 * grown / IDLE_SESSIONS, "grown from warm"
    )
