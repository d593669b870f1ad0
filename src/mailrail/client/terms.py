"""Floor 2 · client — what a session is to be like, decided before it is opened."""

import ssl
from dataclasses import dataclass, field

from mailrail.model import Login, Rng, TlsLevel, system_rng
from mailrail.net import SessionCache
from mailrail.smtp import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """How to introduce ourselves, and what the peer must give.

    Attributes:
        hello_name: our host name for EHLO (RFC 5321 §4.1.1.1); "": the address literal of our side.
        role: SMTP or LMTP.
        tls: how much STARTTLS is wanted; with implicit_tls any level but NONE means TLS.
        implicit_tls: TLS from the first byte (RFC 8314 §3.3).
        context: from `net.client_context`, verifying or not as *tls* wants; needed unless *tls* is NONE.
        tls_sessions: where to find and leave TLS sessions to take up again.
        server_name: the peer's name for SNI and the check of its certificate.
        login: credentials, or None.
        may_login_in_clear: send them without TLS; only ever over loopback or a Unix socket.
        source: local IP address to connect from, or None.
        rng: for what a login needs of chance; nobody may predict it.
    """

    hello_name: str
    role: Role = Role.SMTP
    tls: TlsLevel = TlsLevel.MAY
    implicit_tls: bool = False
    context: ssl.SSLContext | None = None
    tls_sessions: SessionCache | None = None
    server_name: str | None = None
    login: Login | None = None
    may_login_in_clear: bool = False
    source: str | None = None
    rng: Rng = field(default_factory=system_rng)

    def __post_init__(self) -> None:
        if self.context is None and (self.tls is not TlsLevel.NONE or self.implicit_tls):
            raise ValueError("TLS needs a context: make one by net.client_context")
