"""Floor 2 · client — the asynchronous client: sessions for delivery, `Client` and `send` for everybody."""

from mailrail.client.client import Client, send, send_sync
from mailrail.client.compose import compose
from mailrail.client.errors import (
    AllRecipientsRefused,
    AuthFailed,
    CannotSend,
    ConnectFailed,
    ConnectionLost,
    DataRefused,
    SenderRefused,
    SendError,
    SessionError,
    SessionFailed,
    SessionRefused,
    TlsFailed,
)
from mailrail.client.options import SendOptions
from mailrail.client.outcome import Result
from mailrail.client.session import ClientSession, SendResult
from mailrail.client.settings import ClientSettings
from mailrail.client.source import Source, WholeSource, read_whole
from mailrail.client.terms import SessionTerms

__all__ = [
    "AllRecipientsRefused",
    "AuthFailed",
    "CannotSend",
    "Client",
    "ClientSession",
    "ClientSettings",
    "ConnectFailed",
    "ConnectionLost",
    "DataRefused",
    "Result",
    "SendError",
    "SendOptions",
    "SendResult",
    "SenderRefused",
    "SessionError",
    "SessionFailed",
    "SessionRefused",
    "SessionTerms",
    "Source",
    "TlsFailed",
    "WholeSource",
    "compose",
    "read_whole",
    "send",
    "send_sync",
]
