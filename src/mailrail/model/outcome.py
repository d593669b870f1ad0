"""Floor 0 · model — how one try for one recipient ended.

Only `delivery/classify.py` makes these out of replies and errors.
"""

from enum import Enum

from mailrail.model.reply import Reply
from mailrail.model.value import value


class Blame(Enum):
    """What the trouble belongs to; decides what else must wait."""

    RECIPIENT = "recipient"  # only this address
    MESSAGE = "message"  # every recipient of this message here
    HOST = "host"  # try the next MX
    DESTINATION = "destination"  # slow the whole queue down
    OURSELVES = "ourselves"  # our disk, our settings, our resolver: nobody is bounced


@value
class Delivered:
    """The next hop took responsibility.

    Attributes:
        reply: what it said to the end of the data (or to RCPT, by LMTP rules).
        host: who said it: a host name or address, as shown in `Remote-MTA`.
        passed_dsn: the hop offers DSN and was told the sender's wishes (RFC 3461 §5.2.2):
            it owes the success notice now, not we.
        is_final: the mailbox itself took it (LMTP, a local agent), not one more hop: "delivered"
            in a success notice, else "relayed" (RFC 3464 §2.3.3).
        passed_by: the hop offers DELIVERBY and was told how much time is left (RFC 2852 §4.1.4).
        is_expanded: the address stood for several others, of which no more is told: "expanded" there.
    """

    reply: Reply
    host: str
    passed_dsn: bool = False
    is_final: bool = False
    is_expanded: bool = False
    passed_by: bool = False


@value
class Deferred:
    """Not now: try again later."""

    blame: Blame
    reply: Reply
    host: str = ""


@value
class Failed:
    """Never: the recipient leaves the queue and the sender is told."""

    blame: Blame
    reply: Reply
    host: str = ""


Outcome = Delivered | Deferred | Failed
