"""Floor 4 · report — what a sender is owed about one recipient. Pure.

The rules of RFC 3461 §4.1 and §5.2: the sender's NOTIFY decides; without one, failures are
told, and delays where the settings say so. Success is told only on request, and by the last
one who can: not by us if the next hop took the request over.
"""

from collections.abc import Iterator, Sequence

from mailrail.message import Action, RecipientStatus, typed_address
from mailrail.model import (
    SECOND_US,
    DeliverBy,
    Delivered,
    Envelope,
    Failed,
    Notify,
    Outcome,
    Recipient,
    Reply,
)


def wants_failure(recipient: Recipient) -> bool:
    """Tell whether the sender wants to hear that *recipient* failed."""
    return recipient.notify is Notify.DEFAULT or Notify.FAILURE in recipient.notify


def wants_delay(recipient: Recipient, *, by_default: bool) -> bool:
    """Tell whether the sender wants to hear that *recipient* has to wait."""
    return by_default if recipient.notify is Notify.DEFAULT else Notify.DELAY in recipient.notify


def wants_relayed(recipient: Recipient, outcome: Delivered, by: DeliverBy, *, is_late: bool) -> bool:
    """Tell whether the sender is to hear that the message went on to another hop (RFC 2852 §4.1.4).

    It asked for that, or its wish for a delivery in time ends here, for the hop could not be told.

    Args:
        is_late: the time was over before it went on: that was told.
    """
    # The owner of a list never asked.
    is_from_sender = recipient.returns_to is None
    if outcome.is_final or outcome.is_expanded or Notify.NEVER in recipient.notify or not is_from_sender:
        return False
    return by.traces or not (outcome.passed_by or is_late)


def final_action(
    recipient: Recipient, outcome: Outcome | None, by: DeliverBy | None = None, *, is_late: bool = False
) -> Action | None:
    """Return what is to be told about a final *outcome*, or None for nothing."""
    match outcome:
        case Failed() if wants_failure(recipient):
            return Action.FAILED
        case Delivered(passed_dsn=False) if Notify.SUCCESS in recipient.notify:
            if outcome.is_expanded:
                return Action.EXPANDED
            return Action.DELIVERED if outcome.is_final else Action.RELAYED
        case Delivered() if by is not None and wants_relayed(recipient, outcome, by, is_late=is_late):
            return Action.RELAYED
        case _:
            return None


def owed_finals(
    envelope: Envelope, outcomes: Sequence[tuple[int, Outcome]], *, is_late: bool = False
) -> Iterator[tuple[int, Outcome, Action]]:
    """Go through the final outcomes that the sender is to be told of; *is_late*: the time for its delivery is over."""
    for index, outcome in outcomes:
        action = final_action(envelope.recipients[index], outcome, envelope.deliver_by, is_late=is_late)
        if action is not None:
            yield index, outcome, action


def recipient_status(
    recipient: Recipient, outcome: Outcome | None, action: Action, *, now_us: int, retry_until_us: int = 0
) -> RecipientStatus:
    """Put together what a report tells of *recipient*; *outcome* is None where none is at hand."""
    remote_mta = diagnostic = ""
    if outcome is not None:
        reply = outcome.reply
        diagnostic = str(reply)
        # A reply with a source is one of ours (model/reply.py), about that host, not said by it.
        if not reply.source:
            remote_mta = outcome.host
        elif outcome.host:
            diagnostic += f" (tried last: {outcome.host})"
    return RecipientStatus(
        final_recipient=typed_address(recipient.forward_path),
        action=action,
        status=_status(action, outcome.reply if outcome else None),
        original_recipient=recipient.orcpt,
        remote_mta=remote_mta,
        diagnostic=diagnostic,
        last_attempt_us=now_us // SECOND_US * SECOND_US,
        will_retry_until_us=retry_until_us // SECOND_US * SECOND_US,
    )


def _status(action: Action, reply: Reply | None) -> str:
    """Return what *reply* says as a status; for a hop without enhanced codes the class only (RFC 3463 §2)."""
    if action is Action.DELAYED:
        # What is tried again is of class 4, even if a greeting or "too many recipients" said 5yz.
        return f"4{reply.enhanced_code[1:] if reply and reply.enhanced_code else '.0.0'}"
    if reply is not None and reply.enhanced_code:
        return reply.enhanced_code
    if reply is not None and reply.code // 100 in (2, 4, 5):
        return f"{reply.code // 100}.0.0"
    return "5.0.0" if action is Action.FAILED else "2.0.0"
