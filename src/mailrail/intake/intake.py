"""Floor 3 · intake — the one door into the spool.

Whatever comes in, from SMTP now and from other doors later, passes here: it gets its queue
id and our trace line, its header section is watched while it streams, and its recipients are
sorted into items. Our 250 follows the commit, never the other way round (DESIGN §1).
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final, Protocol

from mailrail.addresses import NotKnownNowError
from mailrail.intake.events import AcceptFailed, MessageAccepted, MessageRefused
from mailrail.intake.treatment import RELAYED, Treatment, header_fault
from mailrail.message import HeaderWatch, date_text, message_id, received_line
from mailrail.model import (
    FIRST_ONLY,
    SECOND_US,
    Clock,
    Envelope,
    Item,
    Message,
    Origin,
    Pending,
    QueueId,
    QueueIds,
    Recipient,
    Reply,
    StoreError,
    StoreTrouble,
)
from mailrail.model import reply as say
from mailrail.observe import Bus
from mailrail.promise import Promise
from mailrail.spool import Committed, Content, Draft, Lease, Spool


class Taker(Protocol):
    """Whoever delivers what was accepted: the queue, joined in the assembly."""

    def has_room(self, destinations: Iterable[str] = (), /, *, is_urgent: bool = False) -> bool:
        """Tell whether a fresh message for *destinations* may go to delivery from memory; others make way for an urgent one."""
        ...

    def expect_at(self, due_us: int, /) -> None:
        """Know that something was stored that is due at *due_us*."""
        ...

    def offer(self, leases: Sequence[Lease], content: Content) -> None:
        """Take the leased items of a message that was just committed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderLimits:
    """Bounds of a header section; see `server.LimitSettings`."""

    header_bytes: int
    header_lines: int
    hops: int


class Intake:
    """Takes responsibility for messages.

    Args:
        spool: where they are kept.
        ids: makes queue ids.
        clock: wall time.
        hostname: ours, for the trace.
        route: gives a recipient's destination key.
        taker: gets the fresh leases.
        limits: of the header section.
        heeds_tls_required: look for `TLS-Required: No`, which costs a search in every header: where no route asks for TLS
            there is nothing that it could set aside.
    """

    def __init__(
        self,
        spool: Spool,
        ids: QueueIds,
        clock: Clock,
        *,
        hostname: str,
        route: Callable[[Recipient], str],
        taker: Taker,
        limits: HeaderLimits,
        bus: Bus,
        heeds_tls_required: bool = True,
    ) -> None:
        self.spool = spool
        self.ids = ids
        self.clock = clock
        self.hostname = hostname
        self.route = route
        self.taker = taker
        self.limits = limits
        self.heeds_tls_required = heeds_tls_required
        self.bus = bus

    def handing_to(self, taker: Taker) -> "Intake":
        """Return one that is the same, but hands what it has accepted to *taker*."""
        other = copy(self)
        other.taker = taker
        return other

    def begin(
        self,
        origin: Origin,
        envelope: Envelope,
        *,
        treatment: Treatment = RELAYED,
        tls: str = "",
        written_to: Sequence[Recipient] = (),
        asked_us: int = 0,
        queue_id: QueueId | None = None,
    ) -> "Incoming":
        """Begin to take a message.

        Args:
            origin: where it comes from.
            treatment: what is done to it.
            tls: version and cipher for the trace line and the event, "" in clear.
            written_to: the recipients as the client named them, for the trace; default: those of the envelope.
            asked_us: when its sender asked for a delivery in time, which counts from then; 0: now.
            queue_id: made for it before, and not stored yet; None: make one.

        Raises:
            StoreError: the spool takes no mail now.
        """
        now_us = self.clock.now_us()
        queue_id = queue_id or self.ids.make_at(now_us)
        return Incoming(
            self,
            origin,
            envelope,
            treatment,
            tls,
            written_to or envelope.recipients,
            queue_id,
            now_us,
            asked_us,
            HeaderWatch(self.limits.header_bytes, self.limits.header_lines),
            self.spool.begin(queue_id),
            [],
        )


class Incoming(Promise[Reply]):
    """One message on its way in, and the promise of the reply to it."""

    _intake: Intake
    _origin: Origin
    _envelope: Envelope
    _treatment: Treatment
    _tls: str
    _written_to: Sequence[Recipient]
    queue_id: QueueId
    _began_us: int
    _asked_us: int
    _watch: HeaderWatch
    _draft: Draft
    # What waits until our own lines can be written in front of it: where fields may be added, all of the header.
    _held: list[bytes] | None
    _refusal: Reply | None = None
    _release_us: int = 0  # from the commit on

    def write(self, content: bytes) -> Awaitable[None] | None:
        """Take content; an awaitable makes the sender wait."""
        watch = self._watch
        watch.feed(content)
        if watch.is_too_big:
            return None
        held = self._held
        if held is None:
            return self._draft.write(content)
        if self._treatment.completes:
            held.append(content)
            return self._begin(held) if watch.is_complete else None
        self._held = None
        return self._draft.write(self._opening(content))

    def _begin(self, held: list[bytes]) -> Awaitable[None] | None:
        """Write what has come so far behind what we put in front of it."""
        self._held = None
        content, rewrite = b"".join(held), self._treatment.rewrite
        if rewrite is None:
            return self._draft.write(self._opening(content))
        return self._rewritten(content, rewrite)

    async def _rewritten(self, content: bytes, rewrite: Callable[[bytes], Awaitable[bytes]]) -> None:
        header = self._watch.header
        try:
            content = await rewrite(header) + content[len(header) :]
        except NotKnownNowError as error:
            self._refusal = error.reply  # to be said at the end of the data, and nothing is kept
        written = self._draft.write(self._opening(content))
        if written is not None:
            await written

    def _opening(self, content: bytes) -> bytes:
        # A first line that begins with a space is no field: it must not become a continuation of ours.
        has_no_header = content.startswith((b" ", b"\t"))
        origin, tls, written_to, added = self._origin, self._tls, self._written_to, b""
        if not self._treatment.is_none:
            origin, tls, added = self._treated(origin, tls, has_no_header=has_no_header)
        ours = received_line(
            origin,
            self._intake.hostname,
            self.queue_id,
            date_text(self._began_us),
            tls=tls,
            recipient=written_to[0].forward_path if len(written_to) == 1 else None,
            priority=self._envelope.priority,
        )
        return ours + added + (b"\r\n" + content if has_no_header else content)

    def _treated(self, origin: Origin, tls: str, *, has_no_header: bool) -> tuple[Origin, str, bytes]:
        """Do what is to be done to the message; return what the trace tells, and what stands behind the trace."""
        treatment = self._treatment
        most = treatment.most_priority
        if most is not None and not has_no_header and (wished := self._watch.priority) is not None:
            self._envelope = replace(self._envelope, priority=min(wished, most))
        if treatment.hides_client:
            # DEVIATES RFC 5321 §4.4: no "from", because an address says where somebody lives. The event has it.
            origin, tls = replace(origin, client="", helo=""), ""
        return origin, tls, self._missing_fields(has_no_header=has_no_header) if treatment.completes else b""

    def _missing_fields(self, *, has_no_header: bool) -> bytes:
        """Return the fields that a submission should have had (RFC 6409 §8.1 to §8.3)."""
        fields = b""
        author = self._treatment.author
        if author and (has_no_header or not self._watch.has(b"from")):
            fields += author
        if has_no_header or not self._watch.has(b"date"):
            fields += f"Date: {date_text(self._began_us)}\r\n".encode()
        if has_no_header or not self._watch.has(b"message-id"):
            fields += f"Message-ID: {message_id(self.queue_id, self._intake.hostname)}\r\n".encode()
        return fields

    def finish(self, *, is_plain: bool = False) -> Reply | Awaitable[Reply]:
        """Commit; the reply says whether the message is ours now.

        Args:
            is_plain: what was written is known to be so, see `Message`; what we put in front of it is.
        """
        watch = self._watch
        # Whatever may stand in the way of a message: most mail meets none of it.
        if (
            not self._treatment.is_none
            or self._held is not None
            or watch.is_too_big
            or watch.header_has_nul
            or watch.lines + 1 >= self._intake.limits.hops
            or self._envelope.deliver_by is not None
        ):
            return self._finish_with_care(is_plain=is_plain)
        return self._commit(is_plain)

    def _finish_with_care(self, *, is_plain: bool) -> Reply | Awaitable[Reply]:
        refusal = self._judge() if self._envelope.deliver_by is None else self._judge_in_time()
        if refusal is not None:
            return self._refuse(refusal)
        is_rewritten = self._treatment.rewrite is not None
        if self._held is not None:  # all header, or no content at all
            begun = self._begin(self._held)
            if is_rewritten and begun is not None:
                return self._finish_later(begun)
        return self._commit(is_plain and not is_rewritten)

    async def _finish_later(self, begun: Awaitable[None]) -> Reply:
        await begun
        reply = self._refuse(self._refusal) if self._refusal is not None else self._commit(is_plain=False)
        return reply if isinstance(reply, Reply) else await reply

    def _commit(self, is_plain: bool) -> Reply | Awaitable[Reply]:
        intake, watch, envelope, draft = self._intake, self._watch, self._envelope, self._draft
        message = Message(
            self.queue_id,
            intake.clock.now_us(),
            envelope,
            draft.size_bytes,
            watch.has_8bit,
            self._origin,
            is_tls_optional=intake.heeds_tls_required and watch.is_tls_optional and not envelope.requiretls,
            is_plain=is_plain,
        )
        items, is_held = items_of(message, intake.route), False
        if envelope.hold is not None:
            self._release_us = message.release_us
            is_held = message.release_us > message.arrived_us
        is_wanted = not is_held and intake.taker.has_room(
            map(_destination, items), is_urgent=envelope.priority > 0
        )
        try:
            commit = draft.commit(message, items, lease=is_wanted)
        except StoreError as error:
            draft.discard()
            return self._failed(error)
        commit.add_done_callback(self._committed)
        return self

    def _judge_in_time(self) -> Reply | None:
        """Take off what has passed since MAIL of the time that the sender gives (RFC 2852 §4)."""
        by = self._envelope.deliver_by
        assert by is not None
        by = by.after(self._intake.clock.now_us() - (self._asked_us or self._began_us))
        self._envelope = replace(self._envelope, deliver_by=by)
        return say.EXPIRED if by.returns and by.is_over else self._judge()

    def _judge(self) -> Reply | None:
        watch = self._watch
        if watch.is_too_big:
            return say.HEADER_TOO_BIG
        if watch.header_has_nul:
            return say.NUL_IN_DATA
        if watch.received_count >= self._intake.limits.hops:
            return say.LOOP
        if self._refusal is not None:
            return self._refusal
        treatment = self._treatment
        if treatment.checks_header and (fault := header_fault(watch)) is not None:
            return fault
        return None if treatment.judge_authors is None else treatment.judge_authors(watch.header)

    def _committed(self, committed: Promise[Committed]) -> None:
        intake, error = self._intake, committed.exception()
        reply = say.queued_as(self.queue_id) if error is None else self._failed(error)
        try:
            if error is None:
                if intake.bus.wants(MessageAccepted):
                    intake.bus.emit(self._accepted())
                result = committed.result()
                if result.leases:
                    intake.taker.offer(result.leases, result.content)
                elif self._envelope.hold is not None:
                    intake.taker.expect_at(self._release_us)
        finally:  # whatever came of that, this is true; and what the session does next is told behind it
            if not self._is_over:
                self.set_result(reply)

    def _accepted(self) -> MessageAccepted:
        origin, envelope = self._origin, self._envelope
        sender = envelope.reverse_path
        return MessageAccepted(
            session=origin.session_id,
            queue_id=self.queue_id,
            client=origin.client,
            hello=origin.helo,
            protocol=origin.protocol,
            sender="<>" if sender is None else sender.text,
            recipients=len(envelope.recipients),
            size=self._draft.size_bytes,
            seconds=(self._intake.clock.now_us() - self._began_us) / SECOND_US,
            user=origin.user,
            tls=self._tls,
            priority=envelope.priority,
        )

    def _failed(self, error: BaseException) -> Reply:
        self._intake.bus.emit(
            AcceptFailed(
                session=self._origin.session_id,
                queue_id=self.queue_id,
                client=self._origin.client,
                reason=f"{type(error).__name__}: {error}",
            )
        )
        return refusal_for(error)

    def _refuse(self, reply: Reply) -> Reply:
        self._draft.discard()
        self._intake.bus.emit(
            MessageRefused(
                session=self._origin.session_id,
                queue_id=self.queue_id,
                client=self._origin.client,
                sender=str(self._envelope.reverse_path or "<>"),
                reply=str(reply),
            )
        )
        return reply

    def discard(self) -> None:
        """Forget the message."""
        self._draft.discard()
        self._held = None


_destination: Final = attrgetter("destination")


def refusal_for(error: BaseException) -> Reply:
    """Return the reply for a spool that could not store (A68)."""
    if isinstance(error, StoreError):
        return say.STORE_FULL if error.trouble is StoreTrouble.FULL else say.STORE_FAILED
    return say.INTERNAL_ERROR


def items_of(message: Message, route: Callable[[Recipient], str]) -> tuple[Item, ...]:
    """Sort the recipients of *message* into one item for each destination."""
    recipients = message.envelope.recipients
    if len(recipients) == 1:
        destination = route(recipients[0])
        return (Item(message.queue_id, destination, FIRST_ONLY, 0, message.release_us),)
    pending: dict[str, list[Pending]] = {}
    for index, recipient in enumerate(recipients):
        pending.setdefault(route(recipient), []).append(Pending(index))
    return tuple(
        Item(message.queue_id, destination, tuple(waiting), due_us=message.release_us)
        for destination, waiting in pending.items()
    )
