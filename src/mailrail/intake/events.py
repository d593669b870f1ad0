"""Floor 3 · intake — the moment we take responsibility, or do not."""

from typing import ClassVar

from mailrail.observe import Event, Level


class MessageAccepted(Event, frozen=True, kw_only=True):
    """A message is on stable storage: its 250 may be said.

    Attributes:
        sender: reverse-path, "<>" for the null one.
        recipients: how many.
        size: octets as stored.
        seconds: from the first content to the commit.
        user: who has logged in, "" for nobody.
        tls: version, cipher and verified client certificate, as in the trace; "" in clear.
        priority: -9 to 9 (RFC 6710).
    """

    client: str
    hello: str
    protocol: str
    sender: str
    recipients: int
    size: int
    seconds: float
    user: str = ""
    tls: str = ""
    priority: int = 0


class MessageRefused(Event, frozen=True, kw_only=True):
    """A message arrived whole and was not taken."""

    client: str
    sender: str
    reply: str


class AcceptFailed(Event, frozen=True, kw_only=True):
    """A message could not be stored: the fault is ours, the client was told to try later."""

    level: ClassVar[Level] = Level.ERROR
    client: str
    reason: str
