"""Floor 4 · queue — what becomes of an item after a try. Pure: time and chance are handed in.

Blame decides (DESIGN §5): trouble of our own neither counts as a try nor ever ends a message; for
every other deferral the schedule of `retry` says when, and old age when no more.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mailrail.model import (
    SECOND_US,
    Attempt,
    Blame,
    Deferred,
    Delivered,
    Failed,
    Item,
    Message,
    Notify,
    Outcome,
    Pending,
    Reply,
    reply,
    value,
)
from mailrail.queue import deadline
from mailrail.queue.retry import Uniform, is_expired, next_wait_s, vary
from mailrail.queue.settings import RetrySettings
from mailrail.spool import Lease

_DEFAULT: Final = Notify.DEFAULT
_NONE: Final[tuple[tuple[int, Outcome], ...]] = ()


@value
class Decision:
    """How an item goes on.

    Attributes:
        left: the item as it waits on; None when every recipient has a final outcome.
        finals: recipient index and final outcome, for those that leave the queue now.
        delayed: recipient index and last outcome, for those whose sender is to be told of the delay now.
        retry_until_us: until when they will be tried, microseconds UTC.
    """

    left: Item | None
    finals: tuple[tuple[int, Outcome], ...]
    delayed: tuple[tuple[int, Outcome], ...] = _NONE
    retry_until_us: int = 0


@value
class Moment:
    """When a decision is made.

    Attributes:
        now_us: wall time.
        age_s: of the message, steps of the wall clock taken off.
        not_before_s: seconds until the destination wakes, 0 if it is awake.
    """

    now_us: int
    age_s: float
    not_before_s: float = 0.0


# An item that is over, and of whose end nobody is to hear: nearly every one. One for all, for making a value is dear.
DONE: Final = Decision(None, _NONE)


def is_quiet_end(lease: Lease, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether every recipient of *lease* was delivered, and nobody asked to hear of that.

    *Source:* RFC 3461 §4.1, by which no NOTIFY asks for failures and delays alone; RFC 2852 §4.
    """
    envelope = lease.message.envelope
    recipients = envelope.recipients
    for pending, outcome in zip(lease.item.pending, outcomes, strict=True):
        if type(outcome) is not Delivered or recipients[pending.index].notify is not _DEFAULT:
            return False
    return envelope.deliver_by is None


def decide(
    lease: Lease, outcomes: Sequence[Outcome], moment: Moment, settings: RetrySettings, uniform: Uniform
) -> Decision:
    """Decide how *lease*'s item goes on after a try that ended with *outcomes*, in the item's order."""
    item = lease.item
    finals: list[tuple[int, Outcome]] = []
    waiting: list[tuple[int, Deferred]] = []
    for pending, outcome in zip(item.pending, outcomes, strict=True):
        if isinstance(outcome, Deferred):
            waiting.append((pending.index, outcome))
        else:
            finals.append((pending.index, outcome))
    if not waiting:
        return Decision(None, tuple(finals))
    return _decide_waiting(lease, finals, waiting, moment, settings, uniform)


def _decide_waiting(
    lease: Lease,
    finals: list[tuple[int, Outcome]],
    waiting: list[tuple[int, Deferred]],
    moment: Moment,
    settings: RetrySettings,
    uniform: Uniform,
) -> Decision:
    item, message = lease.item, lease.message
    is_ours = all(outcome.blame is Blame.OURSELVES for _, outcome in waiting)
    attempts = item.attempts if is_ours and not finals else item.attempts + 1
    give_up_s = settings.give_up_notice_s if message.envelope.reverse_path is None else settings.give_up_s
    if deadline.is_overdue(message, moment.age_s):
        return Decision(None, (*finals, *((index, _expired(outcome)) for index, outcome in waiting)))
    if not is_ours and is_expired(attempts, moment.age_s, give_up_s, settings):
        # A recipient whose last trouble was our own is spared even then.
        finals += [
            (index, _expired(outcome)) for index, outcome in waiting if outcome.blame is not Blame.OURSELVES
        ]
        waiting = [(index, outcome) for index, outcome in waiting if outcome.blame is Blame.OURSELVES]
        if not waiting:
            return Decision(None, tuple(finals))
    warn_s = deadline.warn_s(message, settings.warn_s)
    may_warn = not item.warned and warn_s > 0
    warns = may_warn and moment.age_s >= warn_s
    if is_ours:
        wait_s = vary(settings.ours_s, settings, uniform)
    else:
        wait_s = next_wait_s(attempts, give_up_s - moment.age_s, settings, uniform)
    if may_warn and not warns:
        # A try falls on the hour of the warning, so that the sender is not told hours later.
        wait_s = min(wait_s, max(warn_s - moment.age_s, settings.first_s))
    wait_s = deadline.wait_s(message, moment.age_s, max(wait_s, moment.not_before_s))
    left = replace(
        item,
        pending=tuple(Pending(index, str(outcome.reply)) for index, outcome in waiting),
        attempts=attempts,
        due_us=moment.now_us + int(wait_s * SECOND_US),
        warned=item.warned or warns,
    )
    return Decision(
        left,
        tuple(finals),
        _told(message, waiting) if warns else _NONE,
        moment.now_us
        + int(deadline.last_s(message, moment.age_s, max(give_up_s - moment.age_s, wait_s)) * SECOND_US),
    )


def _told(message: Message, waiting: list[tuple[int, Deferred]]) -> tuple[tuple[int, Outcome], ...]:
    """Return what the sender is told of those who wait."""
    by = message.envelope.deliver_by
    if by is None or by.returns or by.is_over:
        return tuple(waiting)
    return tuple((index, deadline.told_late(outcome)) for index, outcome in waiting)


def _expired(last: Deferred) -> Failed:
    """Return the end of a recipient that only ever was deferred, with the last words of the peer."""
    text = f"{reply.EXPIRED.text}; last reply: {last.reply}"
    return Failed(last.blame, reply.EXPIRED.with_text(text), last.host)


def trouble(outcomes: Sequence[Outcome]) -> Deferred | None:
    """Return the deferral that slows the destination down, or None when it did its part.

    One recipient that got through shows that the destination lives; that a recipient or a message is
    refused is no trouble of it.
    """
    found = None
    for outcome in outcomes:
        if isinstance(outcome, Deferred) and outcome.blame in _SLOWING:
            found = outcome
        elif isinstance(outcome, Delivered):
            return None
    return found


_SLOWING = frozenset({Blame.HOST, Blame.DESTINATION, Blame.OURSELVES})


def condemned(attempt: Attempt, verdict: Reply) -> Attempt:
    """Return *attempt* with the operator's verdict for whom it leaves waiting."""
    final = Failed(Blame.OURSELVES, verdict)
    outcomes = tuple(final if isinstance(one, Deferred) else one for one in attempt.outcomes)
    return Attempt(outcomes, attempt.host, attempt.remote, attempt.tls)
