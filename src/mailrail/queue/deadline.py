"""Floor 4 · queue — what the time means that a sender sets for the delivery (RFC 2852). Pure.

Mode R: when it is over no further try is made, and the message goes back, even if the trouble was our own: it is its sender who wants that.
Before, tries come the closer the nearer the end is, for after it there is none.
Mode N: the sender is told at that time, and it goes on. That takes the place of the warning that all mail gets: this sender has said which
delay it wants to hear of.

Age counts from the release, as everywhere in the queue, with steps of the wall clock taken off.
"""

from typing import Final

from mailrail.model import SECOND_US, Attempt, Blame, Deferred, Failed, Message, Outcome, Reply, reply
from mailrail.spool import Lease

CLOSEST_S: Final = 10.0  # ours: nearer to the end no try is added
LEAST_S: Final = 0.001  # so that no wait is none


def left_s(message: Message, age_s: float) -> float | None:
    """Return in how many seconds its time is over; None: it has none. Not above 0: it is over."""
    by = message.envelope.deliver_by
    if by is None:
        return None
    return by.by_s - (message.release_us - message.arrived_us) / SECOND_US - age_s


def is_late(message: Message, age_s: float) -> bool:
    """Tell whether the time of *message* is over."""
    left = left_s(message, age_s)
    return left is not None and left <= 0


def is_overdue(message: Message, age_s: float) -> bool:
    """Tell whether *message* is to be returned because its time is over."""
    by = message.envelope.deliver_by
    return by is not None and by.returns and is_late(message, age_s)


def warn_s(message: Message, usual_s: float) -> float:
    """Return at which age the sender is told of the delay; 0: never.

    A message that came late already was told of by who let it become so.
    """
    by = message.envelope.deliver_by
    if by is None or by.returns or by.is_over:
        return usual_s
    return left_s(message, 0.0) or usual_s


def wait_s(message: Message, age_s: float, usual_s: float) -> float:
    """Return how long to wait for the next try, or for the end where there is none before it.

    A claim at the very time of a notice is enough: where the destination sleeps then, it is no try.
    """
    by, left = message.envelope.deliver_by, left_s(message, age_s)
    if by is None or left is None or left <= 0:
        return usual_s
    if by.returns and left / 2 >= CLOSEST_S:
        return min(usual_s, left / 2)
    return min(usual_s, max(left, LEAST_S))


def last_s(message: Message, age_s: float, usual_s: float) -> float:
    """Return for how much longer the message is tried."""
    by, left = message.envelope.deliver_by, left_s(message, age_s)
    return usual_s if by is None or left is None or not by.returns else min(usual_s, max(left, 0.0))


def overdue(lease: Lease) -> tuple[Attempt, tuple[tuple[int, Outcome], ...]]:
    """Return what becomes of an item whose time is over before it is tried again: as a try, and for good."""
    pending = lease.item.pending
    none = Deferred(Blame.MESSAGE, reply.DELIVER_BY_OVER)
    finals = tuple((one.index, _returned(one.last_reply)) for one in pending)
    return Attempt((none,) * len(pending)), finals


def _returned(last_reply: str) -> Failed:
    words = f"last reply: {last_reply}" if last_reply else "it was not tried"
    return Failed(Blame.MESSAGE, reply.EXPIRED.with_text(f"{reply.EXPIRED.text}; {words}"))


def told_late(outcome: Deferred) -> Deferred:
    """Return what the sender is told of a recipient that is late (RFC 2852 §4.1.3)."""
    late: Reply = reply.DELIVER_BY_OVER
    return Deferred(outcome.blame, late.with_text(f"{late.text}; last reply: {outcome.reply}"), outcome.host)
