"""Floor 2 · server — one address that a server listens at, and what is different there."""

from dataclasses import dataclass

from mailrail.net import ClientCertificates, Endpoint
from mailrail.server.gate import Networks
from mailrail.server.settings import LimitSettings
from mailrail.smtp import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One listening address and how it behaves.

    Attributes:
        endpoint: where to listen; port 0 takes any free one.
        implicit_tls: TLS from the first byte (RFC 8314).
        is_lmtp: speak LMTP.
        auth_mechanisms: SASL mechanisms to offer, strongest first (the handler does the exchange); one with -PLUS is
            left out where it cannot be known which certificate a client will see.
        may_auth_in_clear: offer them without TLS too: only for who reads this machine's loopback anyway.
        client_certificates: what clients are asked for in the handshake, None for nothing; the server's
            certificates must have been loaded with it.
        proxy_from: the proxies that bring all connections, each with a PROXY header; None: clients come by themselves.
        future_release_s: for how long a sender may have a message kept back (FUTURERELEASE); the handler finds the wish in
            `Envelope.hold`. 0: not offered.
        requiretls: offer REQUIRETLS under TLS; whoever offers it passes the message on under verified TLS only, or not at all.
        mt_priority: offer MT-PRIORITY; the handler finds the number in `Envelope.priority`, and must see to it that no
            stranger's is above 0 (RFC 6710 §4.1).
        deliver_by_s: the shortest time within which a sender may ask for delivery, or for the message back (DELIVERBY); the
            handler finds the wish in `Envelope.deliver_by`. 0: not offered.
        xclient_from: clients that may say by XCLIENT for whom they speak.
    """

    endpoint: Endpoint
    implicit_tls: bool = False
    is_lmtp: bool = False
    auth_mechanisms: tuple[str, ...] = ()
    may_auth_in_clear: bool = False
    client_certificates: ClientCertificates | None = None
    proxy_from: Networks | None = None
    requiretls: bool = False
    future_release_s: int = 0
    mt_priority: bool = False
    deliver_by_s: int = 0
    xclient_from: Networks = ()


def offer_at(port: Port, hostname: str, limits: LimitSettings, *, can_bind: bool) -> Offer:
    """Return what sessions at *port* are offered, as long as there are certificates.

    Args:
        can_bind: it is known which certificate a client will see, as mechanisms with -PLUS must.
    """
    mechanisms = port.auth_mechanisms
    return Offer(
        hostname=hostname,
        size_bytes=limits.message_bytes,
        recipients=limits.recipients,
        messages=limits.messages,
        messages_of_strangers=limits.messages_of_strangers,
        has_tls=not port.implicit_tls,
        auth_mechanisms=tuple(name for name in mechanisms if can_bind or not name.endswith("-PLUS")),
        has_requiretls=port.requiretls,
        future_release_s=port.future_release_s,
        has_mt_priority=port.mt_priority,
        deliver_by_s=port.deliver_by_s,
        may_auth_in_clear=port.may_auth_in_clear,
    )
