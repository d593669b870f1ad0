"""Floor 2 · server — one session: bytes from a connection through the core to a handler, and back.

The shell of `smtp.ServerConnection`. Everything happens in call-backs of the loop: no task and no
timer belongs to a session. A task is made only for a handler that answers with a coroutine;
deadlines are looked at by the server's one sweep a second (`check`).

One answer at a time: while the handler thinks, what arrives is kept by the core, and
reading stops once that is more than a window full. Replies of a batch leave in one write. A client that has
sent many commands at once is served in turns, so that it cannot keep the loop for itself; nothing more is read of it
until it has had them.

Over the house's 450 lines on purpose: waiting for the handler, for the client and for the end touch
the same few switches, and are right only when read together.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from mailrail.message import protocol_keyword
from mailrail.model import SECOND_US, Clock, MailrailError, NetError, Reply, instant_text
from mailrail.model import reply as say
from mailrail.net import Connection, Endpoint, TlsInfo
from mailrail.observe import Bus
from mailrail.promise import Promise
from mailrail.server.events import CommandRefused, SessionClosed, SessionFailed
from mailrail.server.handler import Handler, Transaction
from mailrail.server.settings import LimitSettings, TimeoutSettings
from mailrail.smtp import (
    Auth,
    AuthCancelled,
    AuthResponse,
    Chunk,
    DataStart,
    EndOfData,
    Event,
    Hello,
    Mail,
    MailParameters,
    Rcpt,
    Refused,
    Reset,
    ServerConnection,
    StartTls,
    State,
    Verify,
    Xclient,
)

WINDOW: Final = 256 * 1024  # octets kept while the handler thinks, before the client must wait
TURN: Final = 32  # commands of one client before the others have their turn: half a millisecond
_TURNS: Final = range(TURN)

# What a session waits for before it goes on, as bits of one number: it is looked at several times for each read.
_WAITING: Final = 1  # for the handler's answer
_BEHIND: Final = 2  # for the other sessions to have their turn
_STALLED: Final = 4  # for the client to read its replies
_LATE: Final = 8  # for a delay that its mistakes have earned
_NO_COMMANDS: Final = _WAITING | _BEHIND  # nothing new is taken, but what was said may leave
_SILENT: Final = _STALLED | _LATE  # nothing leaves either

_NOBODY: Final = "0.0.0.0"  # noqa: S104 - a client whose address the proxy does not know: in nobody's network

Result = Reply | Sequence[Reply] | None


class Host(Protocol):
    """What a session needs of the server that it belongs to."""

    limits: LimitSettings
    timeouts: TimeoutSettings
    bus: Bus
    clock: Clock
    loop: asyncio.AbstractEventLoop

    def start_tls(self, session: "Session") -> None:
        """Begin the handshake on the session's connection."""
        ...

    def speaks_for(self, session: "Session", client: Endpoint) -> Reply | None:
        """Count the session, and trust it, as *client*'s from now on, or return the reply that ends it."""
        ...

    def spawn(self, work: Awaitable[Result]) -> "asyncio.Future[Result]":
        """Run a coroutine as a task that the server owns."""
        ...

    def behind(self, session: "Session") -> None:
        """Call its `go_on` when the others had their turn."""
        ...

    def gone(self, session: "Session") -> None:
        """Forget a session that has ended."""
        ...


class Session:
    """One client, from its connection to the close.

    Attributes: see `SessionFacts`.
    """

    __slots__ = (
        "_active", "_data_from", "_data_since", "_errors_answered", "_has_ended", "_holds", "_host",
        "_is_gone", "_is_leaving", "_is_lmtp", "_is_paused", "_make_handler", "_reason", "_received",
        "_seen", "_stalled_since", "_told_hello", "_waited_event", "_waits", "_waits_since",
        "auth_mechanisms", "connection", "core", "handler", "is_trusted", "local", "messages", "opened_s",
        "peer", "session_id", "tls", "transaction", "user",
    )  # fmt: skip

    def __init__(
        self,
        host: Host,
        connection: Connection,
        core: ServerConnection,
        handler: Callable[["Session"], Handler],
        *,
        session_id: str,
        is_lmtp: bool,
        is_trusted: bool,
        tls: TlsInfo | None = None,
    ) -> None:
        self.session_id = session_id
        self.peer: Endpoint = connection.peer
        self.local: Endpoint = connection.local
        self.user = ""
        self.auth_mechanisms = core.auth_mechanisms
        self.tls = tls
        self.transaction: Transaction | None = None
        self.is_trusted = is_trusted
        self.connection = connection
        self.core = core
        self.messages = 0
        self._host = host
        self._is_lmtp = is_lmtp
        self.opened_s = self._active = host.loop.time()
        self._waits: asyncio.Future[Result] | Promise[Result] | None = None
        self._waited_event: Event | None = None
        self._waits_since = 0.0  # by the sweep that saw it first
        self._holds = 0
        self._is_paused = False
        self._stalled_since = 0.0
        self._is_leaving = False  # to be closed as soon as nothing is owed to the client
        self._has_ended = False  # the client's side was closed
        self._received = 0
        self._seen = 0  # how much of it at the last sweep
        self._data_since = 0.0  # by the sweep that saw it first
        self._data_from = 0
        self._errors_answered = 0
        self._is_gone = False
        self._reason = "lost"
        self._told_hello = ""  # by XCLIENT
        self._make_handler = handler
        self.handler = handler(self)

    # --- Facts for the handler ------------------------------------------------------------

    @property
    def hello_name(self) -> str:
        """What the client calls itself; "" before EHLO."""
        return self._told_hello or self.core.hello_name

    @property
    def protocol(self) -> str:
        """The word for Received (RFC 3848)."""
        transaction = self.transaction
        return protocol_keyword(
            lmtp=self._is_lmtp,
            extended=self.core.is_esmtp,
            utf8=transaction is not None and transaction.parameters.smtputf8,
            tls=self.tls is not None,
            auth=bool(self.user),
        )

    # --- From the connection ----------------------------------------------------------------

    def greet(self) -> None:
        """Say the banner as soon as the handler has decided on it."""
        try:
            answer = self.handler.connect()
        except Exception as error:
            self._take(self._failed("connect", error), None)
        else:
            self._answered_by(answer, None)
        self._go_on()

    def writable(self) -> None:
        """Go on after the client has read its replies."""
        self._holds &= ~_STALLED
        self._active = self._host.loop.time()
        self._go_on()

    def ended(self, error: NetError | None, /) -> None:
        """Know that the client is gone; a message whose end had arrived is still kept (A43)."""
        self._reason = "closed by the client" if error is None else str(error)
        if self._holds & _NO_COMMANDS and error is None:
            self._has_ended = self._is_leaving = True  # it may still read the answer to its last command
            self._holds &= ~_STALLED  # nobody will tell us that it reads; nor does anything more come in
            return
        self._close()

    # --- Events to the handler, answers to the core -------------------------------------------

    def received(self, data: bytes, /) -> None:
        """Take bytes from the client; deal with what is there for a turn, or until somebody must be waited for."""
        self._received += len(data)  # which tells the sweep that it is active
        core = self.core
        if self._holds:
            core.receive(data)
            self._hold_back()
            return
        for _ in _TURNS:
            try:
                event = core.next_event(data)
            except Exception as error:
                self._failed("core", error)
                core.close_with(say.INTERNAL_421)  # a client that hears nothing would wait for its deadline
                break
            if event is None:
                break
            data = b""
            step, done = _STEPS[type(event)]
            try:
                answer = step(self, event)
                if type(answer) is Reply and core.asked is not None:
                    # What nearly every step comes to: as `_settle` does, in two calls less.
                    if not core.reply(answer):
                        self._refused(event, answer)
                    elif done is not None:
                        done(self, event)
                    if core.is_dry:
                        break
                    continue
            except Exception as error:
                answer = self._failed(type(event).__name__, error)
            if answer is not None or core.asked is not None:
                self._answered_by(answer, event)
                if self._waits is not None:
                    break
        else:
            self._let_others()
        self._flush()

    def _go_on(self) -> None:
        """Deal with what is there already, now that less is waited for."""
        if self._holds:
            if not self._holds & _SILENT:
                self._flush()
            return
        self.received(b"")
        if self._is_paused and not self._holds & _NO_COMMANDS and self.core.buffered <= WINDOW:
            self._is_paused = False
            self.connection.resume()

    def _hold_back(self) -> None:
        """Read no more than a window while something else is waited for, and nothing before a turn."""
        if (self._holds & _BEHIND or self.core.buffered > WINDOW) and not self._is_paused:
            self._is_paused = True
            self.connection.pause()

    def _let_others(self) -> None:
        """Go on when the other sessions had their turn."""
        if not self.core.is_over:
            self._holds |= _BEHIND
            self._hold_back()
            self._host.behind(self)

    def go_on(self) -> None:
        """Have the next turn."""
        self._holds &= ~_BEHIND
        if not self._is_gone:
            self._go_on()

    def _failed(self, step: str, error: BaseException) -> Reply:
        """Tell what the handler raised: our fault, and never the end of the daemon (STYLE §18)."""
        trace = str(error) if isinstance(error, MailrailError) else "".join(traceback.format_exception(error))
        self._host.bus.emit(
            SessionFailed(session=self.session_id, client=self.peer.host, step=step, trace=trace)
        )
        if step == "EndOfData":
            self._forget()
        return say.INTERNAL_ERROR

    def _answered_by(self, answer: "Result | Awaitable[Result]", event: Event | None) -> None:
        """Give the core its answer now, or when it is there."""
        waits: asyncio.Future[Result] | Promise[Result]
        if (isinstance(answer, Promise) and not answer.done()) or isinstance(answer, asyncio.Future):
            waits = answer
        elif isinstance(answer, Awaitable):
            waits = self._host.spawn(answer)
        else:
            self._take(answer, event)
            return
        assert self._waits is None, "one answer at a time"
        self._waits, self._waited_event = waits, event
        self._holds |= _WAITING
        self._waits_since = 0.0
        waits.add_done_callback(self._answer_came)

    def _answer_came(self, waits: "asyncio.Future[Result] | Promise[Result]") -> None:
        event = self._waited_event
        try:
            answer = waits.result()
        except asyncio.CancelledError:
            answer = say.PROCESSING_TIMEOUT
        except Exception as error:
            answer = self._failed(_name(event), error)  # told even if the client has gone meanwhile
        if self._waits is not waits:
            return  # the session has ended
        self._waits = self._waited_event = None
        self._holds -= _WAITING
        self._take(answer, event)
        if self.connection.is_closed:
            self._close()
        elif self.core.is_dry and not self._holds and not self._is_paused:
            self._flush()  # nothing has come meanwhile: nearly always
        else:
            self._go_on()

    def _take(self, answer: Result, event: Event | None) -> None:
        """Hand an answer to the core; one that makes no sense is the handler's failure."""
        try:
            self._settle(answer, event)
        except Exception as error:
            self._settle(self._failed(_name(event), error), event)

    def _settle(self, answer: Result, event: Event | None) -> None:
        """Hand an answer to the core and keep our own books of it."""
        core = self.core
        if event is None:
            core.greet(_greeting(answer))
            return
        if core.asked is None:
            if answer is not None:
                # Content could not be taken: no command waits that could be refused.
                core.close_with(say.INTERNAL_421)
            return
        if isinstance(answer, Reply):
            if not core.reply(answer):
                self._refused(event, answer)
                return
        elif answer is not None:
            core.reply_each(answer)
            if not any(reply.is_positive for reply in answer):
                self.transaction = None
                return
        else:
            raise TypeError(f"{_name(event)} wants a Reply, the handler gave None")
        _, done = _STEPS[type(event)]
        if done is not None:
            done(self, event)

    def _refused(self, event: Event, reply: Reply) -> None:
        """Know that the handler refused what the client asked for."""
        if isinstance(event, Mail | EndOfData):
            self.transaction = None
        self._tell_refusal(type(event).__name__, reply)

    def _tell_refusal(self, step: str, reply: Reply) -> None:
        if self._host.bus.wants(CommandRefused):
            self._host.bus.emit(
                CommandRefused(session=self.session_id, client=self.peer.host, step=step, reply=str(reply))
            )

    def _flush(self) -> None:
        """Write what was said."""
        core = self.core
        if core.is_troubled or self._is_leaving:
            self._flush_with_care()
        elif core.output:
            output, core.output = core.output, b""
            if not self.connection.write(output):
                self._stall()

    def _flush_with_care(self) -> None:
        """Write what was said, unless mistakes have earned a delay; end the session if that is due."""
        core = self.core
        if core.refusals:
            self._tell_own_refusals()
        if core.errors > self._errors_answered and core.errors >= self._host.limits.soft_errors:
            self._answer_late()
            return
        core.is_troubled = False
        output = core.data_to_send()
        if output and not self.connection.write(output) and not self._has_ended:
            self._stall()
        if core.farewell is not None:
            is_quit = core.farewell is say.GOODBYE
            self._reason = "quit" if is_quit else str(core.farewell)
            self.connection.close(is_mutual=is_quit)
            self._over()
        elif self._is_leaving and not self._holds & _NO_COMMANDS:
            if self._has_ended:
                self._close()
            else:
                self.drain()

    def _stall(self) -> None:
        """Wait for the client to read."""
        self._holds |= _STALLED
        self._stalled_since = self._host.loop.time()

    def _tell_own_refusals(self) -> None:
        refusals, self.core.refusals = self.core.refusals, ()
        for refusal in refusals:
            self._tell_refusal("command", refusal)

    def _answer_late(self) -> None:
        """Let a client that makes many mistakes wait for each further answer."""
        self._errors_answered = self.core.errors
        self._holds |= _LATE
        self._host.loop.call_later(self._host.limits.error_delay_s, self._late_is_over)

    def _late_is_over(self) -> None:
        self._holds &= ~_LATE
        if not self._is_gone:
            self._go_on()

    # --- The steps ------------------------------------------------------------------------------

    def _on_hello(self, event: Hello) -> "Result | Awaitable[Result]":
        if self.core.future_release_s:
            self.core.latest_release = instant_text(self._latest_release_us())
        return self.handler.hello(event.name)

    def _hello_done(self, event: Hello) -> None:
        self._forget()

    def _latest_release_us(self) -> int:
        return self._host.clock.now_us() + self.core.future_release_s * SECOND_US

    def _on_mail(self, event: Mail) -> "Result | Awaitable[Result]":
        if event.parameters.hold is not None and (refusal := self._too_long(event.parameters)) is not None:
            return refusal
        self.transaction = Transaction(event.reverse_path, event.parameters)
        return self.handler.mail(self.transaction)

    def _too_long(self, wishes: MailParameters) -> Reply | None:
        """Return why a message cannot be kept back for so long, or None."""
        assert wishes.hold is not None
        now_us = self._host.clock.now_us()
        release_us, by = wishes.hold.release_us(now_us), wishes.deliver_by
        if release_us > self._latest_release_us():
            return say.HOLD_TOO_LONG
        if by is not None and release_us > now_us + by.by_s * SECOND_US:
            return say.HELD_BEYOND_TIME
        return None

    def _on_rcpt(self, event: Rcpt) -> "Result | Awaitable[Result]":
        transaction = self.transaction
        assert transaction is not None
        return self.handler.rcpt(transaction, event.recipient)

    def _rcpt_done(self, event: Rcpt) -> None:
        assert self.transaction is not None
        self.transaction.recipients.append(event.recipient)

    def _on_data(self, event: DataStart) -> "Result | Awaitable[Result]":
        transaction = self.transaction
        assert transaction is not None
        self._data_since, self._data_from = 0.0, self._received
        return self.handler.data(transaction)

    def _on_chunk(self, event: Chunk) -> "Result | Awaitable[Result]":
        return self.handler.chunk(event.content)

    def _on_end(self, event: EndOfData) -> "Result | Awaitable[Result]":
        transaction = self.transaction
        assert transaction is not None
        transaction.is_plain = event.is_plain
        if event.content:
            waits = self.handler.chunk(event.content)
            if waits is not None:
                return self._end_later(transaction, waits)
        return self.handler.end(transaction)

    async def _end_later(self, transaction: Transaction, waits: Awaitable[None]) -> Result:
        """Give the handler the end when it has taken the last of the content."""
        try:
            await waits
            answer = self.handler.end(transaction)
        except BaseException:
            # It has not begun to take the message: nor when that took too long, nor when the client has gone meanwhile.
            self.transaction = None
            self.handler.reset()
            raise
        return await answer if isinstance(answer, Awaitable) else answer

    def _end_done(self, event: EndOfData) -> None:
        self.messages += 1
        self.transaction = None
        self._errors_answered = 0  # the core forgives what came before a message

    def _on_refused(self, event: Refused) -> None:
        self._tell_refusal("content", event.reply)
        self._forget()

    def _on_reset(self, event: Reset) -> None:
        self._forget()

    def _forget(self) -> None:
        if self.transaction is not None:
            self.transaction = None
            try:
                self.handler.reset()
            except Exception as error:
                self._failed("reset", error)

    def _on_starttls(self, event: StartTls) -> Reply:
        return say.TLS_READY

    def _starttls_done(self, event: StartTls) -> None:
        if self.core.state is State.HANDSHAKE:
            self.connection.write(self.core.data_to_send())
            self._host.start_tls(self)

    def secured(self, connection: Connection, tls: TlsInfo) -> None:
        """Go on under TLS: the client must say EHLO again."""
        self.connection = connection
        self.tls = tls
        self.transaction = None
        self.core.tls_started()
        self._active = self._host.loop.time()
        if self._is_leaving:
            self.drain()

    def _on_auth(self, event: Auth) -> "Result | Awaitable[Result]":
        return self.handler.auth(event.mechanism, event.initial)

    def _on_auth_response(self, event: AuthResponse) -> "Result | Awaitable[Result]":
        return self.handler.auth_response(event.response)

    def _on_auth_cancelled(self, event: AuthCancelled) -> None:
        self.handler.reset()

    def _on_xclient(self, event: Xclient) -> "Result | Awaitable[Result]":
        """Be the session of another client, whom a new handler greets."""
        told, core = event.client, self.core
        client = _told(self.peer, told.host, told.port)
        if (refusal := self._host.speaks_for(self, client)) is not None:
            return refusal
        self.peer, self.local = client, _told(self.local, told.server_host, told.server_port)
        self._told_hello = self._told_hello if told.hello is None else told.hello
        self.user = self.user if told.login is None else told.login
        core.is_authenticated = bool(self.user)
        core.may_run_ahead = self.is_trusted or core.is_authenticated
        core.is_stranger = core.is_stranger and not core.is_authenticated
        self.handler.closed()
        self.handler = self._make_handler(self)
        return self.handler.connect()

    def _on_verify(self, event: Verify) -> "Result | Awaitable[Result]":
        return self.handler.verify(event.text)

    # --- Time and the end -------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Close the session if it took too long; called about once a second."""
        timeouts = self._host.timeouts
        if self._received != self._seen:
            self._seen, self._active = self._received, now
        quiet = now - self._active
        if self.core.state is State.HANDSHAKE:
            return  # it has a deadline of its own, and the wire is not ours meanwhile
        if self._holds & _STALLED:
            if now - self._stalled_since > timeouts.write_s:
                self._reason = "reads no replies"
                self.abort()
        elif self._waits is not None:
            self._active = now  # the client's time begins with our answer
            self._waits_since = self._waits_since or now
            if now - self._waits_since > timeouts.processing_s:
                self._waits.cancel()
        elif self.core.state in (State.DATA, State.CHUNKS):
            self._check_data(now, quiet)
        elif quiet > timeouts.command_s:
            self.close_with(say.IDLE_TOO_LONG)
        elif now - self.opened_s > timeouts.session_s and not self.is_trusted:
            self.close_with(say.SESSION_TOO_LONG)

    def _check_data(self, now: float, quiet: float) -> None:
        timeouts = self._host.timeouts
        self._data_since = self._data_since or now
        elapsed = now - self._data_since
        is_slow = elapsed > 60 and self._received - self._data_from < timeouts.minimum_rate_bytes * elapsed
        if quiet > timeouts.data_s or is_slow:
            self.close_with(say.TOO_SLOW)

    def drain(self) -> None:
        """End as soon as no transaction is running (A44)."""
        self._is_leaving = True
        is_idle = self.transaction is None and self._waits is None
        if is_idle and self.core.state is not State.HANDSHAKE:
            self.close_with(say.SHUTTING_DOWN)

    def close_with(self, reply: Reply) -> None:
        """Say *reply* and close; during a handshake nothing can be said."""
        self._reason = str(reply)
        if self.core.state is State.HANDSHAKE:
            self.abort()
            return
        if self.core.state is State.FRESH:
            self.core.greet(reply)
        else:
            self.core.close_with(reply)
        self.connection.write(self.core.data_to_send())
        self._close()

    def _close(self) -> None:
        """Close when all that was said is sent."""
        self.connection.close()
        self._over()

    def abort(self) -> None:
        """Close at once."""
        self.connection.abort()
        self._over()

    def _over(self) -> None:
        """Tell everybody, once, that the session has ended."""
        waits, self._waits = self._waits, None
        self._holds &= ~_WAITING
        # The end of a message that had arrived whole goes on: it is out of our hands (A43).
        is_ending = waits is not None and isinstance(self._waited_event, EndOfData)
        if waits is not None and not is_ending:
            waits.cancel()
        if self._is_gone:
            return
        self._is_gone = True
        if is_ending:
            self.transaction = None
        else:
            self._forget()
        try:
            self.handler.closed()
        except Exception as error:
            self._failed("closed", error)
        self._host.gone(self)
        bus = self._host.bus
        if bus.wants(SessionClosed):
            bus.emit(self._summary())

    def _summary(self) -> SessionClosed:
        return SessionClosed(
            session=self.session_id,
            client=self.peer.host,
            hello=self.hello_name,
            user=self.user,
            messages=self.messages,
            errors=self.core.errors,
            seconds=round(self._host.loop.time() - self.opened_s, 6),
            reason=self._reason,
            tls=str(self.tls or ""),
        )


def _told(known: Endpoint, host: str | None, port: int | None) -> Endpoint:
    """Return the end of a connection as far as a proxy tells it."""
    if host is None:
        return known if port is None or known.is_unix else Endpoint(known.host, port)
    return Endpoint(host or _NOBODY, port or 0)


def _name(event: Event | None) -> str:
    return "connect" if event is None else type(event).__name__


def _greeting(answer: Result) -> Reply:
    """Return what may stand for a banner: 220, 421 or 5yz (RFC 5321 §3.1, §4.3.2)."""
    if not isinstance(answer, Reply):
        raise TypeError(f"connect wants a Reply, the handler gave {answer!r}")
    return replace(answer, code=421) if answer.is_temporary else answer


# What is done for an event, and once it was answered positively.
_STEPS: Final[dict[type, tuple[Callable[..., "Result | Awaitable[Result]"], Callable[..., None] | None]]] = {
    Hello: (Session._on_hello, Session._hello_done),
    Mail: (Session._on_mail, None),
    Rcpt: (Session._on_rcpt, Session._rcpt_done),
    DataStart: (Session._on_data, None),
    Chunk: (Session._on_chunk, None),
    EndOfData: (Session._on_end, Session._end_done),
    Refused: (Session._on_refused, None),
    Reset: (Session._on_reset, None),
    StartTls: (Session._on_starttls, Session._starttls_done),
    Auth: (Session._on_auth, None),
    AuthResponse: (Session._on_auth_response, None),
    AuthCancelled: (Session._on_auth_cancelled, None),
    Verify: (Session._on_verify, None),
    Xclient: (Session._on_xclient, None),
}
