"""A double of Dovecot's authentication server at a Unix socket; shares no code with mailrail."""

import contextlib
import socketserver
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

GREETING = ("VERSION\t1\t2", "MECH\tPLAIN\tplaintext", "SPID\t7", "CUID\t1", "COOKIE\tc0ffee", "DONE")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    passwords: Mapping[str, str]
    greeting: Sequence[str]
    answer: str


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write("".join(f"{line}\n" for line in self.server.greeting).encode())
            assert self.rfile.readline() == b"VERSION\t1\t1\n"
            assert self.rfile.readline().startswith(b"CPID\t")
            if words := self.rfile.readline().decode().rstrip("\n").split("\t"):
                self.wfile.write(f"{self._judged(words)}\n".encode())

    def _judged(self, words: list[str]) -> str:
        if self.server.answer:
            return self.server.answer
        verb, number, mechanism, *rest = words
        assert (verb, mechanism) == ("AUTH", "PLAIN")
        assert "service=smtp" in rest
        _, user, password = b64decode(rest[-1].removeprefix("resp=")).decode().split("\0")
        is_right = self.server.passwords.get(user) == password
        return f"OK\t{number}\tuser={user}" if is_right else f"FAIL\t{number}\tuser={user}"


@contextlib.contextmanager
def dovecot_auth(
    path: Path, passwords: Mapping[str, str], *, greeting: Sequence[str] = GREETING, answer: str = ""
) -> Iterator[Path]:
    """Serve at *path*.

    Args:
        passwords: the right ones.
        greeting: lines of the handshake.
        answer: what is answered to every AUTH, instead of the truth.
    """
    with _Server(str(path), _Session) as server:
        server.passwords, server.greeting, server.answer = passwords, greeting, answer
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield path
        finally:
            server.shutdown()
            thread.join()
