"""mailrail: the mail transfer agent for people who think in Python.

The library, in one screen:

    await mailrail.send(message, host="smtp.example.org")       # one message, one server
    mailrail.send_sync(message, host="smtp.example.org")        # the same without a loop
    async with mailrail.Client("smtp.example.org") as client:   # several over one session
        await client.send(message)
    await mailrail.deliver(message)                             # straight to the recipients' MX hosts
    async with mailrail.Server(MyHandler, hostname="mx.example.org", listen="127.0.0.1:2525"): ...

A name is imported when it is first used, so that a program which only sends does not load the server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mailrail.client import (
        AllRecipientsRefused,
        AuthFailed,
        CannotSend,
        Client,
        ClientSettings,
        ConnectFailed,
        ConnectionLost,
        DataRefused,
        Result,
        SenderRefused,
        SendError,
        SendOptions,
        TlsFailed,
        send,
        send_sync,
    )
    from mailrail.delivery import Delivery, deliver
    from mailrail.model import (
        Address,
        AddressError,
        Body,
        Deferred,
        Delivered,
        Envelope,
        Failed,
        MailrailError,
        Notify,
        Outcome,
        Recipient,
        Reply,
        Ret,
        parse_address,
    )
    from mailrail.server import Handler, Server, ServerSettings, SessionFacts, Transaction

_HOMES: Final = {
    "mailrail.client": (
        "AllRecipientsRefused", "AuthFailed", "CannotSend", "Client", "ClientSettings", "ConnectFailed",
        "ConnectionLost", "DataRefused", "Result", "SendError", "SendOptions", "SenderRefused", "TlsFailed",
        "send", "send_sync",
    ),
    "mailrail.delivery": ("Delivery", "deliver"),
    "mailrail.model": (
        "Address", "AddressError", "Body", "Deferred", "Delivered", "Envelope", "Failed", "MailrailError",
        "Notify", "Outcome", "Recipient", "Reply", "Ret", "parse_address",
    ),
    "mailrail.server": ("Handler", "Server", "ServerSettings", "SessionFacts", "Transaction"),
}  # fmt: skip
_HOME_OF: Final = {name: room for room, names in _HOMES.items() for name in names}

__all__ = [
    "Address",
    "AddressError",
    "AllRecipientsRefused",
    "AuthFailed",
    "Body",
    "CannotSend",
    "Client",
    "ClientSettings",
    "ConnectFailed",
    "ConnectionLost",
    "DataRefused",
    "Deferred",
    "Delivered",
    "Delivery",
    "Envelope",
    "Failed",
    "Handler",
    "MailrailError",
    "Notify",
    "Outcome",
    "Recipient",
    "Reply",
    "Result",
    "Ret",
    "SendError",
    "SendOptions",
    "SenderRefused",
    "Server",
    "ServerSettings",
    "SessionFacts",
    "TlsFailed",
    "Transaction",
    "deliver",
    "parse_address",
    "send",
    "send_sync",
]


def __getattr__(name: str) -> object:
    """Import *name* from its room (PEP 562)."""
    room = _HOME_OF.get(name)
    if room is None:
        raise AttributeError(f"mailrail has no {name!r}")
    return getattr(import_module(room), name)


def __dir__() -> list[str]:
    return sorted(__all__)
