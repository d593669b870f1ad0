"""Floor 5 · sim — one end of a connection in a simulated world, with the same promises as a socket's.

A direction is what the sender still holds (`_pending`), what is on its way (`_flight`) and what has arrived but was not
read (`_inbox`). The last two together are bounded as a system's socket buffers are. Bytes are never lost between two living ends,
as TCP promises: where the way is interrupted they wait for it, and after RETRANSMIT_S the sender gives up. An end
that is gone answers whatever still reaches it with a reset.

The machine's part (what arrives, acknowledgements) runs outside of any life, since a system outlives its
processes. What a receiver is told runs in the context in which its end was made.
"""

import asyncio
from collections import deque
from contextvars import Context
from typing import Final, Protocol

from mailrail.model import NetError, NetTrouble
from mailrail.net import Endpoint, Receiver
from mailrail.sim.link import Wire

WINDOW_BYTES: Final = 64 * 1024
HIGH_WATER_BYTES: Final = 64 * 1024
LOW_WATER_BYTES: Final = 16 * 1024
RETRANSMIT_S: Final = 924.6  # tcp(7), tcp_retries2: Linux gives a connection up after 15 repetitions


class Owner(Protocol):
    """The machine that an end belongs to.

    Attributes:
        system: the context that its system's own work runs in.
    """

    system: Context

    def is_over(self, end: "SimConnection", /) -> None:
        """Nothing is open or waits to be sent any more."""
        ...

    def strand(self, end: "SimConnection", /) -> None:
        """Something for *end* waits for the way to be mended."""
        ...


class _End:
    """Travels behind the bytes: None is a good end."""

    __slots__ = ("error",)

    def __init__(self, error: NetError | None) -> None:
        self.error = error


class SimConnection:
    """One end."""

    def __init__(self, owner: Owner, wire: Wire, local: Endpoint, peer: Endpoint, context: Context) -> None:
        self.local = local
        self.peer = peer
        self._owner = owner
        self._wire = wire
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._other: SimConnection
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
        self._stranded = 0  # of these, how many found the way interrupted
        self._patience: asyncio.TimerHandle | None = None
        self._line_free_s = 0.0  # when the last piece to us has left the sender
        self._inbox: deque[bytes | _End] = deque()  # arrived, not read
        self._held = 0  # bytes in flight and inbox

    def join(self, other: "SimConnection") -> None:
        """Become the two ends of one connection."""
        self._other, other._other = other, self

    # -- the Connection --------------------------------------------------------------------------

    def attach(self, receiver: Receiver, /) -> None:
        """Hand everything from now on to *receiver*."""
        if self._open:
            self._receiver = receiver
            self._soon_read()

    def write(self, data: bytes, /) -> bool:
        """Send *data*, as far as the peer's window takes it."""
        if not self._open or not data:
            return True
        self._pending.append(bytes(data))
        self._waiting += len(data)
        self._send()
        if self._waiting > HIGH_WATER_BYTES:
            self._full = True
        return not self._full

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self._soon_read()

    def close(self, *, is_mutual: bool = False) -> None:
        """Send what waits, then the end."""
        if not self._open:
            return
        self._open = False
        self._receiver = None
        self._discard()
        if self._pending:
            self._flushing = True
        else:
            self._finish(_End(None))

    def abort(self) -> None:
        """Close now; if output is dropped the peer sees a reset."""
        if self._aborted:
            return
        was_open, dropped = self._open or self._flushing, bool(self._pending)
        self._silence()
        self._discard()
        if was_open:
            self._finish(_End(_reset(self._other.peer) if dropped else None))

    @property
    def is_closed(self) -> bool:
        """Tell whether `close` or `abort` was called, or the connection is lost."""
        return not self._open

    # -- what happens to the machine or the way --------------------------------------------------

    def die(self) -> None:
        """The process is gone: the system ends what it had open, with a reset where something was unread."""
        has_unread = any(isinstance(item, bytes) for item in self._inbox)
        was_open = self._open or self._flushing
        self._silence()
        self._discard()
        if was_open:
            self._finish(_End(_reset(self._other.peer) if has_unread else None))

    def vanish(self) -> None:
        """The machine is gone: nobody is told anything."""
        self._silence()
        self._inbox.clear()
        self._owner.is_over(self)

    def cut(self) -> None:
        """The way is cut for good: both ends see a reset."""
        for end in (self, self._other):
            end._pending.clear()
            end._waiting = 0
            end._fly(_End(_reset(end.peer)))

    def thaw(self) -> None:
        """The way is mended: what was stranded sets out again."""
        count, self._stranded = self._stranded, 0
        self._stop_waiting()
        for _ in range(count):
            self._later(self._wire.way_s())

    # -- the way out -----------------------------------------------------------------------------

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
            passed = self._wire.take(len(piece))
            if passed:
                other._fly(piece[:passed])
            if passed < len(piece):
                self.cut()
                return

    def _room(self) -> None:
        """The peer has read: go on sending."""
        self._send()
        if self._pending or self._aborted:
            return
        if self._flushing:
            self._flushing = False
            self._finish(_End(None))
        elif self._full and self._waiting <= LOW_WATER_BYTES:
            self._full = False
            if self._receiver is not None:
                self._context.run(self._receiver.writable)

    def _finish(self, end: _End) -> None:
        self._other._fly(end)
        self._owner.is_over(self)

    def _silence(self) -> None:
        self._open = self._flushing = False
        self._aborted = True
        self._receiver = None
        self._pending.clear()
        self._waiting = 0

    # -- the way in ------------------------------------------------------------------------------

    def _fly(self, item: bytes | _End) -> None:
        self._flight.append(item)
        way_s = self._wire.way_s()
        if isinstance(item, bytes):
            self._held += len(item)
            way_s += self._queueing_s(len(item))
        self._later(way_s)

    def _queueing_s(self, count: int) -> float:
        rate = self._wire.link.bytes_per_s
        if rate is None:
            return 0.0
        now = self._loop.time()
        self._line_free_s = max(now, self._line_free_s) + count / rate
        return self._line_free_s - now

    def _later(self, way_s: float) -> None:
        if way_s:
            self._loop.call_later(way_s, self._arrive, context=self._owner.system)
        else:
            self._loop.call_soon(self._arrive, context=self._owner.system)

    def _arrive(self) -> None:
        if not self._flight:  # given up meanwhile
            return
        if not self._wire.is_whole():
            self._strand()
            return
        # The oldest, whatever timer fired: a stream keeps its order.
        item = self._flight.popleft()
        if self._aborted:  # nobody is there: the system answers with a reset
            self._held -= len(item) if isinstance(item, bytes) else 0
            if isinstance(item, bytes):
                self._other._fly(_End(_reset(self._other.peer)))
            return
        self._inbox.append(item)
        if self._open:
            self._read()
        elif isinstance(item, _End) and item.error is not None:
            self._silence()
            self._owner.is_over(self)
        else:
            self._discard()

    def _strand(self) -> None:
        self._stranded += 1
        self._owner.strand(self)
        if self._patience is None:
            system = self._other._owner.system
            self._patience = self._loop.call_later(RETRANSMIT_S, self._give_up, context=system)

    def _give_up(self) -> None:
        """The sender has repeated itself often enough."""
        self._stranded = 0
        self._patience = None
        self._flight.clear()
        self._held = sum(len(item) for item in self._inbox if isinstance(item, bytes))
        self._other._lose(NetError(NetTrouble.TIMEOUT, f"connection with {self._other.peer} lost: timed out"))

    def _lose(self, error: NetError) -> None:
        self._inbox.append(_End(error))
        if self._open:
            self._read()
        else:
            self._silence()
            self._owner.is_over(self)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _soon_read(self) -> None:
        self._loop.call_soon(self._read, context=self._owner.system)

    def _read(self) -> None:
        while self._inbox and self._receiver is not None and not self._paused:
            item = self._inbox.popleft()
            if isinstance(item, _End):
                self._tell_end(item.error)
                return
            self._held -= len(item)
            self._loop.call_soon(self._other._room, context=self._other._owner.system)
            self._context.run(self._receiver.received, item)

    def _tell_end(self, error: NetError | None) -> None:
        receiver, self._receiver = self._receiver, None
        if error is not None:
            self._silence()
            self._owner.is_over(self)
        if receiver is not None and not self._ended:
            self._ended = True
            self._context.run(receiver.ended, error)

    def _discard(self) -> None:
        self._inbox.clear()
        self._held = sum(len(item) for item in self._flight if isinstance(item, bytes))
        self._loop.call_soon(self._other._room, context=self._other._owner.system)


def _reset(peer: Endpoint) -> NetError:
    return NetError(NetTrouble.RESET, f"connection with {peer} lost: Connection reset by peer")
