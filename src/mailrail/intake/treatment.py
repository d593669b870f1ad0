"""Floor 3 · intake — what is done to a message because of the listener that it comes by. Pure.

Mail from elsewhere is never altered. What our own people hand in is looked at while its author is still there to mend it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Final

from mailrail.message import HeaderWatch
from mailrail.model import Reply, value
from mailrail.model import reply as say

# RFC 5322 §3.6: at most one of each. Two of them are shown by one program and checked by another.
_AT_MOST_ONE: Final = {b"sender": "Sender", b"date": "Date", b"message-id": "Message-ID"}


@value
class Treatment:
    """How messages of one listener are treated.

    Attributes:
        completes: missing Date and Message-ID are added (RFC 6409 §8.2, §8.3).
        author: a From field for those that have none, where they are completed; b"": none is added.
        checks_header: what says who wrote it and when must be there once.
        judge_authors: says why a header section is refused for whom it names as its authors; None where anybody may be one.
        hides_client: our trace tells neither address nor name of the client.
        most_priority: the highest priority that an MT-Priority field may give (RFC 6758 §3.1); None: it is not looked at.
            Only where `completes` holds the header section back.
        rewrite: returns a header section with addresses as they are to be shown; None where they stay. Only where `completes` holds it back.
        is_none: nothing of all that, as with mail from elsewhere.
    """

    completes: bool = False
    author: bytes = b""
    checks_header: bool = False
    judge_authors: Callable[[bytes], Reply | None] | None = None
    hides_client: bool = False
    most_priority: int | None = None
    rewrite: Callable[[bytes], Awaitable[bytes]] | None = None
    is_none: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        asks = self.completes, self.checks_header, self.judge_authors, self.hides_client, self.rewrite
        self.is_none = not any(asks) and self.most_priority is None  # type: ignore[misc]  # frozen for others


RELAYED: Final = Treatment()


def header_fault(watch: HeaderWatch) -> Reply | None:
    """Return why a submission is refused for its header section, or None."""
    senders = 0 if watch.header.startswith((b" ", b"\t")) else watch.count(b"from")
    if senders != 1:
        return say.BAD_HEADER.with_text(
            "No From field: say who wrote this" if senders == 0 else f"{senders} From fields: one is allowed"
        )
    for asked, name in _AT_MOST_ONE.items():
        if (found := watch.count(asked)) > 1:
            return say.BAD_HEADER.with_text(f"{found} {name} fields: one is allowed")
    return None
