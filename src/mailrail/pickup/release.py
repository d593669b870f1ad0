"""Floor 4 · pickup — keeps what was just stored from delivery until its file is gone for good.

Were it delivered before that, and the power cut then, the file might be there again while the spool knows the message no more: it would
be sent twice. So this stands between `intake` and the queue for mail from the maildrop.
"""

from collections.abc import Iterable, Sequence

from mailrail.intake import Taker
from mailrail.model import QueueId
from mailrail.spool import Content, Lease


class Releaser:
    """A Taker that keeps leases until `release`.

    Args:
        taker: the queue.
    """

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._kept: dict[QueueId, tuple[Sequence[Lease], Content]] = {}

    def has_room(self, destinations: Iterable[str] = (), /, *, is_urgent: bool = False) -> bool:
        """Say yes: only what is leased is sure not to be delivered meanwhile."""
        return True

    def expect_at(self, due_us: int, /) -> None:
        """Know that something was stored that is due at *due_us*."""
        self._taker.expect_at(due_us)

    def offer(self, leases: Sequence[Lease], content: Content) -> None:
        """Keep the leased items of a message that was just committed."""
        self._kept[leases[0].message.queue_id] = (leases, content)

    def release(self, queue_id: QueueId) -> None:
        """Hand the items of a message on; no effect where none are kept, as with mail under a standing hold."""
        kept = self._kept.pop(queue_id, None)
        if kept is not None:
            self._taker.offer(*kept)
