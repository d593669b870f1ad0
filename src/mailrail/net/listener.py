"""Floor 2 · net — a listening socket that accepts in batches and never spins.

A queue of 1,000 waiting clients is taken in bounded bites, so that the sessions there are keep their
turn. When the system has no descriptors or memory left a level-triggered loop would wake at once again,
forever: so accepting rests, and the clients wait in the backlog (A73).
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from mailrail.net.api import Endpoint
from mailrail.net.events import AcceptRested
from mailrail.net.stream import Shared, SocketConnection
from mailrail.net.trouble import OUT_OF_RESOURCES
from mailrail.observe import Bus

_ACCEPTS_PER_WAKE: Final = 32
_LET_OTHERS_S: Final = 0.001  # ours; another process that is idle is awake long before


class SocketListener:
    """A Listener: hands each accepted connection over by a plain call.

    Args:
        sock: listens already, and does not block.
        shared: what all connections of the loop have in common.
        accept: takes each connection.
        rest_s: the pause when the system has nothing left.
        bus: told of it.
        is_ahead: where other processes accept from the same socket: tells that they should come first now. One
            connection at a time is taken then, so that clients are served also when all others are stuck.
        owns_file: the file of a Unix socket is ours to remove.
    """

    def __init__(
        self,
        sock: socket.socket,
        shared: Shared,
        accept: Callable[[SocketConnection], None],
        *,
        rest_s: float,
        bus: Bus | None = None,
        is_ahead: Callable[[], bool] | None = None,
        owns_file: bool = True,
    ) -> None:
        self.endpoint = endpoint_of(sock)
        self._sock = sock
        self._fd = sock.fileno()
        self._shared = shared
        self._accept = accept
        self._rest_s = rest_s
        self._bus = bus
        self._is_ahead = is_ahead
        self._rest: asyncio.TimerHandle | None = None
        self._is_wild = self.endpoint.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        self._file = _identity(self.endpoint.host) if owns_file and self.endpoint.is_unix else None
        shared.watch.add_reader(self._fd, self._acceptable)

    def close(self) -> None:
        """Accept no more; connections already made go on. The file of a Unix socket goes, if it is still ours."""
        if self._fd < 0:
            return
        if self._rest is not None:
            self._rest.cancel()
        else:
            self._shared.watch.remove_reader(self._fd)
        self._fd = -1
        self._sock.close()
        if self._file is not None and _identity(self.endpoint.host) == self._file:
            os.unlink(self.endpoint.host)

    def _acceptable(self) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            if self._fd < 0:  # closed by whom we handed the last one to
                return
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in OUT_OF_RESOURCES:
                    self._take_a_rest(error)
                    return
                continue  # the peer gave up while it waited (accept(2): treat like EAGAIN)
            sock.setblocking(False)
            self._accept(self._connection(sock, address))
            if self._is_ahead is not None and self._fd >= 0 and self._is_ahead():
                self._pause(_LET_OTHERS_S)
                return

    def _connection(self, sock: socket.socket, address: object) -> SocketConnection:
        local = peer = self.endpoint
        if isinstance(address, tuple):
            peer = Endpoint(address[0], address[1])
            if self._is_wild:
                local = endpoint_of(sock)
        return SocketConnection(sock, self._shared, local, peer)

    def _take_a_rest(self, error: OSError) -> None:
        self._pause(self._rest_s)
        if self._bus is not None:
            reason = error.strerror or str(error)
            self._bus.emit(AcceptRested(endpoint=str(self.endpoint), reason=reason, wait_s=self._rest_s))

    def _pause(self, wait_s: float) -> None:
        self._shared.watch.remove_reader(self._fd)
        self._rest = self._shared.loop.call_later(wait_s, self._go_on)

    def _go_on(self) -> None:
        self._rest = None
        self._shared.watch.add_reader(self._fd, self._acceptable)


def endpoint_of(sock: socket.socket) -> Endpoint:
    """Return where *sock* is bound."""
    name = sock.getsockname()
    if isinstance(name, tuple):
        return Endpoint(name[0], name[1])
    return Endpoint(os.fsdecode(name), 0)


def _identity(path: str) -> tuple[int, int] | None:
    """Tell one file from another that later has the same name."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
