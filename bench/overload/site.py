"""The server under load: a `mailrail serve` with its defaults but for deadlines, and what it uses of the machine."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Self

from bench.load import forget_peak_memory, memory_mb
from bench.overload import crowds
from bench.overload.ground import Ground
from bench.overload.honest import HonestClient, Sink
from tests.support.daemon import Daemon
from tests.support.peers.processes import PeerError

from mailrail.admin import AdminClient, Status
from mailrail.net import SocketNetwork

PAUSE_S: Final = 0.1
CROWD_TIMEOUT_S: Final = 60.0
SPARE_DESCRIPTORS: Final = 25  # connections to the next hop are kept for a while after the last message


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server uses now."""

    memory_mb: float
    descriptors: int
    sessions: int
    items: int


class LoadedDaemon(Daemon):
    """A daemon that listens where the crowds come."""

    def __init__(self, base: Path, ground: Ground, settings: Mapping[str, Any]) -> None:
        self.host = ground.server
        super().__init__(base, settings)

    def usage(self) -> Usage:
        """Measure it."""
        status = asyncio.run(self._status())
        return Usage(
            memory_mb=memory_mb(self.pid, "VmRSS"),
            descriptors=len(os.listdir(f"/proc/{self.pid}/fd")),
            sessions=status.sessions,
            items=status.items,
        )

    async def _status(self) -> Status:
        async with await AdminClient.open(SocketNetwork(), self.spool / "admin.sock") as admin:
            return await admin.status()

    def cpu_s(self) -> float:
        """Return the processor time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """A crowd at work; its process ends with the `with`."""

    def __init__(self, kind: str, ground: Ground, port: int, number: int, size: int) -> None:
        context = get_context(
            "spawn"
        )  # a fork would copy the honest client's threads in whatever state they are
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=crowds.run, args=(theirs, kind, ground, port, number, size))

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._orders.send("home")
        self._process.join(CROWD_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def facts(self) -> dict[str, int]:
        """Return what happened to its members so far."""
        self._orders.send("tell")
        if not self._orders.poll(CROWD_TIMEOUT_S):
            raise PeerError("the crowd does not answer")
        found: dict[str, int] = self._orders.recv()
        return found

    def wait_for(self, fact: str, count: int, timeout_s: float = CROWD_TIMEOUT_S) -> None:
        """Wait until *fact* happened to *count* members.

        Raises:
            PeerError: it did not in time.
        """
        deadline = time.monotonic() + timeout_s
        while (facts := self.facts()).get(fact, 0) < count:
            if time.monotonic() > deadline:
                raise PeerError(f"{fact}: {facts.get(fact, 0)} of {count} in {timeout_s} s; {facts}")
            time.sleep(PAUSE_S)


class Site:
    """A server, its next hop and its honest client; crowds come and go."""

    def __init__(self, daemon: LoadedDaemon, ground: Ground, sink: Sink) -> None:
        self.daemon = daemon
        self.ground = ground
        self.sink = sink
        self.base = daemon.usage()
        self._numbers = itertools.count()
        self._crowds = itertools.count()
        self.expected: set[str] = set()

    @contextlib.contextmanager
    def honest(self) -> Iterator[HonestClient]:
        """Let the honest client send; what it was promised is expected at the sink."""
        client = HonestClient(self.ground, self.daemon.port, self._numbers)
        try:
            with client:
                yield client
        finally:
            self.expected |= client.taken

    def crowd(self, kind: str, size: int) -> Crowd:
        """Make a crowd, from addresses of its own."""
        return Crowd(kind, self.ground, self.daemon.port, next(self._crowds) % 6 + 1, size)

    def warm_up(self, seconds: float) -> None:
        """Let everything be used once, then take what the server needs at rest for its level."""
        with self.honest() as client:
            client.window(seconds)
        self.settle(CROWD_TIMEOUT_S, self.base.descriptors + SPARE_DESCRIPTORS)
        self.base = self.daemon.usage()
        forget_peak_memory(self.daemon.pid)

    def settle(self, timeout_s: float, descriptors: int | None = None) -> Usage:
        """Wait until all sessions have ended and descriptors are as before, and return what is left then.

        The caller judges: what has not ended in time is in the figures, not an error.
        """
        most = descriptors if descriptors is not None else self.base.descriptors + SPARE_DESCRIPTORS
        deadline = time.monotonic() + timeout_s
        while True:
            usage = self.daemon.usage()
            if (usage.sessions == 0 and usage.descriptors <= most) or time.monotonic() > deadline:
                return usage
            time.sleep(2 * PAUSE_S)

    def missing_and_twice(self) -> tuple[int, int]:
        """Wait for the queue to empty; return how many promised messages did not arrive, and how many twice."""
        deadline = time.monotonic() + CROWD_TIMEOUT_S
        while self.daemon.usage().items and time.monotonic() < deadline:
            time.sleep(PAUSE_S)
        arrived = self.sink.arrived
        return (
            sum(mark not in arrived for mark in self.expected),
            sum(count > 1 for count in arrived.values()),
        )


@contextlib.contextmanager
def start(ground: Ground, base: Path, **settings: Any) -> Iterator[Site]:
    """Start a server for the time of a `with`; it takes mail for one domain, from everybody.

    Args:
        base: an empty folder on a real disk.
        settings: tables in place of the defaults.
    """
    with Sink() as sink:
        everything: dict[str, Any] = {
            "relay": {"networks": []},
            "domain": {"ours.bench.example": {"relay_to": sink.address, "tls": "none"}},
            "log": {"format": "json", "level": "info"},
            **settings,
        }
        daemon = LoadedDaemon(base, ground, everything)
        try:
            daemon.start()
            yield Site(daemon, ground, sink)
        finally:
            daemon.end()
