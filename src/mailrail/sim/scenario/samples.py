"""Floor 5 · sim — how a simulation went over time: some hundred samples, however long it was."""

from dataclasses import dataclass, field
from typing import Final

from mailrail.sim.ledger import Ledger

SAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        at_s: simulated seconds since the beginning.
        waiting: recipients that were taken and have no end yet.
        taken, delivered, deferred, returned: so far, in all; recipients, and for *deferred* tries.
    """

    at_s: float
    waiting: int
    taken: int
    delivered: int
    deferred: int
    returned: int


@dataclass(slots=True)
class Samples:
    """All looks, oldest first."""

    rows: list[Sample] = field(default_factory=list)

    def look(self, ledger: Ledger) -> None:
        """Take one more."""
        counts = ledger.books.counts
        taken, delivered, returned = counts["recipients"], counts["delivered"], counts["ended"]
        self.rows.append(
            Sample(
                ledger.books.now_s(),
                max(taken - delivered - returned, 0),
                taken,
                delivered,
                counts["RecipientDeferred"],
                returned,
            )
        )
