"""The honest client: sends small messages without pause, measures what it waits for, and knows what arrived.

A stranger like the crowds, with a new connection for every twenty messages, so that it waits for greetings too.
"""

import itertools
import re
import socket
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Self

from bench.overload.crowds import RECIPIENT
from bench.overload.ground import Ground
from tests.support.receiver import Mail, Receiver

PER_SESSION: Final = 20
TIMEOUT_S: Final = 60.0
_BODY: Final = ("x" * 62 + "\r\n") * 16
_MARK: Final = re.compile(rb"^X-Overload: (\S+)\r$", re.MULTILINE)


@dataclass(slots=True)
class Window:
    """What the honest client met with for a while.

    Attributes:
        sent: messages that were answered 250.
        seconds: how long it was.
        accept_ms: waits from end of data to 250.
        greeting_ms: waits from the call to the greeting.
        refused: other answers, or why a session broke.
    """

    sent: int = 0
    seconds: float = 0.0
    accept_ms: list[float] = field(default_factory=list)
    greeting_ms: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return what the table shows."""
        return {
            "honest messages/s": round(self.sent / self.seconds, 1) if self.seconds else 0.0,
            "accept p50 ms": _cut(self.accept_ms, 50),
            "accept p99 ms": _cut(self.accept_ms, 99),
            "accept max ms": round(max(self.accept_ms, default=0.0), 2),
            "greeting p99 ms": _cut(self.greeting_ms, 99),
            "greeting max ms": round(max(self.greeting_ms, default=0.0), 2),
            "honest refused": len(self.refused),
        }


def _cut(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return round(sum(values), 2)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


class Sink:
    """The next hop: counts what arrives by its mark, and keeps nothing."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self._receiver = Receiver(on_mail=self._take)

    def __enter__(self) -> Self:
        self._receiver.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._receiver.__exit__(*exc)

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._receiver.address

    def _take(self, mail: Mail) -> None:
        found = _MARK.search(mail.content[:4096])
        self.arrived[found.group(1).decode() if found else "no mark"] += 1


class HonestClient:
    """Sends from the start to the end of a `with`; `window` cuts a piece out of that."""

    def __init__(self, ground: Ground, port: int, numbers: "itertools.count[int]") -> None:
        self._ground = ground
        self._port = port
        self._numbers = numbers
        self._window = Window()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.taken: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def window(self, seconds: float) -> Window:
        """Return what happens in the next *seconds*."""
        self._window = window = Window()
        started = time.perf_counter()
        time.sleep(seconds)
        self._window = Window()
        window.seconds = time.perf_counter() - started
        return window

    def _run(self) -> None:
        for session in itertools.count():
            if self._is_over.is_set():
                return
            try:
                self._session(session)
            except OSError as error:
                self._window.refused.append(f"{type(error).__name__}: {error}")
                time.sleep(0.01)

    def _session(self, number: int) -> None:
        # 250 addresses, so that it stays below the limits for one client as many senders would.
        source = f"198.18.1.{number % 250 + 1}" if self._ground.has_strangers else "127.0.0.1"
        window, called = self._window, time.perf_counter()
        with (
            socket.create_connection(
                (self._ground.server, self._port), TIMEOUT_S, source_address=(source, 0)
            ) as connection,
            connection.makefile("rb") as replies,
        ):
            _expect(replies.readline(), b"220")
            window.greeting_ms.append((time.perf_counter() - called) * 1000)
            connection.sendall(b"EHLO honest.example\r\n")
            while replies.readline()[3:4] == b"-":
                pass
            for _ in range(PER_SESSION):
                if self._is_over.is_set():
                    break
                self._send(connection, replies)
            connection.sendall(b"QUIT\r\n")
            replies.readline()

    def _send(self, connection: socket.socket, replies: BinaryIO) -> None:
        mark = f"honest-{next(self._numbers)}"
        connection.sendall(f"MAIL FROM:<ann@honest.example>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode())
        for code in (b"250", b"250", b"354"):
            _expect(replies.readline(), code)
        window, ended = self._window, time.perf_counter()
        connection.sendall(f"X-Overload: {mark}\r\nSubject: hello\r\n\r\n{_BODY}.\r\n".encode())
        _expect(replies.readline(), b"250")
        window.accept_ms.append((time.perf_counter() - ended) * 1000)
        window.sent += 1
        self.taken.add(mark)


def _expect(line: bytes, code: bytes) -> None:
    if not line.startswith(code):
        raise ConnectionError(line.decode("ascii", "replace").strip() or "the server hung up")
