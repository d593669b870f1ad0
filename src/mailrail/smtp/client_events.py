"""Floor 1 · smtp — what the client core tells its shell, in the order things happen."""

from dataclasses import dataclass
from enum import Enum

from mailrail.model import Reply, value
from mailrail.smtp.client_states import Stage


class Role(Enum):
    """Which protocol is spoken: SMTP (RFC 5321) or LMTP (RFC 2033)."""

    SMTP = "smtp"
    LMTP = "lmtp"


@dataclass(frozen=True, slots=True)
class Answered:
    """A command outside a transaction was answered; for AUTH: the exchange is over."""

    stage: Stage
    reply: Reply


@dataclass(frozen=True, slots=True)
class Challenged:
    """The server's turn in a SASL exchange, decoded; `respond` or `cancel_auth`."""

    challenge: bytes


@dataclass(frozen=True, slots=True)
class ContentWanted:
    """The peer waits for (more) content: `send_content`."""


@value
class Ended:
    """A transaction is over: for each recipient, in the order given, its reply and what that answers.

    A recipient has the message if its reply is 2yz; its stage is then END. A recipient at stage RCPT was
    itself refused; at MAIL, DATA, CONTENT and END the message or the session was.
    """

    replies: tuple[Reply, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Dismissed:
    """421 that answers nothing: the peer ends the session (RFC 5321 §3.8)."""

    reply: Reply


ClientEvent = Answered | Challenged | ContentWanted | Ended | Dismissed
