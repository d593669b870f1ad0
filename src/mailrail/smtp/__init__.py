"""Floor 1 · smtp — the protocol itself, both roles: bytes in, events out; nothing waits here."""

from mailrail.smtp.client import ClientConnection
from mailrail.smtp.client_events import (
    Answered,
    Challenged,
    ClientEvent,
    ContentWanted,
    Dismissed,
    Ended,
    Role,
)
from mailrail.smtp.client_states import Stage
from mailrail.smtp.client_states import State as ClientState
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
    Xclient,
)
from mailrail.smtp.extensions import Extensions, parse_extensions
from mailrail.smtp.limits import Limits
from mailrail.smtp.lines import DotWriter, is_clean, repaired, stuffed
from mailrail.smtp.offer import Offer, Offers
from mailrail.smtp.params import MailParameters, ParameterError, RcptParameters
from mailrail.smtp.server import ServerConnection
from mailrail.smtp.states import State
from mailrail.smtp.xclient import ClientFacts

__all__ = [
    "Answered",
    "Auth",
    "AuthCancelled",
    "AuthResponse",
    "Challenged",
    "Chunk",
    "ClientConnection",
    "ClientEvent",
    "ClientFacts",
    "ClientState",
    "ContentWanted",
    "DataStart",
    "Dismissed",
    "DotWriter",
    "EndOfData",
    "Ended",
    "Event",
    "Extensions",
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
    "Role",
    "ServerConnection",
    "Stage",
    "StartTls",
    "State",
    "Verify",
    "Xclient",
    "is_clean",
    "parse_extensions",
    "repaired",
    "stuffed",
]
