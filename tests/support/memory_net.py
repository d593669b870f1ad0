"""A Network in memory with the same promises as sockets: passes tests/contract/test_network.py.

Deterministic: everything is delivered by the loop in the order of writing, ports are counted up, nothing is
drawn. Knobs spoil a path: `refuse`, `black_hole`, `delay`, `drop_after`; `heal` mends it.

A direction of a connection is a Pipe: what was sent is in flight until it arrives (at once, or after the delay),
then waits for the reader, both together bounded by WINDOW_BYTES as in a system's socket buffers.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailrail.model import NetError, NetTrouble
from mailrail.net import Connection, Endpoint, Receiver

WINDOW_BYTES = 64 * 1024
HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024

_FIRST_PORT = 40_000


@dataclass(frozen=True)
class Fault:
    """What is wrong with the path to an endpoint."""

    refused: bool = False
    black_hole: bool = False
    delay_s: float = 0.0
    drop_after_bytes: int | None = None


@dataclass(frozen=True)
class _End:
    """Travels behind the bytes: None is a good end."""

    error: NetError | None


class _Budget:
    """How many bytes a doomed connection still carries, both directions together."""

    def __init__(self, left: int | None) -> None:
        self.left = left

    def take(self, count: int) -> int:
        """Return how many of *count* still pass."""
        if self.left is None:
            return count
        passed = min(self.left, count)
        self.left -= passed
        return passed


class MemoryConnection:
    """One end of a connection in memory."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        local: Endpoint,
        peer: Endpoint,
        delay_s: float,
        budget: _Budget,
    ) -> None:
        self.local = local
        self.peer = peer
        self._loop = loop
        self._delay_s = delay_s
        self._budget = budget
        self._other: MemoryConnection
        self._receiver: Receiver | None = None
        self._paused = False
        self._open = True  # neither closed nor lost
        self._flushing = False  # closed, but output waits
        self._aborted = False
        self._ended = False  # the peer's end was told or needs no telling
        self._pending: deque[bytes] = deque()  # output beyond the peer's window
        self._waiting = 0
        self._full = False
        self._flight: deque[bytes | _End] = deque()  # on its way to us
        self._inbox: deque[bytes | _End] = deque()  # arrived, not read
        self._held = 0  # bytes in flight and inbox

    # -- the Connection

    def attach(self, receiver: Receiver, /) -> None:
        if self._open:
            self._receiver = receiver
            self._loop.call_soon(self._read)

    def write(self, data: bytes, /) -> bool:
        if not self._open or not data:
            return True
        self._pending.append(bytes(data))
        self._waiting += len(data)
        self._send()
        if self._waiting > HIGH_WATER_BYTES:
            self._full = True
        return not self._full

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._read)

    def close(self, *, is_mutual: bool = False) -> None:
        if not self._open:
            return
        self._open = False
        self._receiver = None
        self._discard()
        if self._pending:
            self._flushing = True
        else:
            self._other._fly(_End(None))

    def abort(self) -> None:
        if self._aborted:
            return
        was_open, dropped = self._open or self._flushing, bool(self._pending)
        self._open = self._flushing = False
        self._aborted = True
        self._receiver = None
        self._pending.clear()
        self._discard()
        if was_open:
            self._other._fly(_End(_reset(self._other.peer) if dropped else None))

    @property
    def is_closed(self) -> bool:
        return not self._open

    # -- the way out

    def _send(self) -> None:
        """Move what fits into the peer's window."""
        other = self._other
        while self._pending and other._held < WINDOW_BYTES:
            room = WINDOW_BYTES - other._held
            piece = self._pending.popleft()
            if len(piece) > room:
                self._pending.appendleft(piece[room:])
                piece = piece[:room]
            self._waiting -= len(piece)
            passed = self._budget.take(len(piece))
            if passed:
                other._fly(piece[:passed])
            if passed < len(piece):
                self._doom()
                return

    def _doom(self) -> None:
        """The path is cut: both ends see a reset."""
        for end in (self, self._other):
            end._pending.clear()
            end._waiting = 0
            end._fly(_End(_reset(end.peer)))

    def _room(self) -> None:
        """The peer has read: go on sending."""
        self._send()
        if self._pending or self._aborted:
            return
        if self._flushing:
            self._flushing = False
            self._other._fly(_End(None))
        elif self._full and self._waiting <= LOW_WATER_BYTES:
            self._full = False
            if self._receiver is not None:
                self._receiver.writable()

    # -- the way in

    def _fly(self, item: bytes | _End) -> None:
        self._flight.append(item)
        if isinstance(item, bytes):
            self._held += len(item)
        if self._delay_s:
            self._loop.call_later(self._delay_s, self._arrive)
        else:
            self._loop.call_soon(self._arrive)

    def _arrive(self) -> None:
        # The oldest, whatever timer fired: equal times must not change the order.
        item = self._flight.popleft()
        if self._aborted:  # nobody is there: the system answers with a reset
            if isinstance(item, bytes):
                self._other._fly(_End(_reset(self._other.peer)))
            return
        self._inbox.append(item)
        if self._open:
            self._read()
        else:
            self._discard()

    def _read(self) -> None:
        while self._inbox and self._receiver is not None and not self._paused:
            item = self._inbox.popleft()
            if isinstance(item, _End):
                self._tell_end(item.error)
                return
            self._held -= len(item)
            self._loop.call_soon(self._other._room)
            self._receiver.received(item)

    def _tell_end(self, error: NetError | None) -> None:
        receiver, self._receiver = self._receiver, None
        if error is not None:
            self._open = False
            self._aborted = True
            self._pending.clear()
        if receiver is not None and not self._ended:
            self._ended = True
            receiver.ended(error)

    def _discard(self) -> None:
        self._inbox.clear()
        self._held = sum(len(item) for item in self._flight if isinstance(item, bytes))
        self._loop.call_soon(self._other._room)


class MemoryListener:
    """A listening socket in memory."""

    def __init__(
        self, network: "MemoryNetwork", endpoint: Endpoint, accept: Callable[[Connection], None]
    ) -> None:
        self.endpoint = endpoint
        self.accept = accept
        self._network = network

    def close(self) -> None:
        if self._network.listeners.get(self.endpoint) is self:
            del self._network.listeners[self.endpoint]


class MemoryDatagrams:
    """A UDP socket in memory."""

    def __init__(
        self, network: "MemoryNetwork", endpoint: Endpoint, received: Callable[[bytes, Endpoint], None]
    ) -> None:
        self.endpoint = endpoint
        self.received = received
        self._network = network

    def send(self, data: bytes, to: Endpoint, /) -> None:
        self._network.carry(bytes(data), self, to)

    def close(self) -> None:
        if self._network.sockets.get(self.endpoint) is self:
            del self._network.sockets[self.endpoint]


class MemoryNetwork:
    """All endpoints of one make-believe world; hand the same one to everybody who shall meet."""

    def __init__(self) -> None:
        self.listeners: dict[Endpoint, MemoryListener] = {}
        self.sockets: dict[Endpoint, MemoryDatagrams] = {}
        self._faults: dict[Endpoint, Fault] = {}
        self._port = _FIRST_PORT

    # -- knobs

    def refuse(self, endpoint: Endpoint) -> None:
        """Refuse every connection to *endpoint* from now on."""
        self._spoil(endpoint, refused=True)

    def black_hole(self, endpoint: Endpoint) -> None:
        """Never answer a connect or a datagram to *endpoint*."""
        self._spoil(endpoint, black_hole=True)

    def delay(self, endpoint: Endpoint, seconds: float) -> None:
        """Let everything to and from *endpoint* take *seconds* one way."""
        self._spoil(endpoint, delay_s=seconds)

    def drop_after(self, endpoint: Endpoint, count: int) -> None:
        """Reset each new connection to *endpoint* after *count* bytes, both directions together."""
        self._spoil(endpoint, drop_after_bytes=count)

    def heal(self, endpoint: Endpoint) -> None:
        """Mend the path to *endpoint* for new connections and datagrams."""
        self._faults.pop(endpoint, None)

    def _spoil(self, endpoint: Endpoint, **change: float | None) -> None:
        self._faults[endpoint] = replace(self._fault(endpoint), **change)  # type: ignore[arg-type]

    def _fault(self, endpoint: Endpoint) -> Fault:
        return self._faults.get(endpoint, Fault())

    # -- the Network

    def listen(
        self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
    ) -> MemoryListener:
        here = self._bound(endpoint)
        if here in self.listeners:
            raise NetError(NetTrouble.OTHER, f"listen on {here}: Address already in use")
        listener = self.listeners[here] = MemoryListener(self, here, accept)
        return listener

    async def connect(
        self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None
    ) -> MemoryConnection:
        loop, fault = asyncio.get_running_loop(), self._fault(endpoint)
        if fault.black_hole or 2 * fault.delay_s > timeout_s:
            await asyncio.sleep(timeout_s)
            raise NetError(NetTrouble.TIMEOUT, f"connect to {endpoint}: no answer")
        await asyncio.sleep(2 * fault.delay_s)
        listener = None if fault.refused else self._listener(endpoint)
        if listener is None:
            raise NetError(NetTrouble.REFUSED, f"connect to {endpoint}: Connection refused")
        here = endpoint if endpoint.is_unix else Endpoint(source or self._home(endpoint), self._next_port())
        budget = _Budget(fault.drop_after_bytes)
        ours = MemoryConnection(loop, here, endpoint, fault.delay_s, budget)
        theirs = MemoryConnection(loop, endpoint, here, fault.delay_s, budget)
        ours._other, theirs._other = theirs, ours
        loop.call_soon(listener.accept, theirs)
        return ours

    def datagrams(
        self, received: Callable[[bytes, Endpoint], None], *, ipv6: bool = False, bind: Endpoint | None = None
    ) -> MemoryDatagrams:
        here = self._bound(bind or Endpoint("::1" if ipv6 else "127.0.0.1", 0))
        if here in self.sockets:
            raise NetError(NetTrouble.OTHER, f"open a UDP socket on {here}: Address already in use")
        datagrams = self.sockets[here] = MemoryDatagrams(self, here, received)
        return datagrams

    def carry(self, data: bytes, source: MemoryDatagrams, to: Endpoint) -> None:
        """Bring one datagram to whoever is bound at *to* when it arrives."""
        fault = self._fault(to)
        if fault.black_hole or self.sockets.get(source.endpoint) is not source:
            return

        def arrive() -> None:
            target = self.sockets.get(to)
            if target is not None:
                target.received(data, source.endpoint)

        loop = asyncio.get_running_loop()
        loop.call_later(fault.delay_s, arrive) if fault.delay_s else loop.call_soon(arrive)

    def _listener(self, endpoint: Endpoint) -> MemoryListener | None:
        wild = Endpoint("::" if ":" in endpoint.host else "0.0.0.0", endpoint.port)
        return self.listeners.get(endpoint) or self.listeners.get(wild)

    def _bound(self, endpoint: Endpoint) -> Endpoint:
        if endpoint.port == 0 and not endpoint.is_unix:
            return Endpoint(endpoint.host, self._next_port())
        return endpoint

    def _next_port(self) -> int:
        self._port += 1
        return self._port

    def _home(self, endpoint: Endpoint) -> str:
        return "::1" if ":" in endpoint.host else "127.0.0.1"


def _reset(peer: Endpoint) -> NetError:
    return NetError(NetTrouble.RESET, f"connection with {peer} lost: Connection reset by peer")
