"""Floor 0 · model — what travels around a message: who from, who to, with which wishes.

The words are those of RFC 5321 and 3461. An envelope never changes once accepted;
what becomes of a recipient is the queue's business.
"""

from enum import Enum, Flag

from mailrail.model.address import Address
from mailrail.model.deliver_by import DeliverBy
from mailrail.model.hold import Hold
from mailrail.model.value import value


class Body(Enum):
    """What the sender declared the content to be (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Ret(Enum):
    """How much of the message a failure notice returns (RFC 3461 §4.3)."""

    FULL = "FULL"
    HDRS = "HDRS"


class Notify(Flag):
    """When the sender wants a notice about a recipient (RFC 3461 §4.1).

    DEFAULT, no NOTIFY parameter: failures, and delays where we care to tell.
    """

    DEFAULT = 0
    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8


@value
class Recipient:
    """One forward-path and the wishes that came with it.

    Attributes:
        forward_path: where the message goes.
        notify: NEVER alone, or any of the others together.
        orcpt: the original recipient, "type;address" with the xtext already decoded
            (RFC 3461 §4.2); empty when none was given.
        target: what an alias named instead of an address: "|program argument", "/file" or "/Maildir/"; "expanded" or
            "list" for an address of ours that others stand for, of which only the sender's notice is left
            (RFC 3461 §5.2.7); empty: as routing says.
        returns_to: the reverse-path for this recipient instead of the envelope's, as a list has one of its own
            (RFC 5321 §3.9.2); never beside a null one.
        is_forwarded: an address of ours led out of our domains to this one.
    """

    forward_path: Address
    notify: Notify = Notify.DEFAULT
    orcpt: str = ""
    target: str = ""
    returns_to: Address | None = None
    is_forwarded: bool = False


@value
class Envelope:
    """The sender, the recipients and the transaction's parameters.

    Attributes:
        reverse_path: None is the null reverse-path `<>`, which is never sent a notice.
        envid: decoded, 1 to 100 printable characters, or empty (RFC 3461 §4.4).
        hold: until when the sender wants it kept back, None: it leaves at once (RFC 4865).
        requiretls: every hop must be under verified TLS and promise the same (RFC 8689 §2).
        priority: -9 to 9; what is higher goes first (RFC 6710 §5).
        deliver_by: within how long of its arrival it is to be delivered, None: it is not said (RFC 2852).
    """

    reverse_path: Address | None
    recipients: tuple[Recipient, ...]
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    ret: Ret | None = None
    envid: str = ""
    requiretls: bool = False
    hold: Hold | None = None
    priority: int = 0
    deliver_by: DeliverBy | None = None
