"""Floor 2 · net — listening sockets that somebody else opened: a service manager, or our own supervisor.

Several processes may accept from one socket, so that nothing that waits in it is lost while one of them starts again
(sockets of their own on one port, SO_REUSEPORT, would each take what waits in them along). The first of the idle
takes a connection; who has more than its share lets the others come first.
"""

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mailrail.model import NetError, NetTrouble
from mailrail.net.api import Endpoint
from mailrail.net.listener import endpoint_of

_FIRST: Final = 3  # sd_listen_fds(3): behind standard input, output and error


def make_listening(sock: socket.socket, backlog: int) -> None:
    """Let clients wait in *sock*; also one that listens already.

    Raises:
        OSError: it cannot listen.
    """
    sock.setblocking(False)
    if sock.family != socket.AF_UNIX:
        # Accepted sockets inherit it (Linux, BSD), which saves a system call for each.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.listen(backlog)


class Handed:
    """The sockets that were handed down, by the address in the settings that each is for.

    Args:
        sockets: they stay open until `close`: whoever listens gets a duplicate.
        is_ahead: tells whether this process has more than its share, where others accept from the same sockets.
    """

    def __init__(
        self,
        sockets: Iterable[tuple[Endpoint, socket.socket]],
        is_ahead: Callable[[], bool] | None = None,
    ) -> None:
        self._sockets = list(sockets)
        self.is_ahead = is_ahead

    def take(self, endpoint: Endpoint) -> socket.socket | None:
        """Return a duplicate of the socket for *endpoint*; of several (any free port, twice) each in turn."""
        for index, (wanted, sock) in enumerate(self._sockets):
            if wanted == endpoint:
                self._sockets.append(self._sockets.pop(index))
                return sock.dup()
        return None

    def close(self) -> None:
        """Keep no more clients waiting on behalf of this process."""
        for _, sock in self._sockets:
            sock.close()


def sockets_of_service_manager(
    environment: Mapping[str, str], process: int, backlog: int
) -> list[tuple[Endpoint, socket.socket]]:
    """Return the sockets that systemd, or who speaks like it, has opened for us (sd_listen_fds(3)).

    Args:
        environment: LISTEN_PID and LISTEN_FDS.
        process: our id: what is meant for another one is not touched.
        backlog: how many clients may wait.

    Raises:
        NetError: one of them cannot listen.
    """
    if environment.get("LISTEN_PID") != str(process):
        return []
    count = environment.get("LISTEN_FDS", "")
    numbers = range(_FIRST, _FIRST + (int(count) if count.isascii() and count.isdecimal() else 0))
    return [_adopted(number, backlog) for number in numbers]


def _adopted(number: int, backlog: int) -> tuple[Endpoint, socket.socket]:
    try:
        os.set_inheritable(number, False)
        sock = socket.socket(fileno=number)
        make_listening(sock, backlog)
        return endpoint_of(sock), sock
    except OSError as error:
        text = f"descriptor {number}, passed by the service manager, cannot listen: {error.strerror}"
        raise NetError(NetTrouble.OTHER, text) from error
