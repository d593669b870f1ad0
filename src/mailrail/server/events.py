"""Floor 2 · server — the facts of a session."""

from typing import ClassVar

from mailrail.observe import Event, Level


class SessionOpened(Event, frozen=True, kw_only=True):
    """A client connected."""

    level: ClassVar[Level] = Level.DEBUG
    client: str
    listener: str


class ClientTold(Event, frozen=True, kw_only=True):
    """A trusted proxy said whom it speaks for; from here on the session counts as that client's.

    Attributes:
        client: address and port of the client.
        proxy: address of the proxy.
        means: PROXY, or XCLIENT.
    """

    level: ClassVar[Level] = Level.DEBUG
    client: str
    proxy: str
    means: str


class SessionSecured(Event, frozen=True, kw_only=True):
    """A TLS handshake with a client went well.

    Attributes:
        tls: version and cipher.
        server_name: what the client asked for by SNI.
        client_certificate: whom its certificate is for, if it showed one that was verified.
        is_resumed: an earlier session was taken up.
    """

    level: ClassVar[Level] = Level.DEBUG
    client: str
    tls: str
    server_name: str = ""
    client_certificate: str = ""
    is_resumed: bool = False


class SessionClosed(Event, frozen=True, kw_only=True):
    """A session ended; counters say what it did.

    Attributes:
        user: who had logged in, "" for nobody.
    """

    client: str
    hello: str = ""
    user: str = ""
    messages: int = 0
    errors: int = 0
    seconds: float = 0.0
    reason: str = ""
    tls: str = ""


class ConnectionRefused(Event, frozen=True, kw_only=True):
    """A connection was turned away by a limit before a session began."""

    client: str
    reply: str


class CommandRefused(Event, frozen=True, kw_only=True):
    """A command or a message was refused with 4yz or 5yz.

    Attributes:
        step: what was asked, or "command" for a syntax, an order or a size that is refused unasked.
        reply: what the client was told.
    """

    client: str
    step: str
    reply: str


class SessionFailed(Event, frozen=True, kw_only=True):
    """Our own code raised; the client was told to try later."""

    level: ClassVar[Level] = Level.ERROR
    client: str
    step: str
    trace: str
