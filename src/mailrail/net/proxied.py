"""Floor 2 · net — a connection that a proxy passes on: its header first, then a Connection with the client's own two ends.

What came behind the header in the same piece is the client's (with implicit TLS it nearly always is something) and is given
out first. From then on the receiver hears from the plain connection directly: only the calls downwards pass here.

Calls, in this order: `ProxiedConnection(plain)`, `start`, then exactly one of *opened* and *failed*; `attach` in *opened* or later
begins the reading.
"""

import asyncio
from collections.abc import Callable

from mailrail.model import NetError, NetTrouble
from mailrail.net.api import Connection, Receiver
from mailrail.net.proxy_header import ProxyHeaderError, read_header


class ProxiedConnection:
    """A Connection over one from a trusted proxy.

    Attributes:
        proxy: who opened the connection below.
        local, peer: of the connection below until *opened* is called, of the client's connection to the proxy from then on.
    """

    __slots__ = (
        "_data",
        "_failed",
        "_is_paused",
        "_loop",
        "_opened",
        "_plain",
        "_receiver",
        "_timer",
        "local",
        "peer",
        "proxy",
    )

    def __init__(self, plain: Connection) -> None:
        self.local = plain.local
        self.peer = self.proxy = plain.peer
        self._plain = plain
        self._data = b""  # the header as far as it has come, then what came behind it
        self._is_paused = False
        self._receiver: Receiver | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(
        self, opened: Callable[[], None], failed: Callable[[NetError], None], *, timeout_s: float
    ) -> None:
        """Begin to read the header; later exactly one of the two is called, neither after `close` or `abort`.

        Args:
            opened: the header is good; the place to `attach`, before which nothing more is read.
            failed: OTHER for a bad header, RESET for the end before it, TIMEOUT; the connection is closed.
            timeout_s: deadline of the whole header.
        """
        self._opened = opened
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(timeout_s, self._late)
        self._plain.attach(self)

    # -- the header ----------------------------------------------------------------------------

    def received(self, data: bytes, /) -> None:
        """Take a piece of the header; the reader bounds how much can be kept."""
        self._data += data
        try:
            header = read_header(self._data)
        except ProxyHeaderError as error:
            self._fail(NetError(NetTrouble.OTHER, f"PROXY: {error}"))
            return
        if header is None:
            return
        self._stop_timer()
        self._plain.pause()  # until somebody attaches, and has taken what came behind
        self._data = self._data[header.octets :]
        if header.client is not None and header.server is not None:
            self.peer, self.local = header.client, header.server
        self._opened()

    def writable(self) -> None:
        """Nothing is written before the header has come."""

    def ended(self, error: NetError | None, /) -> None:
        """Know that the proxy went away in the middle."""
        self._fail(
            error or NetError(NetTrouble.RESET, f"{self.proxy} closed before its PROXY header was whole")
        )

    def _late(self) -> None:
        self._fail(NetError(NetTrouble.TIMEOUT, f"no PROXY header from {self.proxy} in time"))

    def _fail(self, error: NetError) -> None:
        self.abort()
        self._failed(error)

    # -- the Connection ------------------------------------------------------------------------

    def attach(self, receiver: Receiver, /) -> None:
        """Hand everything from now on to *receiver*; only after `opened`."""
        self._receiver = receiver
        if self._data:
            self._loop.call_soon(self._give)
        else:
            self._plain.attach(receiver)
            self.resume()

    def _give(self) -> None:
        """Give out what came with the header, then let the plain connection go on."""
        if self._is_paused or self._receiver is None or not self._data:
            return
        data, self._data = self._data, b""
        receiver = self._receiver
        receiver.received(data)
        if self._receiver is receiver:  # neither closed nor handed on meanwhile
            self._plain.attach(receiver)
            if not self._is_paused:
                self._plain.resume()

    def write(self, data: bytes, /) -> bool:
        """Send *data*."""
        return self._plain.write(data)

    def pause(self) -> None:
        """Stop reading."""
        self._is_paused = True
        self._plain.pause()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        if self._data:
            self._loop.call_soon(self._give)
        else:
            self._plain.resume()

    def close(self, *, is_mutual: bool = False) -> None:
        """Send what waits, then close."""
        self._settle()
        self._plain.close(is_mutual=is_mutual)

    def abort(self) -> None:
        """Close now and drop what waits."""
        self._settle()
        self._plain.abort()

    @property
    def is_closed(self) -> bool:
        """Tell whether `close` or `abort` was called, or the connection is lost."""
        return self._plain.is_closed

    def _settle(self) -> None:
        self._receiver, self._data = None, b""
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
