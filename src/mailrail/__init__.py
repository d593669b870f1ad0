"""mailrail: the mail transfer agent for people who think in Python.

The library, in one screen:

    await mailrail.send(message, host="smtp.example.org")       # one message, one server
    mailrail.send_sync(message, host="smtp.example.org")        # the same without a loop
    async with mailrail.Client("smtp.example.org") as client:   # several over one session
        await client.send(message)
    await mailrail.deliver(message)                             # straight to the recipients' MX hosts
    async with mailrail.Server(MyHandler, hostname="mx.example.org", listen="127.0.0.1:2525"):
        await asyncio.Event().wait()                            # MyHandler(mailrail.Handler) says what becomes of mail

A server's handler answers with replies of the register: `from mailrail import reply as say`, then
`say.NO_SUCH_USER`, `say.DONE` ... What can go wrong with a message is a `SendError`; with anything, a `MailrailError`.

A name is imported when it is first used, so that a program which only sends does not load the server.
"""

import sys
from importlib import import_module

# Type checkers know the name. Importing `typing` for it would cost `sendmail`, which cron calls, half of its time.
TYPE_CHECKING = False
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
    from mailrail.delivery import (
        Delivery,
        DeliverySettings,
        deliver,
    )
    from mailrail.dns import (
        DnsResolver,
        DnsSettings,
        Resolver,
    )
    from mailrail.model import (
        Address,
        AddressError,
        Blame,
        Body,
        Deferred,
        DeliverBy,
        Delivered,
        DnsError,
        Envelope,
        Failed,
        Login,
        MailrailError,
        NetError,
        Notify,
        Outcome,
        Recipient,
        Reply,
        Ret,
        SettingsError,
        parse_address,
        reply,
        system_rng,
    )
    from mailrail.net import (
        CertificateFiles,
        ClientCertificates,
        Endpoint,
        Identity,
        ServerContexts,
        SocketNetwork,
        TlsInfo,
        TlsSettings,
        client_context,
        server_context,
    )
    from mailrail.observe import (
        Bus,
        Event,
        Level,
    )
    from mailrail.sasl import (
        KeyRecord,
        ScramKeys,
        derive_keys,
        format_keys,
        parse_keys,
    )
    from mailrail.server import (
        Answer,
        AuthExchange,
        EndAnswer,
        Handler,
        LimitSettings,
        Port,
        Server,
        ServerSettings,
        SessionFacts,
        TimeoutSettings,
        Transaction,
        Verifier,
    )
    from mailrail.smtp import (
        Stage,
    )

    __version__: str

_HOMES = {
    "mailrail.client": (
        "AllRecipientsRefused", "AuthFailed", "CannotSend", "Client", "ClientSettings",
        "ConnectFailed", "ConnectionLost", "DataRefused", "Result", "SendError", "SendOptions",
        "SenderRefused", "TlsFailed", "send", "send_sync",
    ),
    "mailrail.delivery": (
        "Delivery", "DeliverySettings", "deliver",
    ),
    "mailrail.dns": (
        "DnsResolver", "DnsSettings", "Resolver",
    ),
    "mailrail.model": (
        "Address", "AddressError", "Blame", "Body", "Deferred", "DeliverBy", "Delivered", "DnsError", "Envelope",
        "Failed", "Login", "MailrailError", "NetError", "Notify", "Outcome", "Recipient", "Reply", "Ret",
        "SettingsError", "parse_address", "reply", "system_rng",
    ),
    "mailrail.net": (
        "CertificateFiles", "ClientCertificates", "Endpoint", "Identity", "ServerContexts", "SocketNetwork",
        "TlsInfo", "TlsSettings", "client_context", "server_context",
    ),
    "mailrail.observe": (
        "Bus", "Event", "Level",
    ),
    "mailrail.sasl": (
        "KeyRecord", "ScramKeys", "derive_keys", "format_keys", "parse_keys",
    ),
    "mailrail.server": (
        "Answer", "AuthExchange", "EndAnswer", "Handler", "LimitSettings", "Port", "Server", "ServerSettings",
        "SessionFacts", "TimeoutSettings", "Transaction", "Verifier",
    ),
    "mailrail.smtp": (
        "Stage",
    ),
}  # fmt: skip
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names}

__all__ = [
    "Address",
    "AddressError",
    "AllRecipientsRefused",
    "Answer",
    "AuthExchange",
    "AuthFailed",
    "Blame",
    "Body",
    "Bus",
    "CannotSend",
    "CertificateFiles",
    "Client",
    "ClientCertificates",
    "ClientSettings",
    "ConnectFailed",
    "ConnectionLost",
    "DataRefused",
    "Deferred",
    "DeliverBy",
    "Delivered",
    "Delivery",
    "DeliverySettings",
    "DnsError",
    "DnsResolver",
    "DnsSettings",
    "EndAnswer",
    "Endpoint",
    "Envelope",
    "Event",
    "Failed",
    "Handler",
    "Identity",
    "KeyRecord",
    "Level",
    "LimitSettings",
    "Login",
    "MailrailError",
    "NetError",
    "Notify",
    "Outcome",
    "Port",
    "Recipient",
    "Reply",
    "Resolver",
    "Result",
    "Ret",
    "ScramKeys",
    "SendError",
    "SendOptions",
    "SenderRefused",
    "Server",
    "ServerContexts",
    "ServerSettings",
    "SessionFacts",
    "SettingsError",
    "SocketNetwork",
    "Stage",
    "TimeoutSettings",
    "TlsFailed",
    "TlsInfo",
    "TlsSettings",
    "Transaction",
    "Verifier",
    "client_context",
    "deliver",
    "derive_keys",
    "format_keys",
    "parse_address",
    "parse_keys",
    "reply",
    "send",
    "send_sync",
    "server_context",
    "system_rng",
]


# Hidden from type checkers: to them any name would exist.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import *name* from its room (PEP 562)."""
        if name == "__version__":
            return import_module("importlib.metadata").version("mailrail")
        room = _HOME_OF.get(name)
        if room is None:
            # With name and obj, Python says what it would suggest instead.
            text = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=sys.modules[__name__])
        return getattr(import_module(room), name)


def __dir__() -> list[str]:
    return [*sorted(__all__), "__version__"]
