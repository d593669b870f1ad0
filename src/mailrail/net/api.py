"""Floor 2 · net — the one door to the network: what every implementation promises.

Production (`net/sockets.py`) and memory (`sim/machine.py`) implement these
Protocols; one contract suite runs on both. Everything is called on the loop's thread.

A Connection hands bytes to one Receiver by plain calls: no task, no coroutine and no
future per read. Order of calls to a receiver: any number of `received` and `writable`, then
exactly one `ended`, after which nothing is called any more. No call happens inside a
call *to* the connection (`write`, `close` ...): they come later, from the loop.
While a connection is paused nothing is read, so its end is told after `resume`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from mailrail.model import NetError, value
from mailrail.net.identity import Identity, identity_of


@value
class Endpoint:
    """Where a socket is bound or goes to.

    Attributes:
        host: IP address (v4 or v6, canonical text), or the path of a Unix socket.
        port: 1 to 65535; 0 for a Unix socket, or "any free port" when listening.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read `192.0.2.1:25`, `[::]:25` or `unix:/path`.

        Raises:
            ValueError: it is none of these; the message names the mend.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/"):
                raise ValueError(f"{text!r} is not an address: write unix: and an absolute path")
            return cls(path, 0)
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdecimal()):
            raise ValueError(f'{text!r} has no port: write it like "0.0.0.0:25", "[::]:25" or "unix:/path"')
        if len(port) > 5 or int(port) > 65_535:
            raise ValueError(f"{port:.10} is not a port: write one from 1 to 65535")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not is_bracketed:
            raise ValueError(
                f'{text!r} is not clear: write an IPv6 address in brackets, like "[{host}]:{port}"'
            )
        try:
            address = ip_address(host[1:-1] if is_bracketed else host)
        except ValueError:
            raise ValueError(
                f"{host!r} is not an IP address: write 0.0.0.0 for every IPv4 address, [::] for every IPv6 one"
            ) from None
        return cls(str(address), int(port))

    @property
    def is_unix(self) -> bool:
        """Tell whether this is the path of a Unix socket."""
        return self.port == 0 and "/" in self.host

    def __str__(self) -> str:
        if self.is_unix:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What a finished handshake agreed on.

    Attributes:
        version: "TLSv1.2" or "TLSv1.3".
        cipher: OpenSSL's name of the suite.
        verified: the peer's certificate chain and name were checked and are good.
        peer_certificate: DER of the peer's leaf certificate, or None.
        own_certificate: DER of the one that we showed, on the server's side, where that is certain; else None.
        peer_chain: DER certificates as the peer sent them, leaf first; empty where unknown.
        alpn: the protocol agreed by ALPN, or None.
        server_name: what SNI asked for (server) or was asked (client), or None.
        resumed: an earlier session was taken up.
    """

    version: str
    cipher: str
    verified: bool = False
    peer_certificate: bytes | None = None
    peer_chain: tuple[bytes, ...] = ()
    alpn: str | None = None
    server_name: str | None = None
    resumed: bool = False
    own_certificate: bytes | None = None

    @property
    def peer_identity(self) -> Identity | None:
        """Whom the peer's certificate is for, if it was verified: what SASL EXTERNAL may go by (RFC 4422 §A)."""
        if not self.verified or self.peer_certificate is None:
            return None
        return identity_of(self.peer_certificate)

    def __str__(self) -> str:
        return f"{self.version} {self.cipher}"


class Receiver(Protocol):
    """Whoever the bytes of a connection are for."""

    def received(self, data: bytes, /) -> None:
        """Take bytes that arrived, at least one; called again for more unless paused."""
        ...

    def writable(self) -> None:
        """Go on writing: the output buffer has drained after a `write` returned False."""
        ...

    def ended(self, error: NetError | None, /) -> None:
        """Know that nothing more arrives.

        Args:
            error: None when the peer closed its side in good order (with TLS: by close_notify;
                what was not yet written may still be written until `close`); else what was lost,
                and the connection is already closed.
        """
        ...


class Connection(Protocol):
    """One stream of bytes each way, with bounded buffers.

    `local` and `peer` are fixed at birth; the nameless peer of a Unix socket gets the name of the socket.
    """

    local: Endpoint
    peer: Endpoint

    def attach(self, receiver: Receiver, /) -> None:
        """Hand everything from now on to *receiver*; reading begins with the first attach."""
        ...

    def write(self, data: bytes, /) -> bool:
        """Send *data* after all that was written before, at the latest when the loop's turn ends: whether it is lost is known then.

        Returns:
            False when more than the high-water mark waits: write no more until `writable`.
            Writing to a closed connection is no error: the bytes are dropped.
        """
        ...

    def pause(self) -> None:
        """Stop reading, so that the peer is slowed down; idempotent."""
        ...

    def resume(self) -> None:
        """Read again; idempotent."""
        ...

    def close(self, *, is_mutual: bool = False) -> None:
        """Send what waits, then close; `ended` is not called any more.

        Bounded in time. What the peer still sends is read and thrown away meanwhile, so that a
        reset does not overtake the last reply.

        Args:
            is_mutual: both sides have said goodbye (QUIT), or the peer has no word in it yet: no need to
                watch for what else may come.
        """
        ...

    def abort(self) -> None:
        """Close now and drop what waits; `ended` is not called any more. What was written in this turn is sent, if there is room.

        The cheapest end where nothing waits and nothing is owed, as for a client that has read its 221.
        """
        ...

    @property
    def is_closed(self) -> bool:
        """Tell whether `close` or `abort` was called, or the connection is lost."""
        ...


class Listener(Protocol):
    """A listening socket."""

    endpoint: Endpoint

    def close(self) -> None:
        """Accept no more; connections already made go on."""
        ...


class Datagrams(Protocol):
    """An unconnected UDP socket; what cannot be sent is lost silently, as datagrams are.

    `endpoint` is where it is bound: an address of ours (perhaps the wildcard) and the port.
    """

    endpoint: Endpoint

    def send(self, data: bytes, to: Endpoint, /) -> None:
        """Send one datagram."""
        ...

    def close(self) -> None:
        """Close; nothing is received any more."""
        ...


class Network(Protocol):
    """Makes listeners and connections."""

    def listen(
        self, endpoint: Endpoint, accept: Callable[[Connection], None], *, unix_mode: int = 0o600
    ) -> Listener:
        """Open a listening socket; each new connection is given to *accept*, which must attach a receiver.

        When descriptors run out, accepting rests for a moment instead of spinning (A73).

        Args:
            endpoint: where; port 0 takes any free one, told by `Listener.endpoint`.
            accept: called from the loop with each connection; nothing is read from it before `attach`.
            unix_mode: permission bits of the file, for a Unix socket.

        Raises:
            NetError: the address is taken, forbidden or not ours.
        """
        ...

    async def connect(self, endpoint: Endpoint, *, timeout_s: float, source: str | None = None) -> Connection:
        """Open a connection; nothing is read from it before `attach`.

        Args:
            timeout_s: after this many seconds it is a NetError(TIMEOUT).
            source: local IP address to bind, or None.

        Raises:
            NetError: REFUSED, UNREACHABLE, TIMEOUT, EXHAUSTED or OTHER.

        *Cancel-safe:* yes: the half-open socket is closed.
        """
        ...

    def datagrams(
        self, received: Callable[[bytes, Endpoint], None], *, ipv6: bool = False, bind: Endpoint | None = None
    ) -> Datagrams:
        """Open a UDP socket; *received* gets each datagram and its sender.

        Args:
            received: called from the loop, never from inside `send`.
            ipv6: which family, where *bind* does not say.
            bind: own address and port; default: every address, and a port that nobody can guess.

        Raises:
            NetError: the address is taken, or descriptors have run out.
        """
        ...
