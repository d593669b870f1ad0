"""Floor 2 · client — a session with a next hop: opened once, used for one message after another.

A message costs two writes and two reads where the peer offers PIPELINING, one of each with
CHUNKING, and one future that is waited for, or, for one in memory, a call-back. A session is used again only after every reply it
was owed has come; after any error it is done.

Where a message goes by DATA and another one waits, that one may be *announced*: its envelope leaves in the write
of the content before it, so that it takes one write and one read as well. It is then sent next, or, if the session
ends before, was never tried. On a session at rest that is how a message begins for which nobody waits in a coroutine.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mailrail.client.errors import SessionFailed
from mailrail.client.opening import open_wire
from mailrail.client.rounds import fits_one_round, is_surplus, take_round
from mailrail.client.settings import ClientSettings
from mailrail.client.source import Source, WholeSource
from mailrail.client.terms import SessionTerms
from mailrail.client.wire import Wire
from mailrail.model import Body, Envelope, LocalProtocolError, Recipient, Reply
from mailrail.model.reply import NEXT_HOP_TOO_SMALL, TOO_MANY_RECIPIENTS
from mailrail.net import Endpoint, Network, TlsInfo
from mailrail.smtp import ClientEvent, ClientState, ContentWanted, Ended, Stage

BLOCK_BYTES: Final = 64 * 1024  # of a large message, in memory at a time
# Bound once: Python 3.11 takes 70 ns to find a member in its class.
AT_MAIL, AT_RCPT, AT_END = Stage.MAIL, Stage.RCPT, Stage.END
_NOTHING: Final = WholeSource(b"")
_NO_LIMIT: Final = float("inf")
_REUSABLE: Final = frozenset({ClientState.IDLE, ClientState.SPENT})


SendResult = Ended  # how a message went, whether one transaction said it all or several did


# A message whose envelope is on its way; no class, for one is made for every message.
Announced = tuple[Envelope, Sequence[Recipient], Source, Body]


class ClientSession:
    """One session; `send` one message at a time.

    Attributes:
        peer: the other side.
        extensions: what it offers, now that TLS and login are behind us.
        sent: messages (transactions) begun or announced.
    """

    __slots__ = (
        "_announced", "_has_rcpt_limits", "_mail_max", "_settings", "_size_max_bytes", "_wire", "extensions",
        "peer", "sent",
    )  # fmt: skip

    def __init__(self, wire: Wire, settings: ClientSettings) -> None:
        self.peer = wire.connection.peer
        self.extensions = extensions = wire.protocol.extensions
        self.sent = 0
        # Looked at for every message; what is not limited has a limit that nothing reaches.
        self._size_max_bytes = _NO_LIMIT if extensions.size_bytes is None else extensions.size_bytes
        self._mail_max = _NO_LIMIT if extensions.mail_max is None else extensions.mail_max
        self._has_rcpt_limits = extensions.rcpt_max is not None or extensions.rcpt_domain_max is not None
        self._wire = wire
        self._settings = settings
        self._announced: Announced | None = None

    @classmethod
    async def open(
        cls, network: Network, endpoint: Endpoint, terms: SessionTerms, settings: ClientSettings
    ) -> "ClientSession":
        """Connect, hear the greeting, say EHLO, bring TLS up, log in.

        Raises:
            SessionFailed: no connection, TLS that failed, a timeout, garbage; at the stage it says.
            SessionRefused: the peer said no, or lacks what *terms* ask for.

        *Cancel-safe:* yes: the connection is aborted.
        """
        return cls(await open_wire(network, endpoint, terms, settings), settings)

    @property
    def now_s(self) -> float:
        """Loop time, while it calls *behind*."""
        return self._wire.now_s

    @property
    def tls(self) -> TlsInfo | None:
        """What the TLS handshake agreed on, or None in the clear."""
        return self._wire.tls

    @property
    def is_usable(self) -> bool:
        """Tell whether another message may be sent: nothing went wrong, and MAILMAX allows it."""
        wire = self._wire
        return wire.error is None and wire.protocol.state in _REUSABLE and self.sent < self._mail_max

    @property
    def has_announced(self) -> bool:
        """Tell whether a message is announced and may go on."""
        return self._announced is not None and self._wire.error is None

    async def send(
        self,
        envelope: Envelope,
        content: Source,
        *,
        recipients: Sequence[Recipient] | None = None,
        body: Body | None = None,
        is_plain: bool = False,
        behind: Callable[[], None] | None = None,
    ) -> SendResult:
        """Send a message.

        Recipients beyond what the peer takes at once (RFC 9422, 452 4.5.3) get it in further transactions.

        Args:
            content: CRLF line ends; as it is to be sent, after any conversion for this peer.
            recipients: whom to send to, at least one; default: all of the envelope.
            body: what *content* is; default: what the envelope says.
            is_plain: *content* was looked through before: only CRLF line ends, and no line that begins with a dot.
            behind: called when `announce` may be: the content is about to leave, and all of it. Not every
                message and peer comes to that.

        Raises:
            SessionFailed: the session broke; its `replies` tell who was answered before.
            LocalProtocolError: the peer lacks an extension that is needed, or *content* has a bare CR
                or LF (A5). Unless it was read in blocks nothing was sent and the session goes on.
            Exception: whatever reading *content* raises; the session is then over.

        *Cancel-safe:* yes: the connection is aborted, the message may or may not have arrived.
        """
        targets = envelope.recipients if recipients is None else tuple(recipients)
        body = envelope.body if body is None else body
        if content.size_bytes > self._size_max_bytes:
            # RFC 1870 §6.2: what it says it will not take is not even tried.
            return SendResult((NEXT_HOP_TOO_SMALL,) * len(targets), (AT_MAIL,) * len(targets))
        if self._has_rcpt_limits and not fits_one_round(targets, self.extensions):
            return await self._in_rounds(envelope, targets, content, body, None)
        self._begin(envelope, targets, content, body, is_plain)
        ended = await self._conclude(content, behind)
        return _result(ended) or await self._in_rounds(envelope, targets, content, body, ended)

    async def ask(self, envelope: Envelope) -> SendResult:
        """Find out whom of *envelope*'s recipients the peer would take: MAIL and RCPT, and no content after them.

        Raises:
            SessionFailed: the session broke.

        *Cancel-safe:* yes: the connection is aborted.
        """
        wire = self._wire
        if wire.error is not None:
            raise wire.error
        wire.protocol.begin(
            envelope, envelope.recipients, size_bytes=0, body=envelope.body, whole=None, is_question=True
        )
        self.sent += 1
        return await self._conclude(_NOTHING)

    def announce(
        self,
        envelope: Envelope,
        content: Source,
        *,
        recipients: Sequence[Recipient],
        body: Body,
        is_plain: bool = False,
    ) -> bool:
        """Send the envelope of the message to come next, behind the content of the one under way if there is one.

        Only on a usable session, or while it calls *behind*; then `send_announced` or `start_announced` comes next.

        Returns:
            False: it must wait for its turn, or takes more than one transaction; nothing was sent.
        """
        protocol, whole = self._wire.protocol, content.whole
        running = protocol.transaction
        if (
            whole is None
            or self.sent >= self._mail_max
            or content.size_bytes > self._size_max_bytes
            or (self._has_rcpt_limits and not fits_one_round(recipients, self.extensions))
            # Those whom the peer wants in a transaction of their own come first.
            or (running is not None and any(map(is_surplus, filter(None, running.replies))))
        ):
            return False
        try:
            protocol.begin(
                envelope,
                recipients,
                size_bytes=content.size_bytes,
                body=body,
                whole=whole,
                is_plain=is_plain,
            )
        except LocalProtocolError:
            return False
        self._announced = (envelope, recipients, content, body)
        self.sent += 1
        return True

    async def send_announced(self, *, behind: Callable[[], None] | None = None) -> SendResult:
        """Send the message that was announced; the rest is as with `send`."""
        announced, self._announced = self._announced, None
        assert announced is not None
        envelope, targets, content, body = announced
        ended = await self._conclude(content, behind)
        return _result(ended) or await self._in_rounds(envelope, tuple(targets), content, body, ended)

    def start_announced(self, came: Callable[[], None], *, behind: Callable[[], None] | None = None) -> bool:
        """Begin what `send_announced` does, without a coroutine, for a message to one recipient.

        Args:
            came: called once, from the loop: `ended` tells what came of it.

        Returns:
            False: nothing was begun, its end is there already, or that of the session.
        """
        announced, self._announced = self._announced, None  # the next may be announced at once
        assert announced is not None
        if self._wire.start(came, behind, self._settings.transaction_s):
            return True
        self._announced = announced
        return False

    def ended(self) -> SendResult:
        """Return what came of what `start_announced` began; with one recipient one transaction says it all.

        Raises:
            SessionFailed: as with `send`.
        """
        event = self._wire.next_event()
        assert isinstance(event, Ended), event
        return event

    async def close(self) -> None:
        """Say QUIT and wait a little for the answer; never raises, idempotent.

        *Cancel-safe:* yes.
        """
        wire = self._wire
        if wire.error is not None or wire.protocol.state not in _REUSABLE or not self._settings.quit_s:
            wire.say_goodbye()
            return
        wire.protocol.quit()
        wire.flush()
        try:
            await wire.answer()
        except SessionFailed:
            pass  # no answer to QUIT: nobody needs it
        finally:
            wire.abort()

    def leave(self) -> None:
        """Say QUIT and close without waiting for the answer; idempotent."""
        self._wire.say_goodbye()

    def abort(self) -> None:
        """Close at once, without a word; idempotent."""
        self._wire.abort()

    # --- one message -----------------------------------------------------------------

    async def _in_rounds(
        self,
        envelope: Envelope,
        targets: tuple[Recipient, ...],
        content: Source,
        body: Body,
        first: Ended | None,
    ) -> SendResult:
        """Send to as many as are taken at once, again and again until nobody is left (A60)."""
        waiting: list[int] = list(range(len(targets)))
        replies: list[Reply | None] = [None] * len(targets)
        stages = [AT_RCPT] * len(targets)
        ended = first
        while waiting:
            now, later = (waiting, []) if ended else take_round(waiting, targets, self.extensions)
            if ended is None:
                try:
                    self._begin(envelope, [targets[n] for n in now], content, body)
                    ended = await self._conclude(content)
                except SessionFailed as failure:
                    raise _merged(failure, now, replies, stages) from failure
            for index, reply, stage in zip(now, ended.replies, ended.stages, strict=True):
                replies[index], stages[index] = reply, stage
            has_moved = AT_END in ended.stages
            surplus = [
                n for n in now if stages[n] is AT_RCPT and is_surplus(replies[n] or TOO_MANY_RECIPIENTS)
            ]
            waiting = surplus + later if has_moved else later
            if ended.stages[0] is AT_MAIL or not self.is_usable:
                break
            ended = None
        # Those never asked wait for another session; MAIL's refusal is meant for them too.
        rest = ended.replies[0] if ended and ended.stages[0] is AT_MAIL else TOO_MANY_RECIPIENTS
        return SendResult(tuple(reply or rest for reply in replies), tuple(stages))

    def _begin(
        self,
        envelope: Envelope,
        targets: Sequence[Recipient],
        content: Source,
        body: Body,
        is_plain: bool = False,
    ) -> None:
        """Begin a transaction; `_conclude` carries it to its end."""
        wire = self._wire
        if wire.error is not None:
            raise wire.error
        wire.protocol.begin(
            envelope,
            targets,
            size_bytes=content.size_bytes,
            body=body,
            whole=content.whole,
            is_plain=is_plain,
        )
        self.sent += 1

    async def _conclude(self, content: Source, behind: Callable[[], None] | None = None) -> Ended:
        """Carry the transaction under way to its end."""
        wire = self._wire
        wire.behind = behind
        try:
            wire.limit(self._settings.transaction_s)
            wire.go_on()
            event = await wire.event()
            if isinstance(event, ContentWanted):
                event = await self._send_content(content)
        except BaseException:
            wire.abort()
            raise
        wire.behind = None
        assert isinstance(event, Ended), event
        return event

    async def _send_content(self, content: Source) -> ClientEvent:
        """Send content that is not whole in memory, and return what comes of it."""
        offset, event = 0, None
        while event is None or isinstance(event, ContentWanted):
            offset = await self._send_blocks(content, offset)
            event = await self._wire.event()
        return event

    async def _send_blocks(self, content: Source, offset: int) -> int:
        """Send blocks from *offset* on, as many as are wanted, never more than a few in memory."""
        wire = self._wire
        while wire.protocol.state is ClientState.CONTENT:
            block = await content.read(offset, BLOCK_BYTES)
            if wire.has_event() or wire.error is not None:
                break  # an early end: event() tells
            offset += len(block)
            is_last = offset >= content.size_bytes
            if not block and not is_last:
                raise EOFError(f"the content ends after {offset} of {content.size_bytes} bytes")
            wire.protocol.send_content(block, is_last=is_last)
            wire.flush()
            await wire.room()
        return offset


def _result(ended: Ended) -> SendResult | None:
    """Return the result if there is nobody left whom another transaction may reach at once."""
    if AT_END in ended.stages and any(map(is_surplus, ended.replies)):
        return None
    return ended


def _merged(
    failure: SessionFailed, now: list[int], replies: list[Reply | None], stages: list[Stage]
) -> SessionFailed:
    """Add what the broken round settled to what the rounds before did."""
    for index, reply, stage in zip(now, failure.replies, failure.stages, strict=False):
        replies[index], stages[index] = reply, stage
    return SessionFailed(failure.stage, failure.trouble, str(failure), tuple(replies), tuple(stages))
