"""Floor 2 · net — one connected socket, called when it can be read: the hot path of everything.

What makes it cheap, each measured (DESIGN §6): an idle connection holds no buffer, and what a read is offered is small
enough to come from the heap, to which all but what came goes back at once; what is read is
handed on, and what is written is sent, at the end of the loop's turn (`turn.py`); pausing is a flag, and the loop hears of it only if
bytes come in spite of it. There is no task, coroutine or future here.

The life of a connection: *open* -> `close` -> *flushing* (what waits goes out) -> *lingering* (our side is shut
down, the peer's bytes are thrown away until it closes too) -> *gone*. Lingering exists because the kernel answers
unread or late input of a closed socket with a reset, which may destroy the reply that was just sent. Flushing and lingering
together are bounded by `linger_s` and `linger_bytes`.

When a write finds the connection lost, what the peer said before is still to be read: the reader goes on, and it is
the reader that reports the end.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

from mailrail.model import NetError
from mailrail.net.api import Endpoint, Receiver
from mailrail.net.settings import NetSettings
from mailrail.net.trouble import net_error
from mailrail.net.turn import Turn
from mailrail.net.watch import Watch

_PIECES_PER_SEND: Final = 64  # far below IOV_MAX, 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s


class Shared:
    """What all connections of one network have in common: loop, its turn, watch, receive buffer, numbers.

    Args:
        watch: tells of input and room; None: the loop itself.

    Attributes:
        buffer, view: what datagrams are received into, one after another.
        leaving: connections that flush or linger: nobody else knows of them any more.
    """

    __slots__ = (
        "buffer",
        "high_water",
        "is_one_shot",
        "leaving",
        "linger_bytes",
        "linger_s",
        "loop",
        "low_water",
        "read_bytes",
        "turn",
        "view",
        "watch",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: NetSettings,
        turn: Turn,
        watch: Watch | None = None,
    ) -> None:
        self.loop = loop
        self.turn = turn
        self.watch: Watch = watch or loop
        # Others wake us as long as there is something to read. uvloop stops after one call for a socket
        # that has failed, even with bytes left to read before the failure: there we read until it is dry.
        self.is_one_shot = self.watch is loop and not isinstance(loop, asyncio.SelectorEventLoop)
        self.read_bytes = settings.read_bytes
        self.buffer = bytearray(settings.read_bytes)
        self.view = memoryview(self.buffer)
        self.high_water = settings.high_water_bytes
        self.low_water = settings.low_water_bytes
        self.linger_s = settings.linger_s
        self.linger_bytes = settings.linger_bytes
        self.leaving: set[SocketConnection] = set()


class SocketConnection:
    """A Connection over a non-blocking stream socket, TCP or Unix.

    Attributes:
        take: what was read goes there; None: nobody takes it now.
    """

    __slots__ = (
        "_broken",
        "_due",
        "_ended",
        "_fd",
        "_full",
        "_is_free",
        "_is_mutual",
        "_is_reading",
        "_kept",
        "_limit",
        "_lost",
        "_open",
        "_paused",
        "_pending",
        "_read_bytes",
        "_receiver",
        "_recv",
        "_send",
        "_shared",
        "_sock",
        "_timer",
        "_turn",
        "_waiting",
        "local",
        "peer",
        "take",
    )

    def __init__(self, sock: socket.socket, shared: Shared, local: Endpoint, peer: Endpoint) -> None:
        self.local = local
        self.peer = peer
        self._sock = sock
        self._fd = sock.fileno()
        self._recv, self._send = sock.recv, sock.send
        self._shared = shared
        self._turn = shared.turn
        self._read_bytes = shared.read_bytes
        self._receiver: Receiver | None = None
        self.take: Callable[[bytes], None] | None = None
        self._kept: list[bytes] | None = None  # read, and then it was paused by somebody else's doing
        self._open = True  # neither closed, aborted nor gone
        self._paused = False
        self._is_reading = False  # the loop watches for input
        self._ended = False  # the peer's end was found
        self._broken: NetError | None = None  # a write found the connection lost
        self._lost: OSError | None = None  # a read did
        self._is_free = True  # open, not broken, and what is written may go at the end of the turn
        self._due = b""  # what goes then
        self._pending: deque[bytes | memoryview] | None = None  # output that did not fit
        self._waiting = 0  # bytes in it
        self._full = False  # the receiver was told to wait
        self._is_mutual = False  # the peer closes as well
        self._limit = 0  # bytes that may still be thrown away while lingering
        self._timer: asyncio.TimerHandle | None = None  # ends flushing and lingering

    def attach(self, receiver: Receiver, /) -> None:
        """Hand everything from now on to *receiver*; reading begins with the first attach."""
        if not self._open:
            return
        self._receiver = receiver
        if not self._paused:
            self.take = receiver.received
            self._read_on()

    def write(self, data: bytes, /) -> bool:
        """Send *data* at the end of the turn, and sooner where it would be much by then."""
        if self._due or not self._is_free:
            return self._write_more(data)
        self._due = data
        turn = self._turn
        turn.due.append(self)
        if not turn.is_ending:
            turn.end_soon()
        return True

    def _write_more(self, data: bytes) -> bool:
        if not self._open or self._broken is not None:
            return True
        high_water = self._shared.high_water
        if self._due:
            if len(self._due) + len(data) <= high_water:
                self._due += data
                return True
            self.send_due()
            if self._is_free:
                return self.write(data)
        if self._pending is not None:
            self._pending.append(data)
            self._waiting += len(data)
            if self._waiting > high_water:
                self._full = True  # until the low mark, whatever is written meanwhile
        return not self._full

    def pause(self) -> None:
        """Stop reading; costs nothing until the peer sends in spite of it."""
        self._paused = True
        self.take = None

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            if self._open and self._receiver is not None:
                self.take = self._receiver.received
                if self._kept is not None:
                    self._hand_on_kept(self._kept)
                self._read_on()

    def _hand_on_kept(self, kept: list[bytes]) -> None:
        self._kept = None
        self._turn.came.extend((self, data) for data in kept)
        if not self._turn.is_ending:
            self._turn.end_soon()

    def close(self, *, is_mutual: bool = False) -> None:
        """Send what waits, shut down our side, see the peer close; at most `linger_s` seconds."""
        if not self._open:
            return
        self._let_go()
        self._is_mutual = is_mutual
        if not self._due:  # else when that was sent
            self._part()

    def abort(self) -> None:
        """Close now; if output is dropped the peer sees a reset, not a good end."""
        self.send_due()
        if self._fd < 0:
            return
        self._let_go()
        if self._pending is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._vanish()

    @property
    def is_closed(self) -> bool:
        """Tell whether `close` or `abort` was called, or the connection is lost."""
        return not self._open or self._broken is not None

    # -- called by the turn --------------------------------------------------------------------

    def find(self, data: bytes, /) -> None:
        """Know what was read and cannot be handed on now; no bytes: the end."""
        if self._receiver is None:
            return  # closed meanwhile: as if it had not been read
        if self._paused:
            self._kept = [*(self._kept or ()), data]
        elif self._lost is not None:
            self._lose(net_error(self._lost, f"connection with {self.peer} lost"))
        else:
            self._end()

    def send_due(self) -> None:
        """Send what was written in this turn, and keep what the system does not take."""
        data, self._due = self._due, b""
        if not data:
            return  # gone already
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._break(error)
            return
        if sent != len(data):
            self._is_free = False
            self._pending = deque((memoryview(data)[sent:] if sent else data,))
            self._waiting = len(data) - sent
            self._shared.watch.add_writer(self._fd, self._writable)
        if not self._open:
            self._part()

    # -- called by the loop --------------------------------------------------------------------

    def _readable(self) -> bytes:
        """Read once; return what came, for then there may be more."""
        if self.take is None:
            return self._read_unwanted()
        try:
            data = self._recv(self._read_bytes)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            self._lost = error
            data = b""
        turn = self._turn
        turn.came.append((self, data))
        if not turn.is_ending:
            turn.end_soon()
        return data

    def _readable_once(self) -> None:
        """Read until it is dry, in turns."""
        if self._readable():
            self._shared.loop.call_soon(self._readable_once)

    def _writable(self) -> None:
        pending = self._pending
        assert pending is not None
        try:
            sent = self._sock.sendmsg(list(islice(pending, _PIECES_PER_SEND)))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._break(error)
            return
        self._waiting -= sent
        while pending and sent >= len(pending[0]):
            sent -= len(pending.popleft())
        if sent:
            pending[0] = memoryview(pending[0])[sent:]
        if not pending:
            self._pending = None
            self._is_free = self._open
            self._shared.watch.remove_writer(self._fd)
            if not self._open:
                self._linger()
                return
        if self._full and self._waiting <= self._shared.low_water:
            self._full = False
            if self._receiver is not None:
                self._receiver.writable()

    # -- how it ends ---------------------------------------------------------------------------

    def _end(self) -> None:
        """The peer closed its side: what we owe it may still be written."""
        if self._broken is not None:
            self._lose(self._broken)
            return
        self._ended = True
        self._read_off()
        receiver, self._receiver, self.take = self._receiver, None, None
        if receiver is not None:
            receiver.ended(None)

    def _lose(self, error: NetError) -> None:
        receiver = self._receiver
        self._let_go()
        self._vanish()
        if receiver is not None:
            receiver.ended(error)

    def _break(self, error: OSError) -> None:
        """A write failed: drop the output; the reader will find the end behind what is still unread."""
        self._broken = net_error(error, f"connection with {self.peer} lost")
        self._is_free = False
        self._drop_output()
        if not self._open or self._ended:
            self._open = False
            self._vanish()

    def _let_go(self) -> None:
        self._open = self._is_free = False
        self._receiver = self.take = None

    def _part(self) -> None:
        """Go, or stay until what waits has gone and the peer has."""
        if self._broken is not None or (self._is_mutual and self._pending is None):
            self._vanish()
            return
        self._timer = self._shared.loop.call_later(self._shared.linger_s, self._vanish)
        self._shared.leaving.add(self)
        self._limit = self._shared.linger_bytes
        if self._pending is None:
            self._linger()
        else:
            self._read_on()  # a peer that is stuck in its own writing reads nothing of ours

    def _linger(self) -> None:
        if self._ended:
            self._vanish()
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # the peer has reset it already
            self._vanish()
            return
        self._read_on()

    def _read_unwanted(self) -> bytes:
        """Input came that nobody takes: leave it with the system while open, else throw it away, and return it."""
        if self._open:
            self._read_off()
            return b""
        self.send_due()
        if self._fd < 0:
            return b""
        try:
            data = self._recv(self._read_bytes)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            self._vanish()
            return b""
        self._limit -= len(data)
        if not data and self._pending is not None:  # it still reads, perhaps
            self._ended = True
            self._read_off()
        elif not data or self._limit < 0:
            self._vanish()
        return data

    def _vanish(self) -> None:
        if self._fd < 0:
            return
        self._read_off()
        self._drop_output()
        self._fd = -1
        self._sock.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._shared.leaving.discard(self)

    def _read_on(self) -> None:
        if not self._is_reading and not self._ended:
            self._is_reading = True
            shared = self._shared
            shared.watch.add_reader(self._fd, self._readable_once if shared.is_one_shot else self._readable)

    def _read_off(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._shared.watch.remove_reader(self._fd)

    def _drop_output(self) -> None:
        self._due = b""
        if self._pending is not None:
            self._pending = None
            self._waiting = 0
            self._shared.watch.remove_writer(self._fd)
