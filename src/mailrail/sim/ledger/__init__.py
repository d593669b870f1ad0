"""Floor 5 · sim — the books: what was promised, what arrived, and every rule that was broken on the way."""

from mailrail.sim.ledger.books import NodeFacts
from mailrail.sim.ledger.bound import Bound
from mailrail.sim.ledger.copy import Answered, Copy, Meant, Violation
from mailrail.sim.ledger.ledger import Ledger
from mailrail.sim.ledger.leftovers import Leftover, leftovers
from mailrail.sim.ledger.summary import DestinationCount, Summary, summarise

__all__ = [
    "Answered",
    "Bound",
    "Copy",
    "DestinationCount",
    "Ledger",
    "Leftover",
    "Meant",
    "NodeFacts",
    "Summary",
    "Violation",
    "leftovers",
    "summarise",
]
