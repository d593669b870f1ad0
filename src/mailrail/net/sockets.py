"""Floor 2 · net — the production Network: own non-blocking sockets on the running loop.

Works on every loop with `add_reader` and `add_writer`: asyncio's own and uvloop (watch.py). All sockets are
non-blocking and closed on exec; IPv6 sockets take IPv6 only, so that `0.0.0.0:25` and `[::]:25` can stand side by side.
Host names never come here: looking up is the resolver's business.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import stat
import sys
from collections.abc import Callable
from typing import Final

from mailrail.model import NetError, NetTrouble
from mailrail.net.api import Connection, Endpoint
from mailrail.net.datagrams import SocketDatagrams
from mailrail.net.handed import Handed, make_listening
from mailrail.net.listener import SocketListener, endpoint_of
from mailrail.net.settings import NetSettings
from mailrail.net.stream import Shared, SocketConnection
from mailrail.net.trouble import connect_error, net_error
from mailrail.net.turn import Turn
from mailrail.net.watch import watch_on
from mailrail.observe import Bus

_BIND_ADDRESS_NO_PORT: Final = 24  # ip(7), Linux: choose the port at connect, where more of them are free


class SocketNetwork:
    """Makes listeners, connections and datagram sockets; belongs to the loop that first uses it.

    Args:
        settings: how sockets behave.
        bus: told when accepting rests.
        handed: listening sockets that somebody else has opened.
    """

    def __init__(
        self, settings: NetSettings | None = None, bus: Bus | None = None, handed: Handed | None = None
    ) -> None:
        self._settings = settings or NetSettings()
        self._bus = bus
        self._handed = handed
        self._common: Shared | None = None

    def listen(
        self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
    ) -> SocketListener:
        """Open a listening socket, or accept from the one that was handed down for this address.

        The file that a dead server left at the path of a Unix socket is removed first; anything that
        is not a socket, or still answers, is not.

        Raises:
            NetError: the address is taken, forbidden or not ours.
        """
        handed = self._handed.take(endpoint) if self._handed is not None else None
        if handed is not None:
            return self._listener(handed, accept, is_handed=True)
        sock = open_listening(endpoint, self._settings.backlog, unix_mode=unix_mode)
        return self._listener(sock, accept)

    def _listener(
        self, sock: socket.socket, accept: Callable[[Connection], None], *, is_handed: bool = False
    ) -> SocketListener:
        shared, settings = self._shared(), self._settings
        turn = self._handed.is_ahead if is_handed and self._handed is not None else None
        return SocketListener(
            sock, shared, accept,
            rest_s=settings.accept_rest_s, bus=self._bus, is_ahead=turn, owns_file=not is_handed,
        )  # fmt: skip

    async def connect(
        self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None
    ) -> SocketConnection:
        """Open a connection; nothing is read from it before `attach`.

        Raises:
            NetError: REFUSED, UNREACHABLE, TIMEOUT, EXHAUSTED or OTHER.

        *Cancel-safe:* yes: the half-open socket is closed.
        """
        shared = self._shared()
        what = f"connect to {endpoint}"
        family = _family(endpoint)
        try:
            with _kept_if_good(socket.socket(family, socket.SOCK_STREAM)) as sock:
                sock.setblocking(False)
                if not endpoint.is_unix:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if source is not None:
                    _bind_source(sock, source)
                await _connected(sock, endpoint, shared, timeout_s)
                local = endpoint if endpoint.is_unix else endpoint_of(sock)
                if local == endpoint and not endpoint.is_unix:
                    # TCP's simultaneous open: a free local port can be drawn that equals the target.
                    raise NetError(NetTrouble.REFUSED, f"{what}: nobody but ourselves")
                return SocketConnection(sock, shared, local, endpoint)
        except TimeoutError as error:
            raise NetError(NetTrouble.TIMEOUT, f"{what}: no answer") from error
        except OSError as error:
            raise connect_error(error, what, family) from error

    def datagrams(
        self, received: Callable[[bytes, Endpoint], None], *, ipv6: bool = False, bind: Endpoint | None = None
    ) -> SocketDatagrams:
        """Open a UDP socket.

        Raises:
            NetError: the address is taken, or descriptors have run out.
        """
        here = bind or Endpoint("::" if ipv6 else "0.0.0.0", 0)  # noqa: S104 - answers come to any address
        try:
            with _kept_if_good(socket.socket(_family(here), socket.SOCK_DGRAM)) as sock:
                sock.setblocking(False)
                _only_ipv6(sock)
                sock.bind((here.host, here.port))
                return SocketDatagrams(sock, self._shared(), received)
        except OSError as error:
            raise net_error(error, f"open a UDP socket on {here}") from error

    def close(self) -> None:
        """Close at once what is already being closed, for the loop is about to end; what is open stays so."""
        if self._common is not None:
            for party in tuple(self._common.turn.due):
                party.send_due()
            for connection in tuple(self._common.leaving):
                connection.abort()

    def _shared(self) -> Shared:
        if self._common is None:
            loop = asyncio.get_running_loop()
            turn = Turn(loop)
            self._common = Shared(loop, self._settings, turn, watch_on(loop, turn))
        return self._common


def open_listening(endpoint: Endpoint, backlog: int, *, unix_mode: int = 0o600) -> socket.socket:
    """Open a socket that listens; needs no loop. Clients wait in it until somebody accepts.

    Raises:
        NetError: the address is taken, forbidden or not ours.
    """
    try:
        with _kept_if_good(socket.socket(_family(endpoint), socket.SOCK_STREAM)) as sock:
            if endpoint.is_unix:
                _remove_stale(endpoint.host)
                sock.bind(endpoint.host)
                os.chmod(endpoint.host, unix_mode)  # nobody can connect before listen()
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                _only_ipv6(sock)
                sock.bind((endpoint.host, endpoint.port))
            make_listening(sock, backlog)
            return sock
    except OSError as error:
        raise net_error(error, f"listen on {endpoint}") from error


class _kept_if_good:  # noqa: N801 - reads as a phrase in its `with`
    """Close the socket unless all went well."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __enter__(self) -> socket.socket:
        return self._sock

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._sock.close()


async def _connected(sock: socket.socket, endpoint: Endpoint, shared: Shared, timeout_s: float) -> None:
    address = endpoint.host if endpoint.is_unix else (endpoint.host, endpoint.port)
    number = sock.connect_ex(address)
    if number == 0:
        return
    if number != errno.EINPROGRESS:
        raise OSError(number, os.strerror(number))
    done: asyncio.Future[None] = shared.loop.create_future()

    def settle() -> None:
        if not done.done():
            done.set_result(None)

    shared.watch.add_writer(sock.fileno(), settle)
    try:
        async with asyncio.timeout(timeout_s):
            await done
    finally:
        shared.watch.remove_writer(sock.fileno())
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number != 0:
        raise OSError(number, os.strerror(number))


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    if endpoint.is_unix:
        return socket.AF_UNIX
    return _ip_family(endpoint.host)


def _ip_family(host: str) -> socket.AddressFamily:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError as error:
        raise NetError(NetTrouble.OTHER, f"{host!r} is not an IP address") from error
    return socket.AF_INET6 if version == 6 else socket.AF_INET


def _only_ipv6(sock: socket.socket) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def _bind_source(sock: socket.socket, source: str) -> None:
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    try:
        sock.bind((source, 0))
    except OSError as error:
        raise net_error(error, f"use {source} as our address") from error


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that died; leave everything else, for bind to complain about."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if probe.connect_ex(path) == errno.ECONNREFUSED:
                os.unlink(path)
