"""Floor 0 · model — an accepted message and the work it makes.

A message never changes once stored. What changes is kept in its *items*: one item for
each destination that still owes an answer for some of the recipients.
"""

from dataclasses import field
from typing import Final

from mailrail.model.envelope import Envelope
from mailrail.model.ids import QueueId
from mailrail.model.value import value


@value
class Origin:
    """Where a message came from, for the trace, the operator and the notices.

    Attributes:
        client: IP address of the peer, or "" when made here (a notice) or brought by a Unix socket.
        helo: what the peer called itself.
        protocol: "ESMTP", "ESMTPS", "LMTP" ... as in Received (RFC 3848, RFC 6531 §4.3).
        user: authenticated login, or "".
        session_id: the session that brought it, or "".
        is_local: it comes from one of our own people (trusted network or login), who are
            told of delays by default.
    """

    client: str = ""
    helo: str = ""
    protocol: str = ""
    user: str = ""
    session_id: str = ""
    is_local: bool = False


@value
class Message:
    """What was accepted: the facts beside the content.

    Attributes:
        queue_id: its name here.
        arrived_us: when the end of its data arrived, microseconds UTC.
        envelope: sender, recipients, parameters.
        size_bytes: length of the content as stored: CRLF line ends, no dot-stuffing, our trace
            header included.
        has_8bit: some octet of the content is above 127.
        origin: where it came from.
        is_notice: made by us about another message; never answered by one.
        is_tls_optional: its author wants it to arrive rather than to be protected (RFC 8689 §3); never with
            `requiretls`.
        is_plain: the content is known to have only CRLF line ends and no line that begins with a dot, because it was looked
            through when it came in. Never stored, so never believed of what lay on a disk.
        release_us: when it may leave, microseconds UTC: from here on its age counts (RFC 4865).
    """

    queue_id: QueueId
    arrived_us: int
    envelope: Envelope
    size_bytes: int
    has_8bit: bool = False
    origin: Origin = Origin()
    is_notice: bool = False
    is_tls_optional: bool = False
    is_plain: bool = field(default=False, compare=False)
    release_us: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        hold, now_us = self.envelope.hold, self.arrived_us
        self.release_us = now_us if hold is None else hold.release_us(now_us)  # type: ignore[misc]  # frozen for others

    @property
    def deliver_by_us(self) -> int:
        """By when it is to be delivered, microseconds UTC; 0: nobody said (RFC 2852 §4)."""
        by = self.envelope.deliver_by
        return 0 if by is None else self.arrived_us + by.by_s * 1_000_000


@value
class Pending:
    """One recipient that still waits.

    Attributes:
        index: its place in `envelope.recipients`.
        last_reply: what the last try ended with, as text; "" before the first.
    """

    index: int
    last_reply: str = ""


# What nearly every item begins with: its one recipient, never tried.
FIRST_ONLY: Final = (Pending(0),)


@value
class Item:
    """The work that one message makes at one destination: the unit of scheduling and leasing.

    Attributes:
        queue_id: the message.
        destination: key made by `routing`, for instance "mx:example.org" or
            "host:127.0.0.1:2525"; (queue_id, destination) names the item.
        pending: recipients still without a final outcome, at least one.
        attempts: tries already made.
        due_us: not to be tried before, microseconds UTC.
        warned: the sender was told of the delay (or is never to be).
        held: an operator keeps it back; it is never due while held.
    """

    queue_id: QueueId
    destination: str
    pending: tuple[Pending, ...]
    attempts: int = 0
    due_us: int = 0
    warned: bool = False
    held: bool = False
