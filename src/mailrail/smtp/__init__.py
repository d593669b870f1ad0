"""Floor 1 · smtp — the protocol itself, both roles: bytes in, events out; nothing waits here."""

from mailrail.smtp.events import (
    Auth,
    AuthCancelled,
    AuthResponse,
    Chunk,
    DataStart,
    EndOfData,
    Event,
    Hello,
    Mail,
    Rcpt,
    Refused,
    Reset,
    StartTls,
    Verify,
)
from mailrail.smtp.limits import Limits
from mailrail.smtp.lines import DotWriter, is_clean, repaired, stuffed
from mailrail.smtp.offer import Offer, Offers
from mailrail.smtp.params import MailParameters, ParameterError, RcptParameters
from mailrail.smtp.server import ServerConnection
from mailrail.smtp.states import State

__all__ = [
    "Auth",
    "AuthCancelled",
    "AuthResponse",
    "Chunk",
    "DataStart",
    "DotWriter",
    "EndOfData",
    "Event",
    "Hello",
    "Limits",
    "Mail",
    "MailParameters",
    "Offer",
    "Offers",
    "ParameterError",
    "Rcpt",
    "RcptParameters",
    "Refused",
    "Reset",
    "ServerConnection",
    "StartTls",
    "State",
    "Verify",
    "is_clean",
    "repaired",
    "stuffed",
]
