"""Floor 2 · client — one ClientConnection on one net Connection: bytes both ways, one timer, one who waits.

No task and no timer per command: the one timer is moved on by setting a number, and looks when it
rings whether it was meant. Whatever goes wrong ends the session for good: what a broken session
may still receive is never taken for the reply to anything.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from mailrail.client.errors import SessionError, SessionFailed
from mailrail.client.settings import ClientSettings
from mailrail.client.terms import SessionTerms
from mailrail.model import NetError, NetTrouble, RemoteProtocolError, Reply
from mailrail.net import Connection, TlsInfo, secure
from mailrail.smtp import Answered, ClientConnection, ClientEvent, ClientState, Stage

_NEVER: Final = float("inf")
_OVER: Final = ClientState.OVER  # bound once: Python 3.11 takes 70 ns to find a member in its class
_MAY_QUIT: Final = frozenset(
    {ClientState.UNWELCOME, ClientState.GREETED, ClientState.IDLE, ClientState.SPENT}
)


class Wire:
    """Receives for a ClientConnection; one coroutine at a time waits for its events, or one call-back for the next.

    Attributes:
        protocol: the session's core.
        connection: where its bytes go; replaced by the one above it when TLS comes up.
        tls: what the handshake agreed on, or None in the clear.
        error: why the session is over, or None.
        now_s: loop time, while *behind* is called.
        is_full: the last write asked to wait for `room`.
        behind: called when the envelope of another message may leave behind the content that is about to; does not raise.
    """

    __slots__ = (
        "_came", "_deadline", "_events", "_latest", "_loop", "_rings", "_stage", "_timer", "_waiter", "_waits",
        "behind", "connection", "error", "is_full", "now_s", "protocol", "tls",
    )  # fmt: skip

    def __init__(self, connection: Connection, protocol: ClientConnection, settings: ClientSettings) -> None:
        self.protocol = protocol
        self.connection = connection
        self.tls: TlsInfo | None = None
        self.error: SessionError | None = None
        self.now_s = 0.0
        self.is_full = False
        self.behind: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._waits = settings.by_stage()
        self._stage = Stage.CONNECT
        self._events: deque[ClientEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._came: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings = _NEVER  # when the timer does
        self._deadline = _NEVER
        self._latest = _NEVER

    # --- for the session -------------------------------------------------------------

    def attach(self) -> None:
        """Begin to listen."""
        self.connection.attach(self)
        self.flush()

    async def secure(self, terms: SessionTerms, timeout_s: float) -> None:
        """Bring TLS up.

        Raises:
            SessionFailed: at stage TLS.
        """
        assert terms.context is not None
        self._stop_timer()
        try:
            tls, self.tls = await secure(
                self.connection,
                terms.context,
                terms.server_name,
                timeout_s=timeout_s,
                sessions=terms.tls_sessions,
            )
        except NetError as error:
            self.error = SessionFailed(Stage.TLS, error.trouble, str(error))
            raise self.error from error
        self.connection = tls

    async def event(self) -> ClientEvent:
        """Wait for the next event.

        Raises:
            SessionError: the session is over; it was, if an event still waits that is returned first.

        *Cancel-safe:* no: abort the session.
        """
        while not self._events:
            await self._waiting()
        return self._events.popleft()

    def start(self, came: Callable[[], None], behind: Callable[[], None] | None, seconds: float) -> bool:
        """Go on, and call *came* once, from the loop: `next_event` has something to tell.

        Args:
            behind: as the attribute.
            seconds: as of `limit`.

        Returns:
            False: an event waits, or the session is over; nothing was done.
        """
        if self._events or self.error is not None:
            return False
        self._came, self.behind = came, behind
        now_s = self._loop.time()
        self._latest = now_s + seconds
        self._go_on(now_s)
        return True

    def next_event(self) -> ClientEvent:
        """Return the event of which `start` told.

        Raises:
            SessionError: there is none, for the session is over.
        """
        self.behind = None
        if self._events:
            return self._events.popleft()
        assert self.error is not None, "only an event or the end is told of"
        raise self.error

    async def answer(self) -> Reply:
        """Wait for the reply to a command outside a transaction."""
        event = await self.event()
        assert isinstance(event, Answered), event
        return event.reply

    async def room(self) -> None:
        """Wait until the output has drained, or an event came."""
        while self.is_full and not self._events:
            await self._waiting()

    def has_event(self) -> bool:
        """Tell whether an event waits."""
        return bool(self._events)

    def limit(self, seconds: float) -> None:
        """Bound everything from now on by *seconds* in total; infinity lifts the bound."""
        self._latest = self._loop.time() + seconds

    def go_on(self) -> None:
        """Write content that is due, with the envelope of the next message behind it if there is one."""
        self._go_on(self._loop.time())

    def flush(self) -> None:
        """Write what the core has to say, and wait no longer than allowed for what it awaits."""
        self._flush(self._loop.time())

    def abort(self) -> None:
        """Close now; nothing more is received."""
        self._stop_timer()
        self._came = None
        self.connection.abort()
        self.error = self.error or SessionFailed(self._stage, None, "the session was aborted")

    def say_goodbye(self) -> None:
        """Say QUIT where it is in order, and close without waiting for the answer."""
        if self.error is None and self.protocol.state in _MAY_QUIT:
            self.protocol.quit()
            self.flush()
            self._stop_timer()
            self.connection.close()
            self.error = SessionFailed(Stage.QUIT, None, "the session was closed")
        else:
            self.abort()

    # --- for the connection ----------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        protocol = self.protocol
        try:
            protocol.receive(data)
            while (event := protocol.next_event()) is not None:
                self._events.append(event)
        except RemoteProtocolError as error:
            self._fail(None, str(error))
            return
        if not self._events:
            self._go_on(self._loop.time())
            return
        # With the end of one message came the go-ahead for the next: whoever waits for that end takes note
        # of it first, and goes on with the next, and its content, by `go_on`. Who is called does so at once.
        came, self._came = self._came, None
        if came is not None:
            self._deadline = _NEVER
        elif not protocol.may_follow():
            self.go_on()
        if protocol.state is _OVER:
            self.abort()
        self._tell(came)

    def writable(self) -> None:
        """Go on writing."""
        self.is_full = False
        if not self._events:  # whoever takes note of one goes on, with what is due behind it
            self.flush()
        self._wake()

    def ended(self, error: NetError | None) -> None:
        """Know that the peer is gone."""
        if self.protocol.state is _OVER:
            return
        trouble = error.trouble if error else NetTrouble.RESET
        self._fail(trouble, str(error) if error else f"{self.connection.peer} closed the connection")

    # --- writing and waiting ---------------------------------------------------------

    def _go_on(self, now_s: float) -> None:
        behind = self.behind
        if behind is not None and self.protocol.may_follow():
            self.behind, self.now_s = None, now_s
            behind()
        self._flush(now_s)

    def _flush(self, now_s: float) -> None:
        """Write, and set the deadline for what is awaited now; the timer is only touched when it would ring too late."""
        protocol = self.protocol
        data = protocol.data_to_send()
        if data and not self.connection.write(data):
            self.is_full = True
        stage = protocol.awaiting()
        if stage is None:
            self._deadline = _NEVER
            return
        self._stage = stage
        deadline = now_s + self._waits[stage]
        if deadline > self._latest:
            deadline = self._latest
        self._deadline = deadline
        if self._rings > deadline:
            self._set_timer(deadline)

    def _waiting(self) -> asyncio.Future[None]:
        """Return what ends with the next event, or when the output has drained."""
        if self.error is not None:
            raise self.error
        if self.protocol.state is _OVER:
            raise SessionFailed(self._stage, None, "the session is over")
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _tell(self, came: Callable[[], None] | None) -> None:
        """Let whoever waits for an event know that there is one, or will be none."""
        if came is None:
            self._wake()
        else:
            came()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, trouble: NetTrouble | None, text: str) -> None:
        """End the session; remember what was settled of the transaction under way."""
        if self.error is None:
            transaction = self.protocol.transaction
            replies = tuple(transaction.replies) if transaction else ()
            stages = tuple(transaction.stages) if transaction else ()
            self.error = SessionFailed(self._stage, trouble, text, replies, stages)
        came = self._came
        self.abort()
        self._tell(came)

    def _set_timer(self, deadline: float) -> None:
        self._stop_timer()
        self._timer, self._rings = self._loop.call_at(deadline, self._ring), deadline

    def _ring(self) -> None:
        self._timer, self._rings = None, _NEVER
        if self._deadline == _NEVER:
            return
        # A loop may ring one tick of its clock early.
        if self._loop.time() + 0.01 < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._fail(
                NetTrouble.TIMEOUT, f"no answer from {self.connection.peer} at {self._stage.value} in time"
            )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._rings = None, _NEVER
