"""Floor 5 · sim — what the parts of the ledger share: the copies, the nodes, and the violations found so far."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailrail.queue import QueueSettings
from mailrail.sim.ledger.copy import Copy, Violation
from mailrail.sim.strangers import Fate, Handover

SETTLE_S: Final = (
    5.0  # within which a node writes down what it has heard; a crash meanwhile may repeat a delivery
)
MOST_VIOLATIONS: Final = 1000


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the ledger knows of a node.

    Attributes:
        addresses: that it connects from.
        now_us: its wall clock.
        traceless: destinations that keep nothing that could be found again, such as an agent that discards.
    """

    name: str
    addresses: frozenset[str]
    queue: QueueSettings
    now_us: Callable[[], int]
    traceless: frozenset[str] = frozenset()


class Books:
    """The shared state.

    Attributes:
        copies: by key.
        keys: which copy a queue id belongs to; of a notice, the copy it tells of.
        notices: queue ids of notices.
        acknowledged: queue id to (node, time): a mailrail node heard the 250 that named it.
        deleted: queue ids that an operator wanted deleted.
        acts_s: when an operator last changed when an item is due, by queue id.
        broken_s: when a sync of a node's spool failed last.
        counts: for the timeline: taken, delivered, deferred ...
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.began_s = self._loop.time()
        self.copies: dict[str, Copy] = {}
        self.keys: dict[str, str] = {}
        self.notices: set[str] = set()
        self.acknowledged: dict[str, tuple[str, float]] = {}
        self.nodes: dict[str, NodeFacts] = {}
        self.node_at: dict[str, str] = {}
        self.crashes: defaultdict[str, list[float]] = defaultdict(list)
        self.broken_s: dict[str, float] = {}
        self.unstored_s: dict[str, float] = {}
        self.deleted: set[str] = set()
        self.acts_s: dict[str, float] = {}
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()

    def now_s(self) -> float:
        """Seconds since the books were opened."""
        return self._loop.time() - self.began_s

    def break_rule(self, rule: str, words: str, copy: Copy | None = None) -> None:
        """Write down that *rule* was broken; beyond a thousand they are only counted."""
        self.counts["violations"] += 1
        if len(self.violations) < MOST_VIOLATIONS:
            key = copy.key if copy is not None else ""
            history = copy.history() if copy is not None else ()
            self.violations.append(Violation(self.now_s(), key, rule, words, history))

    def copy_of(self, queue_id: str) -> Copy | None:
        """Return the copy that *queue_id* belongs to, if it is known."""
        return self.copies.get(self.keys.get(queue_id, ""))

    def is_sure(self, handover: Handover, queue_id: str) -> bool:
        """Tell whether the node that gave *handover* knows of it for good, so that it must not do it again."""
        if handover.fate is not Fate.READ:
            return False
        node = self.node_at.get(handover.client, "")
        return not self.has_died(node, handover.said_s - self.began_s, queue_id)

    def has_died(self, node: str, since_s: float, queue_id: str) -> bool:
        """Tell whether *node* crashed before it could have written down what it heard at *since_s*."""
        until_s = max(since_s, self.unstored_s.get(queue_id, 0.0)) + SETTLE_S
        return any(since_s <= crash_s <= until_s for crash_s in self.crashes[node])

    def is_upstream_sure(self, queue_id: str) -> bool:
        """Tell whether whoever brought *queue_id* to its node knows for good that it did."""
        if queue_id not in self.acknowledged:
            return False
        node, at_s = self.acknowledged[queue_id]
        return not self.has_died(node, at_s, "")
