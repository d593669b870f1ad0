"""Floor 5 · sim — the limits of a node's settings, as bounds that the ledger looks at again and again."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from mailrail.config import MailrailSettings
from mailrail.daemon import Daemon
from mailrail.sim.ledger import Ledger
from mailrail.sim.strangers import Stranger

WINDOW_S: Final = 600.0


def guard_node(
    ledger: Ledger, name: str, settings: MailrailSettings, daemon: Callable[[], Daemon | None]
) -> None:
    """Watch what a node holds in memory, and how many sessions it serves."""

    def items() -> int:
        node = daemon()
        places = node.manager.destinations() if node is not None else ()
        return sum(place.waiting.size + place.running for place in places)

    def sessions() -> int:
        node = daemon()
        return node.server.session_count if node is not None else 0

    def answers() -> int:
        node = daemon()
        return node.resolver.kept if node is not None else 0

    ledger.bound(f"answers of the DNS in memory of {name}", settings.dns.cache_size, answers)
    ledger.bound(f"items in memory of {name}", settings.queue.active_items, items)
    ledger.bound(f"sessions served by {name}", settings.limits.connections, sessions)


def guard_stranger(
    ledger: Ledger,
    stranger: Stranger,
    name: str,
    addresses: Sequence[str],
    limits: Sequence[tuple[int, float]],
    now_s: Callable[[], float],
) -> None:
    """Watch what the node *name* does to *stranger*.

    Args:
        addresses: that the node connects from.
        limits: for each destination that leads to this stranger, connections at once and messages a second (0: any).
    """
    host, tally = stranger.place.name, stranger.tally

    def connections() -> int:
        return sum(tally.most_by_client.get(address, 0) for address in addresses)

    ledger.bound(f"connections of {name} at {host}", sum(most for most, _ in limits), connections)
    if limits and all(rate for _, rate in limits):
        most = sum(rate for _, rate in limits) * WINDOW_S + len(limits)
        count = Lately(now_s, lambda: sum(tally.messages.get(address, 0) for address in addresses))
        ledger.bound(f"messages of {name} to {host} in {WINDOW_S:.0f} s", most, count.read)


class Lately:
    """How much a count grew within a window of time, as far as it was looked at."""

    def __init__(self, now_s: Callable[[], float], count: Callable[[], int]) -> None:
        self._now_s = now_s
        self._count = count
        self._past: deque[tuple[float, int]] = deque()

    def read(self) -> int:
        """Return the growth within the last WINDOW_S seconds."""
        now_s, count = self._now_s(), self._count()
        self._past.append((now_s, count))
        while self._past[0][0] < now_s - WINDOW_S:
            self._past.popleft()
        return count - self._past[0][1]
