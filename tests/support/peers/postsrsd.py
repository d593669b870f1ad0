"""postsrsd beside everything else, on loopback: what it makes of a sender, and whom it leads back to."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from tests.support.peers import programs
from tests.support.peers.processes import PAUSE_S, PeerError, Program, free_port

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Postsrsd:
    """A running postsrsd; it speaks Postfix's tcp_table(5)."""

    forward_port: int
    reverse_port: int

    def forward(self, sender: str) -> str:
        """Return what *sender* is rewritten to."""
        return _look_up(self.forward_port, sender)

    def reverse(self, address: str) -> str:
        """Return whom *address* leads back to, or the words why it does not."""
        return _look_up(self.reverse_port, address)


def _look_up(port: int, key: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(f"get {quote(key, safe='@=+-.')}\n".encode())
        line = connection.makefile("rb").readline().decode("ascii")
    return unquote(line.partition(" ")[2].strip())


def _wait_for(program: Program, ports: tuple[int, int]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            for port in ports:
                socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
            return
        if program.exit_code() is not None or time.monotonic() > deadline:
            raise PeerError(f"postsrsd did not start:\n{program.printed()}")
        time.sleep(PAUSE_S)


@contextlib.contextmanager
def postsrsd(base: Path, secret: str, domain: str) -> Iterator[Postsrsd]:
    """Run one that rewrites into *domain*, and signs by *secret*; the test is skipped where it is missing."""
    tree = programs.need("postsrsd")
    file = base / "postsrsd.secret"
    file.write_text(f"{secret}\n")
    ports = free_port(), free_port()
    arguments = [f"-s{file}", f"-d{domain}", f"-f{ports[0]}", f"-r{ports[1]}", "-4"]
    program = Program(
        [tree.program("usr/sbin/postsrsd"), *arguments], base / "postsrsd.log", environment=tree.environment()
    )
    try:
        _wait_for(program, ports)
        yield Postsrsd(*ports)
    finally:
        program.stop()
