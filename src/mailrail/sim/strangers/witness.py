"""Floor 5 · sim — what strangers see, for whoever keeps the books.

A stranger knows better than any log whether its last word was read: a client that says anything more
after it has read it. Only mailrail's promise to speak one transaction after the other makes that sure; a
client that went on without waiting would be complained of.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from mailrail.model import Rng
from mailrail.net import ServerContexts

MODERN: Final = (
    "PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING", "SMTPUTF8", "MT-PRIORITY",
    "DELIVERBY 30",
)  # fmt: skip


class Fate(Enum):
    """What became of the reply to the end of a message."""

    UNSAID = auto()  # the stranger never spoke it
    SAID = auto()  # spoken; whether it arrived nobody knows
    READ = auto()  # the client went on after it


@dataclass(slots=True)
class Handover:
    """One message that a stranger keeps.

    Attributes:
        at_s: the loop's time.
        host: who took it.
        client: IP address of who brought it.
        reverse_path: as it stood between the angle brackets.
        recipients: forward-paths that were granted, each with its parameters.
        fate: grows as more becomes known.
        said_s: when the reply was spoken; 0.0 before.
    """

    at_s: float
    host: str
    client: str
    reverse_path: str
    recipients: tuple[tuple[str, str], ...]
    fate: Fate = Fate.UNSAID
    said_s: float = 0.0


class Witness(Protocol):
    """Whoever hears what strangers see."""

    def took(self, handover: Handover, content: bytes, /) -> None:
        """Know that a stranger keeps *content*, its dots removed."""
        ...

    def complain(self, host: str, client: str, words: str, /) -> None:
        """Know that *client* broke the rules of SMTP towards *host*."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stranger stands and who watches it.

    Attributes:
        name: its host name.
        offer: the lines of its EHLO reply.
        tls: certificates, where it offers STARTTLS and means it.
    """

    name: str
    witness: Witness
    rng: Rng
    offer: tuple[str, ...] = MODERN
    tls: ServerContexts | None = None
