"""Floor 5 · config — where the daemon listens, and what for.

A role is a bundle of safe defaults, so that a listener needs two keys only.
"""

from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, model_validator

from mailrail.intake import Treatment
from mailrail.net import ClientCertificates, Endpoint
from mailrail.policy import PriorityRight
from mailrail.settings import Duration, Network, Settings, setting


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


class Mechanism(Enum):
    """How a client may log in (RFC 4422)."""

    SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_1_PLUS = "SCRAM-SHA-1-PLUS"
    SCRAM_SHA_1 = "SCRAM-SHA-1"
    OAUTHBEARER = "OAUTHBEARER"
    XOAUTH2 = "XOAUTH2"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    EXTERNAL = "EXTERNAL"


# Strongest first. LOGIN is no standard, but all that some programs and devices know. SCRAM-SHA-1 is for who asks for it by name.
_OF_SUBMISSION: Final = (
    Mechanism.SCRAM_SHA_256_PLUS,
    Mechanism.SCRAM_SHA_256,
    Mechanism.OAUTHBEARER,
    Mechanism.XOAUTH2,
    Mechanism.PLAIN,
    Mechanism.LOGIN,
)


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
    xclient_from: tuple[Network, ...] = setting(
        (),
        "Addresses of proxies that may say by XCLIENT who their client is: its address, its login.",
        source="Postfix XCLIENT_README",
    )

    auth: tuple[Mechanism, ...] | None = setting(
        None,
        "How people may log in, strongest first; without it, at a submission listener all that users have keys, "
        "passwords or tokens for, elsewhere nothing.",
        source="RFC 4954, RFC 5802, RFC 4616, RFC 7628",
    )
    auth_in_clear: bool = setting(
        False,
        "Offer logins without TLS too; only on loopback and Unix sockets, where nobody listens in.",
        source="RFC 8314 §4",
    )

    requiretls: bool = setting(
        False,
        "Offer REQUIRETLS under TLS: a sender may say that a message goes on under verified TLS only, or comes back.",
        source="RFC 8689",
    )
    future_release_s: Duration = setting(
        0,
        "For how long people may have a message kept back before it leaves (FUTURERELEASE); 0: not offered.",
        unit="s",
        source="RFC 4865",
        ge=0,
        le=365 * 86_400,
    )
    deliver_by_s: Duration = setting(
        0,
        "The shortest time within which senders may ask for delivery (DELIVERBY): if it does not come about they hear of it, or have the "
        "message back; 0: not offered.",
        unit="s",
        source="RFC 2852",
        ge=0,
        le=30 * 86_400,
    )
    mt_priority: PriorityRight = setting(
        PriorityRight.NONE,
        "Offer MT-PRIORITY, by which a message asks to go before others (1 to 9) or behind them (-1 to -9). Before others: nobody "
        "(lower), who has logged in (login), or relay.networks too (relay); none: not offered.",
        source="RFC 6710",
    )
    hide_client: bool = setting(
        False,
        "Leave the client's address and name out of the trace of what is submitted here; the log has them.",
        source="practice",
    )

    @model_validator(mode="after")
    def _logins_are_for_members(self) -> Self:
        if self.auth and self.role in (Role.MX, Role.LMTP):
            raise ValueError(
                f'a listener of role "{self.role.value}" takes no logins: give people one of role "submission"'
            )
        if self.auth and Mechanism.EXTERNAL in self.auth and self.client_ca is None:
            raise ValueError(
                "EXTERNAL is a login by client certificate, and this listener asks for none: give it client_certificate and client_ca"
            )
        if self.auth_in_clear and not _is_loopback(self.endpoint):
            raise ValueError(
                "auth_in_clear is for loopback and Unix sockets only: leave it out, and people log in under TLS"
            )
        return self

    @model_validator(mode="after")
    def _hides_only_members(self) -> Self:
        if self.hide_client and not self.is_for_members:
            raise ValueError(
                f'at a listener of role "{self.role.value}" the trace must tell where mail is from: leave out hide_client'
            )
        return self

    @model_validator(mode="after")
    def _keeps_back_for_members(self) -> Self:
        if self.future_release_s and not self.is_for_members:
            raise ValueError(
                f'a listener of role "{self.role.value}" keeps nothing back for its senders: leave out future_release_s'
            )
        return self

    @model_validator(mode="after")
    def _raises_for_members(self) -> Self:
        if self.mt_priority is PriorityRight.LOGIN and not self.is_for_members:
            raise ValueError(
                f'at a listener of role "{self.role.value}" nobody logs in: write mt_priority = "lower" or "relay"'
            )
        return self

    @property
    def is_for_members(self) -> bool:
        """Whether only clients that may relay are served."""
        return self.role in (Role.SUBMISSION, Role.INTERNAL)

    @property
    def treatment(self) -> Treatment:
        """What is done to the messages; programs behind an internal listener need not know how to write a header section."""
        return Treatment(
            completes=self.is_for_members,
            checks_header=self.role is Role.SUBMISSION,
            hides_client=self.hide_client,
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
    def mechanisms(self) -> tuple[str, ...]:
        """How people may log in, where there are users."""
        chosen = self.auth
        if chosen is None:
            chosen = _OF_SUBMISSION if self.role is Role.SUBMISSION else ()
        # There is no binding to a TLS that is not there.
        return tuple(one.value for one in chosen if not (self.auth_in_clear and one.value.endswith("-PLUS")))

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


def _is_loopback(endpoint: Endpoint) -> bool:
    return endpoint.is_unix or ip_address(endpoint.host).is_loopback
