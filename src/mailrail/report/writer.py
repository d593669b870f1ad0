"""Floor 4 · report — writes the notices that an outcome owes, for the queue to store with it.

One notice tells of all recipients that ended the same way in one settlement. The rules that
keep mail from going round for ever (A63): a notice has the null reverse-path, a message with
the null reverse-path is never answered, and a notice of ours that fails goes once to the
postmaster or nowhere.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from mailrail.intake import items_of
from mailrail.message import (
    Action,
    DeliveryStatus,
    RecipientStatus,
    Report,
    build_notice,
    find_field,
    needs_smtputf8,
)
from mailrail.model import (
    SECOND_US,
    Address,
    Body,
    Clock,
    Envelope,
    Failed,
    Message,
    Notify,
    Outcome,
    QueueIds,
    Recipient,
    Ret,
    StoreError,
    StoreTrouble,
    parse_address,
)
from mailrail.observe import Bus
from mailrail.report.events import DoubleBounce, NoticeMade, NoticeSuppressed
from mailrail.report.owed import owed_finals, recipient_status, wants_delay
from mailrail.report.settings import ReportSettings
from mailrail.spool import SMALL_BYTES, Content, NewMessage

_NEVER: Final = Notify.NEVER  # bound once: Python 3.11 takes 70 ns to find a member in its class
HEADER_OCTETS: Final = 64 * 1024  # of the original, read where it is not returned whole
_DOUBLE: Final = (
    "You get this as its postmaster: a notice of ours could not be delivered to the one it was for."
)


class _Original(NamedTuple):
    """As much of the original as was read."""

    octets: bytes
    is_full: bool


class _Told(NamedTuple):
    """What is told of a recipient, and to whom: None is the sender."""

    returns_to: Address | None
    status: RecipientStatus


class NoticeWriter:
    """Knows whom we owe a word, and writes it: the queue's Notifier.

    Args:
        hostname: ours; notices come from MAILER-DAEMON there.
        settings: of this room.
        ids: makes the notices' queue ids.
        clock: wall time.
        route: gives a recipient's destination key.
        resolve: returns whom mail for an address goes to, for a sender may be an alias of ours; raises when that cannot be known now, and is
            asked again later.
        bus: hears what was written, and what was not.
    """

    def __init__(
        self,
        hostname: str,
        settings: ReportSettings,
        ids: QueueIds,
        clock: Clock,
        route: Callable[[Recipient], str],
        resolve: Callable[[Recipient], Awaitable[tuple[Recipient, ...]]],
        bus: Bus,
    ) -> None:
        self._hostname = hostname
        self._settings = settings
        self._ids = ids
        self._clock = clock
        self._route = route
        self._resolve = resolve
        self._bus = bus
        self._postmaster = parse_address(settings.postmaster) if settings.postmaster else None

    def is_owed(self, message: Message, outcomes: Sequence[tuple[int, Outcome]]) -> bool:
        """Tell whether `notices` has anything to build, or a suppressed failure to tell of, for *outcomes*; True for some that came late."""
        envelope = message.envelope
        if any(isinstance(outcome, Failed) for _, outcome in outcomes):
            return True
        return envelope.reverse_path is not None and any(owed_finals(envelope, outcomes))

    async def notices(
        self,
        message: Message,
        content: Content,
        outcomes: Sequence[tuple[int, Outcome]],
        *,
        delayed: Sequence[int] = (),
        retry_until_us: int = 0,
        is_late: bool = False,
    ) -> tuple[NewMessage, ...]:
        """Build the notices owed for final *outcomes* and for *delayed* recipients.

        Args:
            outcomes: recipient index and outcome; with those of *delayed* recipients the notice says
                what the delay comes from.
            retry_until_us: until when delayed recipients are tried, microseconds UTC; 0: not told.
            is_late: the time that its sender gave for the delivery is over; the queue tells, which knows of steps of the clock (A62).

        Raises:
            StoreError: the content cannot be read now. Where it is damaged for good, the notice
                is written without it.

        *Cancel-safe:* yes.
        """
        envelope, now_us = message.envelope, self._clock.now_us()
        if envelope.reverse_path is None:
            return await self._double_bounce(message, content, outcomes)
        told = [
            _Told(
                envelope.recipients[index].returns_to,
                recipient_status(envelope.recipients[index], outcome, action, now_us=now_us),
            )
            for index, outcome, action in owed_finals(envelope, outcomes, is_late=is_late)
        ]
        failed = [one for one in told if one.status.action is Action.FAILED]
        silent = sum(isinstance(outcome, Failed) for _, outcome in outcomes) - len(failed)
        if silent:
            self._bus.emit(NoticeSuppressed(queue_id=message.queue_id, reason="NOTIFY", recipients=silent))
        waiting = list(self._delayed(message, dict(outcomes), delayed, now_us, retry_until_us))
        succeeded = [one for one in told if one.status.action is not Action.FAILED]
        made: list[NewMessage] = []
        for group in (failed, waiting, succeeded):
            for returns_to in dict.fromkeys([one.returns_to for one in group]):
                # The owner of a list never saw what the sender wished.
                wished = envelope if returns_to is None else replace(envelope, ret=None, envid="")
                # RFC 3461 §4.3: only a failure returns content; without RET the choice is ours.
                is_full = group is failed and wished.ret is not Ret.HDRS and not envelope.requiretls
                original = await self._read(content, is_full=is_full)
                if envelope.requiretls:
                    original = _redacted(original)
                statuses = [one.status for one in group if one.returns_to == returns_to]
                to = returns_to or envelope.reverse_path
                made += await self._write(
                    replace(message, envelope=wished), Recipient(to), statuses, original
                )
        return tuple(made)

    def _delayed(
        self,
        message: Message,
        outcomes: dict[int, Outcome],
        delayed: Iterable[int],
        now_us: int,
        retry_until_us: int,
    ) -> Iterator[_Told]:
        kind = self._settings.delay_notices
        for index in delayed:
            recipient = message.envelope.recipients[index]
            # "local" means the sender, not the owner of a list that he wrote to.
            is_from_sender = recipient.returns_to is None
            is_local = message.origin.is_local and is_from_sender
            is_asked = is_from_sender and message.envelope.deliver_by is not None  # RFC 2852 §4.1.3
            by_default = is_asked or kind == "all" or (kind == "local" and is_local)
            if wants_delay(recipient, by_default=by_default):
                status = recipient_status(
                    recipient,
                    outcomes.get(index),
                    Action.DELAYED,
                    now_us=now_us,
                    retry_until_us=retry_until_us,
                )
                yield _Told(recipient.returns_to, status)

    async def _double_bounce(
        self, message: Message, content: Content, outcomes: Sequence[tuple[int, Outcome]]
    ) -> tuple[NewMessage, ...]:
        """Hand a failed notice of ours to the postmaster, unless it was for the postmaster."""
        failed = [(index, outcome) for index, outcome in outcomes if isinstance(outcome, Failed)]
        if not failed:
            return ()
        if not message.is_notice:
            self._bus.emit(
                NoticeSuppressed(
                    queue_id=message.queue_id, reason="null reverse-path", recipients=len(failed)
                )
            )
            return ()
        recipients = message.envelope.recipients
        was_for_postmaster = any(
            recipients[index].notify is _NEVER or recipients[index].forward_path == self._postmaster
            for index, _ in failed
        )
        if self._postmaster is None or was_for_postmaster:
            self._bus.emit(DoubleBounce(queue_id=message.queue_id))
            return ()
        self._bus.emit(DoubleBounce(queue_id=message.queue_id, to=str(self._postmaster)))
        now_us = self._clock.now_us()
        told = [
            recipient_status(recipients[index], outcome, Action.FAILED, now_us=now_us)
            for index, outcome in failed
        ]
        original = await self._read(content, is_full=True)
        # By NEVER it is known again, whoever reads the postmaster's mail (RFC 3461 §6.1 allows no other NOTIFY).
        to = Recipient(self._postmaster, _NEVER)
        return tuple(await self._write(message, to, told, original, note=_DOUBLE))

    async def _read(self, content: Content, *, is_full: bool) -> _Original:
        """Read as much of the original as is returned; whole only if it is short enough."""
        is_full = is_full and content.size_bytes <= self._settings.return_limit
        length = content.size_bytes if is_full else min(content.size_bytes, HEADER_OCTETS)
        if content.whole is not None:
            return _Original(content.whole[:length], is_full)
        try:
            return _Original(await content.read(0, length), is_full)
        except StoreError as error:
            if error.trouble is not StoreTrouble.DAMAGED:
                raise
            return _Original(b"", is_full=False)

    async def _write(
        self,
        message: Message,
        to: Recipient,
        told: Sequence[RecipientStatus],
        original: _Original,
        *,
        note: str = "",
    ) -> list[NewMessage]:
        """Write one notice, or several where one would not be small enough for the spool."""
        recipients = await self._resolve(to)
        arrived_us = message.arrived_us // SECOND_US * SECOND_US
        report = Report(
            queue_id=self._ids.make(),
            to=to.forward_path,
            status=DeliveryStatus(
                self._hostname,
                tuple(told),
                message.envelope.envid,
                arrived_us,
                str(message.envelope.hold or ""),
                message.deliver_by_us,
            ),
            made_us=self._clock.now_us(),
            original=original.octets,
            is_full=original.is_full,
            smtputf8=message.envelope.smtputf8,
            from_name=self._settings.from_name,
            note=note,
        )
        made = []
        for part, content in _small_enough(report, self._ids):
            is_done = told[0].action not in (Action.FAILED, Action.DELAYED)
            kind = Action.DELIVERED if is_done else told[0].action
            self._bus.emit(
                NoticeMade(
                    queue_id=message.queue_id,
                    notice_id=part.queue_id,
                    kind=kind.value,
                    recipients=len(part.status.recipients),
                )
            )
            made.append(self._new_message(part, content, recipients, message.envelope))
        return made

    def _new_message(
        self, report: Report, content: bytes, recipients: tuple[Recipient, ...], told_of: Envelope
    ) -> NewMessage:
        has_8bit = not content.isascii()
        envelope = Envelope(
            reverse_path=None,
            recipients=recipients,
            body=Body.EIGHT_BIT if has_8bit else Body.SEVEN_BIT,
            smtputf8=any(one.forward_path.needs_smtputf8 for one in recipients) or needs_smtputf8(content),
            requiretls=told_of.requiretls,  # RFC 8689 §5
            priority=told_of.priority,  # RFC 6710 §4.6
        )
        message = Message(
            queue_id=report.queue_id,
            arrived_us=report.made_us,
            envelope=envelope,
            size_bytes=len(content),
            has_8bit=has_8bit,
            is_notice=True,
        )
        return NewMessage(message, items_of(message, self._route), content)


def _redacted(original: _Original) -> _Original:
    """Keep the Message-ID only: the way back may lack REQUIRETLS, and the notice then goes without (RFC 8689 §5)."""
    field = find_field(original.octets, b"message-id")
    return _Original(b"" if field is None else original.octets[field.start : field.end], is_full=False)


def _small_enough(report: Report, ids: QueueIds) -> Iterator[tuple[Report, bytes]]:
    """Build *report*, split in halves until each is small; one recipient always is."""
    content = build_notice(report)
    recipients = report.status.recipients
    if len(content) <= SMALL_BYTES or len(recipients) == 1:
        yield report, content
        return
    half = len(recipients) // 2
    for part in (recipients[:half], recipients[half:]):
        status = replace(report.status, recipients=part)
        yield from _small_enough(replace(report, queue_id=ids.make(), status=status), ids)
