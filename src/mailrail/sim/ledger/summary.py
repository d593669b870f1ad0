"""Floor 5 · sim — the books in figures, by destination and in all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mailrail.sim.ledger.books import Books
from mailrail.sim.ledger.copy import Answered, Copy, Fortune


@dataclass(slots=True)
class DestinationCount:
    """What became of the recipients at one domain.

    Attributes:
        recipients: that were taken.
        deferrals: tries that ended with "later".
        retries: tries beyond the first.
        delays_s: from the client's 250... of those delivered.
        replies: what deferrals and failures were explained with, most common first.
    """

    domain: str
    recipients: int = 0
    delivered: int = 0
    bounced: int = 0
    queued: int = 0
    deferrals: int = 0
    retries: int = 0
    duplicates: int = 0
    delays_s: list[float] = field(default_factory=list)
    replies: Counter[str] = field(default_factory=Counter)

    def add(self, fortune: Fortune) -> None:
        """Count one recipient."""
        self.recipients += 1
        self.deferrals += fortune.deferrals
        self.retries += max(fortune.attempts - 1, 0)
        self.duplicates += max(len(fortune.handovers) - 1, 0)
        if fortune.waited_s is not None:
            self.delivered += 1
            self.delays_s.append(fortune.waited_s)
        elif fortune.bounces or fortune.end:
            self.bounced += 1
        else:
            self.queued += 1
        if fortune.trouble:
            self.replies[fortune.trouble] += 1

    def delay_s(self, share: float) -> float:
        """Return the delay that *share* of those delivered stayed below; 0.0 if none were."""
        ordered = sorted(self.delays_s)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole.

    Attributes:
        destinations: by domain, most recipients first.
        total: all of them together.
        counts: of the books.
    """

    destinations: Sequence[DestinationCount]
    total: DestinationCount
    counts: Counter[str]


def summarise(books: Books) -> Summary:
    """Sum the books up."""
    found: dict[str, DestinationCount] = {}
    total = DestinationCount("all")
    for path, fortune in _owed(books.copies.values()):
        domain = path.rpartition("@")[2]
        found.setdefault(domain, DestinationCount(domain)).add(fortune)
        total.add(fortune)
    ordered = sorted(found.values(), key=lambda one: (-one.recipients, one.domain))
    return Summary(ordered, total, books.counts)


def _owed(copies: Iterable[Copy]) -> Iterable[tuple[str, Fortune]]:
    return (
        (path, fortune)
        for copy in copies
        if copy.answered is Answered.TAKEN
        for path, fortune in copy.fortunes.items()
    )
