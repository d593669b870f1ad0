"""Floor 5 · config — where the daemon listens, and what for.

A role is a bundle of safe defaults, so that a listener needs two keys only.
"""

from enum import Enum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from mailrail.config.relay import Network
from mailrail.net import ClientCertificates, Endpoint
from mailrail.settings import Settings, setting


class Role(Enum):
    """What a listener is for."""

    MX = "mx"  # mail for our domains from anybody; relays only for `relay.networks`
    SUBMISSION = "submission"  # mail from our people; login or `relay.networks`
    INTERNAL = "internal"  # mail from our own programs, by `relay.networks`
    LMTP = "lmtp"  # RFC 2033, for programs that hand mail over with a reply for each recipient


class ClientCertificate(Enum):
    """Whether a listener's TLS asks clients who they are."""

    NONE = "none"
    ASK = "ask"
    REQUIRE = "require"


def _checked(text: str) -> str:
    Endpoint.parse(text)
    return text


EndpointText = Annotated[str, AfterValidator(_checked)]


class ListenerSettings(Settings):
    """One address to take mail at."""

    address: EndpointText = setting(..., 'Where to listen: "host:port", "[::]:25" or "unix:/path".')
    role: Role = setting(Role.MX, "What it is for; each role has safe defaults of its own.")
    implicit_tls: bool = setting(
        False,
        "TLS from the first byte, as on port 465; needs a certificate in [tls].",
        source="RFC 8314 §3.3",
    )

    client_certificate: ClientCertificate = setting(
        ClientCertificate.NONE,
        "Whether TLS asks clients for a certificate: none, ask (they may come without) or require; "
        "with the last one nobody comes in who has none, or who says no STARTTLS.",
        source="RFC 8446 §4.3.2",
    )
    client_ca: Path | None = setting(None, "PEM file of the authorities that may vouch for clients.")
    proxy_protocol: bool = setting(
        False,
        "Every connection begins with a PROXY header (version 1 or 2), and the client that it names is the one that counts.",
        source="HAProxy, doc/proxy-protocol.txt",
    )
    proxy_from: tuple[Network, ...] = setting(
        (), "Addresses of the proxies; with proxy_protocol nobody else is let in. A Unix socket needs none."
    )

    @model_validator(mode="after")
    def _asks_with_authorities(self) -> Self:
        if (self.client_certificate is not ClientCertificate.NONE) != (self.client_ca is not None):
            raise ValueError('client_certificate = "ask" or "require" and client_ca belong together')
        return self

    @model_validator(mode="after")
    def _knows_its_proxies(self) -> Self:
        if self.proxy_protocol != bool(self.proxy_from) and not (
            self.proxy_protocol and self.endpoint.is_unix
        ):
            raise ValueError("proxy_protocol = true and proxy_from belong together")
        return self

    @property
    def proxies(self) -> tuple[Network, ...] | None:
        """Who brings all connections, each with a PROXY header; None: clients come by themselves."""
        return self.proxy_from if self.proxy_protocol else None

    @property
    def asks_for(self) -> ClientCertificates | None:
        """What clients are asked for in the handshake, None for nothing."""
        if self.client_ca is None:
            return None
        is_required = self.client_certificate is ClientCertificate.REQUIRE
        return ClientCertificates(self.client_ca, is_required=is_required)

    @property
    def endpoint(self) -> Endpoint:
        """The address as a value."""
        return Endpoint.parse(self.address)
