"""Floor 2 · server — listeners, their sessions, and the sweep that watches the clock for all of them."""

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Self

from mailrail.model import Clock, NetError, QueueIds, Reply, SystemClock
from mailrail.model import reply as say
from mailrail.net import (
    Connection,
    Endpoint,
    Listener,
    Network,
    ProxiedConnection,
    ServerContexts,
    SocketNetwork,
    TlsConnection,
    TlsInfo,
)
from mailrail.observe import Bus
from mailrail.server.board import Seat
from mailrail.server.events import ClientTold, ConnectionRefused, SessionFailed, SessionOpened, SessionSecured
from mailrail.server.gate import ConnectionGate, Networks, is_named
from mailrail.server.line import HandlerFactory, Line
from mailrail.server.port import Port
from mailrail.server.session import Result, Session
from mailrail.server.settings import ServerSettings
from mailrail.smtp import ServerConnection

# Sessions that have more to say than one turn holds, served in one go of the loop: all of them together
# keep it for a millisecond, however many they are.
_TURNS_AT_ONCE: Final = 2
SWEEP_S: Final = 1.0  # how often deadlines are looked at; a deadline is kept to this precision


class Server:
    """Serves SMTP or LMTP to a Handler.

    Example:
        async with Server(MyHandler, hostname="mx.example.org", listen="127.0.0.1:2525"):
            await asyncio.Event().wait()

    Args:
        handler: makes a Handler for each session; a Handler class will do.
        hostname: our own name, said in the greeting.
        listen: "host:port" for a single plain listener; `listen_on` adds others.
        settings: limits and deadlines.
        tls: certificates for STARTTLS and implicit TLS, or None.
        trusted: networks exempt from the limits on one client.
        network, clock, bus: the world; real by default.
        seat: where other processes that serve the same addresses are seen; None: there are none.
    """

    def __init__(
        self,
        handler: HandlerFactory,
        *,
        hostname: str,
        listen: str = "",
        settings: ServerSettings | None = None,
        tls: ServerContexts | None = None,
        trusted: Networks = (),
        network: Network | None = None,
        clock: Clock | None = None,
        bus: Bus | None = None,
        seat: Seat | None = None,
    ) -> None:
        settings = settings or ServerSettings()
        self.limits = settings.limits
        self.timeouts = settings.timeouts
        self.bus = bus or Bus()
        self.loop: asyncio.AbstractEventLoop
        self._handler = handler
        self._hostname = hostname
        self._listen = listen
        self._tls = tls
        self._network = network
        self.clock = clock or SystemClock()
        self._ids = QueueIds(self.clock, node=seat.number if seat else 0)
        self._gate = ConnectionGate(settings.limits, trusted, seat)
        self._listeners: list[Listener] = []
        self._lines: list[Line] = []  # of each listener
        self._sessions: dict[Session, Port] = {}
        self._handshakes: set[TlsConnection] = set()
        self._headers: set[ProxiedConnection] = set()
        self._tasks: set[asyncio.Future[Result]] = set()
        self._behind: deque[Session] = deque()
        self._turns: asyncio.Handle | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
        self._is_draining = False

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the server listens, with the ports it really got."""
        return tuple(listener.endpoint for listener in self._listeners)

    @property
    def session_count(self) -> int:
        """Sessions now."""
        return len(self._sessions)

    def start(self) -> None:
        """Open the listener given to the constructor, and be ready for more.

        Raises:
            NetError: the address is taken or not ours.
            ValueError: `listen` is not an address.
        """
        self.loop = asyncio.get_running_loop()
        if self._network is None:
            self._network = SocketNetwork()
        self._gate.take(is_taking=True)
        if self._listen:
            self.listen_on(Port(endpoint=Endpoint.parse(self._listen)))

    def listen_on(self, port: Port, handler: HandlerFactory | None = None) -> Endpoint:
        """Open one more listener, after `start`; return where it listens.

        Args:
            port: the address and how it behaves.
            handler: for its sessions; None takes the server's.

        Raises:
            NetError: the address is taken or not ours.
            ValueError: TLS is wanted, but the server has no certificates, or none that ask clients so.
        """
        assert self._network is not None
        if port.implicit_tls and self._tls is None:
            raise ValueError(f"{port.endpoint}: TLS from the first byte needs certificates: give tls=")
        self._check_asking(self._tls, port)
        place = len(self._lines)
        listener = self._network.listen(
            port.endpoint, lambda connection: self._accept(connection, self._lines[place])
        )
        self._listeners.append(listener)
        self._lines.append(self._line(port, handler or self._handler))
        self._gate.exempt(port.xclient_from)
        return listener.endpoint

    def use(
        self, settings: ServerSettings, trusted: Networks, lines: Sequence[tuple[Port, HandlerFactory]]
    ) -> None:
        """Go by these from now on; sessions that run keep their handler and what they were offered.

        *lines* say what each listener does, in the order in which they were opened, with endpoint and TLS as they are.
        """
        self.limits, self.timeouts = settings.limits, settings.timeouts
        self._gate.use(settings.limits, trusted, [one for port, _ in lines for one in port.xclient_from])
        for place, (port, handler) in enumerate(lines):
            self._lines[place] = self._line(port, handler)

    def _line(self, port: Port, handler: HandlerFactory) -> Line:
        can_bind = bool(self._tls and self._tls.can_bind)
        return Line.of(port, handler, self._hostname, self.limits, can_bind=can_bind)

    def has_session_from(self, moment_s: float) -> bool:
        """Tell whether a session is still there that was opened by *moment_s* of the loop's time."""
        return any(session.opened_s <= moment_s for session in self._sessions)

    def use_certificates(self, tls: ServerContexts) -> None:
        """Take *tls* for every handshake that begins from now on; running sessions keep what they have.

        Raises:
            ValueError: a listener asks for client certificates, and *tls* was not loaded with that.
        """
        for line in self._lines:
            self._check_asking(tls, line.port)
        self._tls = tls

    def _check_asking(self, tls: ServerContexts | None, port: Port) -> None:
        try:
            if tls is not None:
                tls.asking(port.client_certificates)
        except LookupError:
            text = "its client_certificates must be among those given to server_context(..., ask=)"
            raise ValueError(f"{port.endpoint}: {text}") from None

    # --- New connections ------------------------------------------------------------------

    def _accept(self, connection: Connection, line: Line) -> None:
        if line.port.proxy_from is None:
            self._admit(connection, line)
        else:
            self._await_header(connection, line, line.port.proxy_from)

    def _await_header(self, plain: Connection, line: Line, proxies: Networks) -> None:
        """Let a proxy say whom it speaks for; the limits are for that client (A42)."""
        if not is_named(plain.peer, proxies):
            self._turn_away(plain, say.PROXIES_ONLY, line.port)
            return
        if self._gate.total + len(self._headers) >= self.limits.connections:
            self._turn_away(plain, say.TOO_MANY_CONNECTIONS, line.port)
            return
        proxied = ProxiedConnection(plain)
        self._headers.add(proxied)

        def opened() -> None:
            self._headers.discard(proxied)
            if proxied.peer is not proxied.proxy:
                self.bus.emit(ClientTold(client=str(proxied.peer), proxy=proxied.proxy.host, means="PROXY"))
            self._admit(proxied, line)

        def failed(error: NetError) -> None:
            self._headers.discard(proxied)
            self.bus.emit(ConnectionRefused(client=proxied.proxy.host, reply=str(error)))

        proxied.start(opened, failed, timeout_s=self.timeouts.handshake_s)

    def _admit(self, connection: Connection, line: Line) -> None:
        if self._is_draining:  # it was accepted before the listener closed
            self._turn_away(connection, say.SHUTTING_DOWN, line.port)
            return
        refusal = self._gate.enter(connection.peer.host, self.loop.time())
        if refusal is not None:
            self._turn_away(connection, refusal, line.port)
            return
        self._watch()
        if line.port.implicit_tls:
            self._shake_hands(
                connection,
                line.port,
                lambda tls, info: self._open(tls, line, info),
                lambda error: self._no_session(connection, f"TLS: {error}"),
            )
        else:
            self._open(connection, line, None)

    def _turn_away(self, connection: Connection, refusal: Reply, port: Port) -> None:
        if not port.implicit_tls:
            connection.write(refusal.wire)
        # At once: while it lingered it would hold a descriptor that no limit counts, and a flood takes thousands.
        connection.close(is_mutual=True)
        self.bus.emit(ConnectionRefused(client=connection.peer.host, reply=str(refusal)))

    def _no_session(self, connection: Connection, reason: str) -> None:
        self._gate.leave(connection.peer.host)
        self.bus.emit(ConnectionRefused(client=connection.peer.host, reply=reason))

    def _open(self, connection: Connection, line: Line, tls: TlsInfo | None) -> None:
        is_trusted = self._gate.is_trusted(connection.peer.host)
        offers = line.offers if self._tls is not None else line.offers_in_clear
        core = ServerConnection(self.limits, offers, is_lmtp=line.port.is_lmtp, is_tls=tls is not None)
        core.may_run_ahead = is_trusted
        core.is_stranger = self._gate.is_stranger(connection.peer.host)
        if line.port.xclient_from:
            core.takes_xclient = is_named(connection.peer, line.port.xclient_from)
        session_id = self._ids.make()
        try:
            session = Session(
                self,
                connection,
                core,
                line.handler,
                session_id=session_id,
                is_lmtp=line.port.is_lmtp,
                is_trusted=is_trusted,
                tls=tls,
            )
        except Exception as error:
            self._handler_failed(connection, session_id, error)
            return
        self._sessions[session] = line.port
        self._watch()
        if self.bus.wants(SessionOpened):
            self.bus.emit(
                SessionOpened(
                    session=session.session_id, client=str(session.peer), listener=str(session.local)
                )
            )
        if tls is not None:
            self._tell_secured(session, tls)
        connection.attach(session)
        session.greet()
        if self._is_draining:  # a handshake ended during the drain
            session.drain()

    def _handler_failed(self, connection: Connection, session_id: str, error: Exception) -> None:
        """Turn a client away because no Handler could be made for it (STYLE §18)."""
        connection.write(say.INTERNAL_421.wire)
        connection.close()
        self._gate.leave(connection.peer.host)
        trace = "".join(traceback.format_exception(error))
        self.bus.emit(
            SessionFailed(session=session_id, client=connection.peer.host, step="handler", trace=trace)
        )

    def _tell_secured(self, session: Session, tls: TlsInfo) -> None:
        if self.bus.wants(SessionSecured):
            self.bus.emit(
                SessionSecured(
                    session=session.session_id,
                    client=session.peer.host,
                    tls=str(tls),
                    server_name=tls.server_name or "",
                    client_certificate=str(tls.peer_identity or ""),
                    is_resumed=tls.resumed,
                )
            )

    def _shake_hands(
        self,
        plain: Connection,
        port: Port,
        secured: Callable[[TlsConnection, TlsInfo], None],
        failed: Callable[[NetError], None],
    ) -> None:
        assert self._tls is not None
        tls = TlsConnection.server(plain, self._tls.asking(port.client_certificates))
        self._handshakes.add(tls)

        def done(info: TlsInfo) -> None:
            self._handshakes.discard(tls)
            secured(tls, info)

        def broken(error: NetError) -> None:
            self._handshakes.discard(tls)
            failed(error)

        tls.start(done, broken, timeout_s=self.timeouts.handshake_s)

    # --- What sessions ask of us ------------------------------------------------------------

    def start_tls(self, session: Session) -> None:
        """Begin the handshake on the session's connection."""

        def secured(tls: TlsConnection, info: TlsInfo) -> None:
            tls.attach(session)
            session.secured(tls, info)
            self._tell_secured(session, info)

        self._shake_hands(session.connection, self._sessions[session], secured, session.ended)

    def speaks_for(self, session: Session, client: Endpoint) -> Reply | None:
        """Count the session as *client*'s from now on, or return the reply that ends it."""
        refusal = self._gate.speaks_for(session.peer.host, client.host, self.loop.time())
        if refusal is None:
            told = ClientTold(
                session=session.session_id, client=str(client), proxy=session.peer.host, means="XCLIENT"
            )
            self.bus.emit(told)
            session.is_trusted = self._gate.is_trusted(client.host)
            session.core.is_stranger = self._gate.is_stranger(client.host)
        return refusal

    def spawn(self, work: Awaitable[Result]) -> "asyncio.Future[Result]":
        """Run a handler's coroutine; the server keeps the task until it is done."""
        task = asyncio.ensure_future(work, loop=self.loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def behind(self, session: Session) -> None:
        """Let the session go on when those that are behind for longer had their turn."""
        self._behind.append(session)
        self._plan_turns()

    def _plan_turns(self) -> None:
        if self._behind and self._turns is None:
            self._turns = self.loop.call_soon(self._next_turns)

    def _next_turns(self) -> None:
        self._turns = None
        try:
            for _ in range(min(_TURNS_AT_ONCE, len(self._behind))):
                self._behind.popleft().go_on()
        finally:
            self._plan_turns()

    def gone(self, session: Session) -> None:
        """Forget a session that has ended."""
        self._sessions.pop(session, None)
        self._gate.leave(session.peer.host)
        if self._empty is not None and not self._sessions and not self._empty.done():
            self._empty.set_result(None)

    def _watch(self) -> None:
        """Look after deadlines every second, as long as there is somebody to look after."""
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self.loop.time()
        for session in tuple(self._sessions):
            session.check(now)
        if self._sessions:
            self._watch()

    # --- The end ----------------------------------------------------------------------------

    async def stop(self, grace_s: float | None = None) -> None:
        """Accept no more, let running transactions finish, then close (RFC 5321 §3.8).

        Args:
            grace_s: how long they may take; None takes the setting.

        *Cancel-safe:* yes: what is left is closed at once.
        """
        self._is_draining = True
        self._gate.take(is_taking=False)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for session in tuple(self._sessions):
            session.drain()
        try:
            if self._sessions:
                self._empty = self.loop.create_future()
                async with asyncio.timeout(self.timeouts.drain_s if grace_s is None else grace_s):
                    await self._empty
        except TimeoutError:
            pass
        finally:
            self._close_all()

    def _close_all(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for session in tuple(self._sessions):
            session.close_with(say.SHUTTING_DOWN)
        for handshake in tuple(self._handshakes):
            handshake.abort()
        for proxied in tuple(self._headers):
            proxied.abort()
        for task in tuple(self._tasks):
            task.cancel()
