"""Floor 4 · queue — tells what a try came to, one event for each recipient, if anybody listens."""

from typing import Final, TypedDict

from mailrail.model import Attempt, Deferred, Delivered, Outcome
from mailrail.observe import Bus, Event
from mailrail.queue.decide import Decision
from mailrail.queue.events import (
    RecipientDeferred,
    RecipientDelivered,
    RecipientExpired,
    RecipientFailed,
)
from mailrail.spool import Lease

_TOLD: Final[tuple[type[Event], ...]] = (
    RecipientDelivered,
    RecipientDeferred,
    RecipientFailed,
    RecipientExpired,
)


def tell(
    bus: Bus, lease: Lease, attempt: Attempt, decision: Decision, delay_s: float, *, suspended: bool
) -> None:
    """Emit the events of *decision*, made of *attempt*.

    Args:
        delay_s: age of the message.
        suspended: no try was made, the destination is asleep.
    """
    if not any(bus.wants(event) for event in _TOLD):
        return
    finals = dict(decision.finals)
    for pending, outcome in zip(lease.item.pending, attempt.outcomes, strict=True):
        final = finals.get(pending.index)
        facts = _facts(lease, attempt, pending.index, final or outcome, delay_s)
        if isinstance(outcome, Delivered):
            bus.emit(RecipientDelivered(**facts))
        elif final is None:
            next_us = decision.left.due_us if decision.left is not None else 0
            blame = outcome.blame.value
            bus.emit(RecipientDeferred(**facts, blame=blame, next_us=next_us, suspended=suspended))
        elif isinstance(outcome, Deferred):
            bus.emit(RecipientExpired(**facts))
        else:
            bus.emit(RecipientFailed(**facts, blame=outcome.blame.value))


def tell_delivered(bus: Bus, lease: Lease, attempt: Attempt, delay_s: float) -> None:
    """Emit that all recipients of *attempt* were delivered; somebody wants to hear it."""
    message, item = lease.message, lease.item
    recipients = message.envelope.recipients
    for pending, outcome in zip(item.pending, attempt.outcomes, strict=True):
        bus.emit(
            RecipientDelivered(  # with the same `_facts`, straight: one for nearly every message
                queue_id=item.queue_id,
                session=message.origin.session_id,
                recipient=recipients[pending.index].forward_path.text,
                destination=item.destination,
                relay=outcome.host or attempt.host,
                remote=attempt.remote,
                tls=attempt.tls,
                delay_s=delay_s,
                attempts=item.attempts + 1,
                reply=str(outcome.reply),
            )
        )


class _Facts(TypedDict):
    queue_id: str
    session: str
    recipient: str
    destination: str
    relay: str
    remote: str
    tls: str
    delay_s: float
    attempts: int
    reply: str


def _facts(lease: Lease, attempt: Attempt, index: int, outcome: Outcome, delay_s: float) -> _Facts:
    return {
        "queue_id": lease.item.queue_id,
        "session": lease.message.origin.session_id,
        "recipient": lease.message.envelope.recipients[index].forward_path.text,
        "destination": lease.item.destination,
        "relay": outcome.host or attempt.host,
        "remote": attempt.remote,
        "tls": attempt.tls,
        "delay_s": delay_s,
        "attempts": lease.item.attempts + 1,
        "reply": str(outcome.reply),
    }
