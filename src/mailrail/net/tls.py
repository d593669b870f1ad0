"""Floor 2 · net — TLS over any Connection, driven by us through memory buffers.

The laws of this file:

1. The wrapper begins with empty buffers. What the plain connection delivered before `start` was never
   given to it and cannot come out of it as if it had been encrypted (RFC 3207 §4.2, CVE-2011-0411,
   CVE-2021-38371). Bytes that arrived behind a STARTTLS command belong to the caller, to refuse;
   those still in the system's buffers are read as a handshake here, and fail as one.
2. Nothing is delivered after the peer's close_notify (CVE-2026-45185), and an end of the stream without
   one is a loss (RESET), never a good end: somebody may have cut the stream.
3. A client that offers ALPN, but not ours, is refused with no_application_protocol (RFC 7301 §3.2, ALPACA).
4. As with every Connection: nothing is called inside a call.

Calls, in this order: `TlsConnection.server(...)` or `.client(...)`, `start`, then exactly one of *secured* and *failed*;
`attach` in *secured* or later begins the reading. A connection that was started is written to only through the wrapper.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Final, Self

from mailrail.model import NetError, NetTrouble
from mailrail.net.api import Connection, Receiver, TlsInfo
from mailrail.net.contexts import ServerContexts
from mailrail.net.hello import HelloError, HelloReader
from mailrail.net.sessions import SessionCache
from mailrail.net.tls_facts import tls_error, tls_info

_RECORD_BYTES: Final = 16 * 1024  # RFC 8446 §5.1: plaintext of one record; OpenSSL gives one record per read
_SMTP: Final = (b"smtp",)
_NO_APPLICATION_PROTOCOL: Final = 120  # RFC 7301 §3.2


class _Below:
    """What the plain connection talks to; keeps its three calls off the public face of TlsConnection."""

    __slots__ = ("ended", "received", "writable")

    def __init__(
        self,
        received: Callable[[bytes], None],
        writable: Callable[[], None],
        ended: Callable[[NetError | None], None],
    ) -> None:
        self.received = received
        self.writable = writable
        self.ended = ended


class TlsConnection:
    """A Connection whose bytes travel encrypted over another one."""

    __slots__ = (
        "_alpn",
        "_choked",
        "_closed",
        "_context",
        "_contexts",
        "_deaf",
        "_end",
        "_failed",
        "_full",
        "_hello",
        "_incoming",
        "_loop",
        "_outgoing",
        "_paused",
        "_plain",
        "_reader",
        "_receiver",
        "_secured",
        "_server_name",
        "_sessions",
        "_ssl",
        "_timer",
        "_up",
        "local",
        "peer",
    )

    def __init__(self, plain: Connection) -> None:
        """Use `server` or `client` instead."""
        self.local = plain.local
        self.peer = plain.peer
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl: ssl.SSLObject | None = None
        self._context: ssl.SSLContext | None = None  # client
        self._contexts: ServerContexts | None = None  # server
        self._alpn: tuple[bytes, ...] = ()
        self._hello = b""  # server: the ClientHello as far as it has come
        self._reader: HelloReader | None = None  # server: until the ClientHello is whole
        self._server_name: str | None = None
        self._sessions: SessionCache | None = None
        self._receiver: Receiver | None = None
        self._up = False  # the handshake is done
        self._paused = False
        self._choked = False  # the peer makes OpenSSL answer but does not read the answers
        self._full = False  # the receiver was told to wait
        self._closed = False
        self._deaf = False  # close_notify or a broken record: nothing more is decrypted (law 2)
        self._end: tuple[NetError | None] | None = None  # found, but not yet told
        self._timer: asyncio.TimerHandle | None = None  # runs while the handshake does

    @classmethod
    def server(
        cls, plain: Connection, contexts: ServerContexts | ssl.SSLContext, *, alpn: tuple[bytes, ...] = _SMTP
    ) -> Self:
        """Make the server's end, not yet started.

        Args:
            plain: the connection below; from `start` on it belongs to the wrapper.
            contexts: from `server_context`, or an SSLContext of your own.
            alpn: a client that uses ALPN must offer one of these.
        """
        tls = cls(plain)
        tls._contexts = ServerContexts(contexts) if isinstance(contexts, ssl.SSLContext) else contexts
        tls._alpn = alpn
        tls._reader = HelloReader()
        return tls

    @classmethod
    def client(
        cls,
        plain: Connection,
        context: ssl.SSLContext,
        server_name: str | None,
        *,
        sessions: SessionCache | None = None,
    ) -> Self:
        """Make the client's end, not yet started.

        Args:
            plain: the connection below; from `start` on it belongs to the wrapper.
            context: from `client_context`.
            server_name: host name (A-labels) or address for SNI and for checking; a final dot is dropped.
            sessions: where to look for, and leave, a session to resume.
        """
        tls = cls(plain)
        tls._context = context
        tls._server_name = server_name.rstrip(".") if server_name else None
        tls._sessions = sessions
        return tls

    def start(
        self,
        secured: Callable[[TlsInfo], None],
        failed: Callable[[NetError], None],
        *,
        timeout_s: float,
    ) -> None:
        """Begin the handshake; later exactly one of the two is called, neither after `close` or `abort`.

        Args:
            secured: the handshake is good; the place to `attach`, before which nothing is read.
            failed: with TLS (refused, garbage, cut off) or TIMEOUT; the connection is closed.
            timeout_s: deadline of the whole handshake.
        """
        assert not self._up
        assert not self._incoming.pending
        self._loop = asyncio.get_running_loop()
        self._secured = secured
        self._failed = failed
        self._timer = self._loop.call_later(timeout_s, self._late)
        self._plain.attach(_Below(self._take, self._drained, self._lost))
        self._plain.resume()
        if self._context is not None:
            self._loop.call_soon(self._open)

    # -- the Connection ------------------------------------------------------------------------

    def attach(self, receiver: Receiver, /) -> None:
        """Hand everything from now on to *receiver*; only after `secured`."""
        assert self._up
        self._receiver = receiver
        self._go_on()

    def write(self, data: bytes, /) -> bool:
        """Encrypt and send *data*; False when more than the high-water mark waits below."""
        if self._closed or not data:
            return True
        assert self._up
        assert self._ssl is not None
        try:
            sent = self._ssl.write(data)
            if sent < len(data):  # OpenSSL takes one record per call
                view = memoryview(data)
                while sent < len(data):
                    sent += self._ssl.write(view[sent:])
        except ssl.SSLError as error:  # after a broken record: the reading side tells it
            self._loop.call_soon(self._break, tls_error(error))
            return True
        self._full = not self._plain.write(self._outgoing.read())
        return not self._full

    def pause(self) -> None:
        """Stop reading."""
        self._paused = True
        self._plain.pause()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self._go_on()

    def close(self, *, is_mutual: bool = False) -> None:
        """Send what waits and close_notify, then close; the peer's own close_notify is always waited for."""
        if self._closed:
            return
        if self._up:
            self._say_goodbye()
        self._settle()
        self._plain.close()

    def abort(self) -> None:
        """Close now and drop what waits; the peer sees a cut stream."""
        if not self._closed:
            self._remember()
            self._settle()
            self._plain.abort()

    @property
    def is_closed(self) -> bool:
        """Tell whether `close` or `abort` was called, or the connection is lost."""
        return self._closed or self._plain.is_closed

    # -- the handshake -------------------------------------------------------------------------

    def _open(self) -> None:
        """Client: make the TLS object and send the ClientHello."""
        if self._closed or self._context is None:
            return
        name = self._server_name
        session = self._sessions.get(self._context, name) if self._sessions else None
        try:
            self._ssl = self._context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=name, session=session
            )
        except (ValueError, TypeError) as error:  # a name that cannot be one: empty or overlong label, NUL
            self._fail(NetError(NetTrouble.TLS, f"cannot ask for the name {name!r}: {error}"))
            return
        if name is None and self._context.check_hostname:
            # Python would take any name for checked then; only its sockets, not its objects, refuse that.
            self._fail(NetError(NetTrouble.TLS, "cannot check a certificate without a name"))
            return
        self._shake()

    def _greet(self, data: bytes) -> None:
        """Server: look at the ClientHello, pick the certificate, then let OpenSSL begin."""
        assert self._contexts is not None
        assert self._reader is not None
        self._hello += data
        try:
            hello = self._reader.feed(data)
            if hello is None:
                return
            if hello.protocols and not set(hello.protocols) & set(self._alpn):
                raise HelloError("no common application protocol", _NO_APPLICATION_PROTOCOL)  # noqa: TRY301
        except HelloError as error:
            if error.alert is not None:  # RFC 8446 §6: record type 21, level 2 is fatal
                self._plain.write(bytes((21, 3, 3, 0, 2, 2, error.alert)))
            self._fail(NetError(NetTrouble.TLS, str(error)))
            return
        self._server_name = hello.server_name
        context = self._contexts.for_name(hello.server_name)
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._hello)
        self._hello, self._reader = b"", None
        self._shake()

    def _shake(self) -> None:
        assert self._ssl is not None
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:  # a CertificateError is one too
            self._flush()  # the alert that tells the peer
            self._fail(tls_error(error))
            return
        self._flush()
        self._up = True
        self._stop_timer()
        own = self._contexts.certificate_of(self._ssl.context) if self._contexts is not None else None
        self._secured(tls_info(self._ssl, self._server_name, own))
        if self._receiver is None and not self._closed:
            self._plain.pause()  # until somebody attaches

    def _late(self) -> None:
        self._settle()
        self._plain.abort()
        self._failed(NetError(NetTrouble.TIMEOUT, f"TLS handshake with {self.peer} took too long"))

    def _fail(self, error: NetError) -> None:
        self._settle()
        self._plain.close()
        self._failed(error)

    # -- what comes from below -----------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        if self._closed or self._deaf:
            return
        if self._ssl is None and self._contexts is not None:
            self._greet(data)
            return
        self._incoming.write(data)
        if self._up:
            self._deliver()
        elif self._ssl is not None:
            self._shake()

    def _lost(self, error: NetError | None) -> None:
        if self._closed:
            return
        if not self._up:
            text = f"{self.peer} cut the TLS handshake off" + (f": {error}" if error else "")
            self._fail(NetError(NetTrouble.TLS, text))
        elif self._end is None:
            cut = NetError(NetTrouble.RESET, f"{self.peer} cut the stream off without a TLS close_notify")
            self._end = (error or cut,)
            self._choked = False  # nothing will drain any more
            self._go_on()

    def _drained(self) -> None:
        if self._choked:
            self._choked = False
            self._go_on()
        if self._full and self._receiver is not None:
            self._full = False
            self._receiver.writable()

    def _deliver(self) -> None:
        """Decrypt all that is there and hand it over in one piece, then the end if it has come."""
        if self._paused or self._receiver is None or self._ssl is None:
            return
        parts: list[bytes] = []
        try:
            # Asking first saves the exception that a read from an empty buffer would cost.
            while self._incoming.pending and not self._deaf:
                part = self._ssl.read(_RECORD_BYTES)
                if part:
                    parts.append(part)
                else:
                    self._hush(None)  # close_notify
        except ssl.SSLWantReadError:
            pass  # half a record
        except ssl.SSLZeroReturnError:
            self._hush(None)
        except ssl.SSLError as error:
            self._hush(tls_error(error))
        self._flush()
        if parts:
            self._receiver.received(parts[0] if len(parts) == 1 else b"".join(parts))
        if self._end is not None:
            self._tell_end()

    def _hush(self, error: NetError | None) -> None:
        self._deaf = True
        self._end = (error,)

    def _tell_end(self) -> None:
        if self._paused or self._receiver is None or self._end is None:
            return
        receiver, error = self._receiver, self._end[0]
        if error is None:  # the peer is done, we may still write
            self._receiver = None
            self._plain.pause()
        else:
            if error.trouble is not NetTrouble.TLS:
                self._remember()  # many servers never say close_notify
            self._settle()
            self._plain.close()  # carries the alert away; what still comes in is thrown away
        receiver.ended(error)

    def _break(self, error: NetError) -> None:
        if not self._closed and not self._deaf:
            self._hush(error)
            self._tell_end()

    def _flush(self) -> None:
        """Send what OpenSSL made by itself: handshake, tickets, key updates, alerts."""
        if self._outgoing.pending and not self._plain.write(self._outgoing.read()):
            self._choked = True
            self._plain.pause()

    def _go_on(self) -> None:
        """Read again, beginning with what came while nobody listened."""
        if self._closed or self._paused or self._choked or (self._up and self._receiver is None):
            return
        self._plain.resume()
        if self._incoming.pending or self._end is not None:
            self._loop.call_soon(self._deliver)

    def _say_goodbye(self) -> None:
        assert self._ssl is not None
        self._remember()
        with contextlib.suppress(ssl.SSLError):
            self._ssl.unwrap()  # fails because the peer's own has not come: nobody waits for that
        self._plain.write(self._outgoing.read())

    def _remember(self) -> None:
        if self._up and self._sessions is not None and self._context is not None and self._ssl is not None:
            self._sessions.put(self._context, self._server_name, self._ssl.session)

    def _settle(self) -> None:
        """Be closed; nothing is called any more."""
        self._closed = True
        self._receiver = None
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
