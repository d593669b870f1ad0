"""Floor 4 · queue — what ends an item without a try: the operator, or the time that its sender set."""

from collections.abc import Iterable

from mailrail.model import Attempt, Blame, Failed, QueueId, Reply
from mailrail.queue.deadline import is_overdue, overdue
from mailrail.queue.decide import Decision
from mailrail.spool import Lease

ItemKey = tuple[QueueId, str]


class Ends:
    """Knows the operator's verdicts, each until its item comes by.

    Attributes:
        verdicts: by item; nearly always empty.
    """

    __slots__ = ("verdicts",)

    def __init__(self) -> None:
        self.verdicts: dict[ItemKey, Reply] = {}

    def condemn(self, keys: Iterable[ItemKey], verdict: Reply) -> None:
        """Take note that these items end with *verdict*."""
        self.verdicts.update((key, verdict) for key in keys)

    def verdict(self, lease: Lease) -> Reply | None:
        """Return with what the operator has ended an item, once; None if he has not."""
        return self.verdicts.pop((lease.item.queue_id, lease.item.destination), None)

    def untried(self, lease: Lease, age_s: float) -> tuple[Attempt, Decision] | None:
        """Return how an item ends that is not to be tried, as a try and for good; None: it is to be tried.

        Args:
            age_s: of its message.
        """
        if self.verdicts and (verdict := self.verdict(lease)) is not None:
            outcome = Failed(Blame.OURSELVES, verdict)
            pending = lease.item.pending
            finals = tuple((one.index, outcome) for one in pending)
            return Attempt((outcome,) * len(pending)), Decision(None, finals)
        if is_overdue(lease.message, age_s):
            attempt, late = overdue(lease)
            return attempt, Decision(None, late)
        return None
