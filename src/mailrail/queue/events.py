"""Floor 4 · queue — the facts that the queue tells.

Enough for a line like Postfix's: `to=<>, relay=, delay=, dsn=, status=`. One event for each
recipient and try; none is built unless somebody listens.
"""

from typing import ClassVar

from mailrail.observe import Event, Level


class _RecipientEvent(Event, frozen=True, kw_only=True):
    """What every outcome of one recipient tells.

    Attributes:
        recipient: the forward-path.
        destination: key of the destination.
        relay: host that answered, "" if none.
        remote: its address and port, "" if none.
        tls: what protected it, "" if nothing did.
        delay_s: since the message was accepted.
        attempts: tries made, this one included.
        reply: code, enhanced code and words.
    """

    recipient: str
    destination: str
    relay: str = ""
    remote: str = ""
    tls: str = ""
    delay_s: float = 0.0
    attempts: int = 1
    reply: str = ""


class RecipientDelivered(_RecipientEvent, frozen=True, kw_only=True):
    """The next hop took responsibility for one recipient."""


class RecipientDeferred(_RecipientEvent, frozen=True, kw_only=True):
    """One recipient must wait for another try.

    Attributes:
        blame: what the trouble belongs to.
        next_us: when it is tried again, microseconds UTC.
        suspended: no try was made, because the destination is asleep.
    """

    blame: str
    next_us: int
    suspended: bool = False


class RecipientFailed(_RecipientEvent, frozen=True, kw_only=True):
    """One recipient will never get it; the sender is told."""

    blame: str


class RecipientExpired(_RecipientEvent, frozen=True, kw_only=True):
    """One recipient was tried for as long as the settings allow; the sender is told."""


class DestinationAsleep(Event, frozen=True, kw_only=True):
    """A destination failed so often in a row that it rests."""

    level: ClassVar[Level] = Level.WARNING

    destination: str
    sleep_s: float
    reply: str = ""


class DestinationAwake(Event, frozen=True, kw_only=True):
    """A destination that was asleep takes mail again."""

    destination: str


class AttemptCrashed(Event, frozen=True, kw_only=True):
    """A fault in our own program ended a try; the mail is kept."""

    level: ClassVar[Level] = Level.ERROR

    destination: str
    stack: str


class MessageDamaged(Event, frozen=True, kw_only=True):
    """A message's content does not read back; it is held for the operator."""

    level: ClassVar[Level] = Level.ERROR

    destination: str
    error: str


class ResultNotStored(Event, frozen=True, kw_only=True):
    """The spool did not take the result of a try; it is kept in memory and stored later."""

    level: ClassVar[Level] = Level.ERROR

    destination: str
    error: str
    retry_s: float


class SpoolUnreadable(Event, frozen=True, kw_only=True):
    """Due mail could not be claimed from the spool; it is tried again."""

    level: ClassVar[Level] = Level.ERROR

    error: str
    retry_s: float


class ClockStepped(Event, frozen=True, kw_only=True):
    """The wall clock was stepped; nothing expires because of it."""

    level: ClassVar[Level] = Level.WARNING

    step_s: float
