"""Floor 2 · net — an unconnected UDP socket. What does not fit is lost silently, as datagrams are."""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from mailrail.net.api import Endpoint
from mailrail.net.listener import endpoint_of
from mailrail.net.stream import Shared

_READS_PER_WAKE: Final = 64


class SocketDatagrams:
    """Datagrams over a non-blocking UDP socket."""

    def __init__(
        self, sock: socket.socket, shared: Shared, received: Callable[[bytes, Endpoint], None]
    ) -> None:
        self.endpoint = endpoint_of(sock)
        self._sock = sock
        self._shared = shared
        self._received = received
        self._is_closed = False
        shared.watch.add_reader(sock.fileno(), self._readable)

    def send(self, data: bytes, to: Endpoint, /) -> None:
        """Send one datagram."""
        if not self._is_closed:
            with contextlib.suppress(OSError):  # no room, no route, too long: lost like any other
                self._sock.sendto(data, (to.host, to.port))

    def close(self) -> None:
        """Close; nothing is received any more."""
        if not self._is_closed:
            self._is_closed = True
            self._shared.watch.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        for _ in range(_READS_PER_WAKE):
            if self._is_closed:
                return
            try:
                count, address = self._sock.recvfrom_into(self._shared.buffer)
            except OSError:  # nothing more, or an ICMP error about something we sent
                return
            self._received(bytes(self._shared.view[:count]), Endpoint(address[0], address[1]))
