"""Floor 2 · server — the async shell of a mail server: listeners, sessions, limits, deadlines."""

from mailrail.server.board import Board, Seat
from mailrail.server.gate import ConnectionGate, Networks
from mailrail.server.handler import Answer, EndAnswer, Handler, SessionFacts, Transaction
from mailrail.server.line import HandlerFactory
from mailrail.server.login import AuthExchange, Verifier
from mailrail.server.port import Port
from mailrail.server.server import Server
from mailrail.server.session import Session
from mailrail.server.settings import LimitSettings, ServerSettings, TimeoutSettings

__all__ = [
    "Answer",
    "AuthExchange",
    "Board",
    "ConnectionGate",
    "EndAnswer",
    "Handler",
    "HandlerFactory",
    "LimitSettings",
    "Networks",
    "Port",
    "Seat",
    "Server",
    "ServerSettings",
    "Session",
    "SessionFacts",
    "TimeoutSettings",
    "Transaction",
    "Verifier",
]
