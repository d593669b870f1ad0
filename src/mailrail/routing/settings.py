"""Floor 3 · routing — the settings that decide where mail goes.

`[[route]]` and `[domain."x"]` stand at the top of the file, `[routing]` holds the rest; all three
meet in `RoutingRules`. A wrong entry is told here, before a socket opens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, SecretStr, model_validator

from mailrail.model import TlsLevel, parse_domain
from mailrail.net import CertificateFiles
from mailrail.routing.api import TlsFiles
from mailrail.routing.next_hop import parse_next_hop
from mailrail.sasl import BY_PASSWORD, BY_TOKEN
from mailrail.settings import Settings, setting

_AGENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _checked_match(text: str) -> str:
    if text == "*":
        return text
    prefix = "*." if text.startswith("*.") else ""
    domain = text.removeprefix(prefix)
    if "*" in domain:
        raise ValueError(f'{text!r} is not a pattern: write a domain, "*.domain" or "*"')
    return prefix + parse_domain(domain)


def _checked_next_hop(text: str) -> str:
    if text:
        parse_next_hop(text)
    return text


def _checked_agent(text: str) -> str:
    if text and not _AGENT.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an agent: letters, digits, - and _")
    return text


NextHopText = Annotated[str, AfterValidator(_checked_next_hop)]
AgentName = Annotated[str, AfterValidator(_checked_agent)]
MatchText = Annotated[str, AfterValidator(_checked_match)]


Mechanism = Literal[
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN",
    "OAUTHBEARER", "XOAUTH2", "EXTERNAL",
]  # fmt: skip
_BY_CERTIFICATE: Final = ("EXTERNAL",)


class LoginSettings(Settings):
    """Credentials for a next hop."""

    user: str = setting("", "Login name; only EXTERNAL needs none, if the certificate says it.")
    password: SecretStr = setting(SecretStr(""), "The password itself; better: password_file.")
    password_file: Path | None = setting(None, "File whose first line is the password.")
    token_file: Path | None = setting(
        None,
        "File whose first line is an OAuth 2.0 access token; read again for each session, so that another "
        "program can renew it.",
        source="RFC 6750, RFC 7628",
    )
    mechanisms: tuple[Mechanism, ...] = setting(
        (),
        "SASL mechanisms that may be used; none: the strongest that the next hop offers, SCRAM before PLAIN. EXTERNAL, alone and without "
        "a password, is a login by the certificate that the next hop is shown.",
        source="RFC 4954 §4",
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.is_by_certificate:
            if self.password.get_secret_value() or self.password_file or self.token_file:
                raise ValueError(
                    "EXTERNAL is a login by certificate: leave out password, password_file and token_file"
                )
            return self
        if not self.user:
            raise ValueError("a login needs a user")
        has_password = bool(self.password.get_secret_value())
        if has_password + (self.password_file is not None) + (self.token_file is not None) != 1:
            raise ValueError("a login needs either password or password_file, or a token_file instead")
        fitting = BY_PASSWORD if self.token_file is None else BY_TOKEN
        for name in self.mechanisms:
            if name not in fitting:
                other = "a token_file" if self.token_file is None else "a password"
                raise ValueError(
                    f"{name} needs {other}" if name not in _BY_CERTIFICATE else f"{name} stands alone"
                )
        return self

    @property
    def is_by_certificate(self) -> bool:
        """Whether the certificate of the hop is all that is shown."""
        return self.mechanisms == _BY_CERTIFICATE


class HopSettings(Settings):
    """How a session with a next hop must be."""

    deliver: AgentName = setting(
        "",
        "Name of the agent that delivers it on this machine, instead of any next hop.",
        examples=["maildir"],
    )
    tls: TlsLevel | None = setting(
        None, 'How much TLS it must give; default: routing.tls, and "verify" where a login is sent.'
    )
    implicit_tls: bool = setting(False, "TLS from the first byte (port 465).", source="RFC 8314 §3.3")
    lmtp: bool = setting(False, "Speak LMTP: a reply for each recipient.", source="RFC 2033")
    login: LoginSettings | None = setting(None, "Credentials, for a smarthost that wants them.")

    ca_file: Path | None = setting(
        None,
        'PEM file of the authorities that may vouch for it, instead of the system\'s; means tls = "verify".',
    )
    certificate: CertificateFiles | None = setting(
        None, "What to show when it asks for a certificate; read at the start."
    )

    @property
    def tls_files(self) -> TlsFiles | None:
        """Authorities and certificate of its own, None for what everybody goes by."""
        if self.ca_file is None and self.certificate is None:
            return None
        return TlsFiles(self.ca_file, self.certificate)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.ca_file is not None and self.tls not in (None, TlsLevel.VERIFY):
            raise ValueError('ca_file only counts with tls = "verify": leave out the one or the other')
        if self.certificate is not None and self.tls is TlsLevel.NONE:
            raise ValueError('certificate and tls = "none" exclude each other')
        if self.login is not None and self.login.is_by_certificate and self.certificate is None:
            raise ValueError("EXTERNAL is a login by certificate: name the one to show by certificate")
        if self.implicit_tls and self.tls is TlsLevel.NONE:
            raise ValueError('implicit_tls and tls = "none" exclude each other')
        return self


class RouteSettings(HopSettings):
    """Where mail for some domains goes; the first entry that matches wins."""

    match: MatchText = setting(..., 'A domain, "*.domain" for every name below it, or "*" for all.')
    next_hop: NextHopText = setting(
        "", '"host", "host:port", "[ip]:port" or "unix:/path"; empty: the MX of the recipient\'s domain.'
    )

    @model_validator(mode="after")
    def _hop_is_possible(self) -> Self:
        check_hop(self, self.next_hop)
        return self


class DomainRoute(HopSettings):
    """The part of `[domain."x"]` that says where its mail goes; it comes before every route."""

    relay_to: NextHopText = setting(
        "", 'Next hop of this domain: "host:port", "[ip]:port" or "unix:/path"; empty: as the routes say.'
    )

    @property
    def word(self) -> str:
        """The key that says where its mail goes."""
        return "deliver" if self.deliver else "relay_to"

    @model_validator(mode="after")
    def _hop_is_possible(self) -> Self:
        check_hop(self, self.relay_to)
        return self


# What only a session with a next hop can be like.
_OF_SESSIONS: Final = frozenset({"tls", "implicit_tls", "lmtp", "login", "ca_file", "certificate"})


def check_hop(hop: HopSettings, next_hop: str) -> None:
    """Refuse settings that cannot work, or that would send a password to whoever answers.

    Raises:
        ValueError: what only a fixed next hop can have, without one; a login without TLS over a network; an
            agent besides a next hop.
    """
    if hop.deliver:
        if next_hop or hop.model_fields_set & _OF_SESSIONS:
            raise ValueError(
                "deliver names an agent on this machine: leave out next hop, tls, lmtp and login"
            )
        return
    if not next_hop and (hop.login is not None or hop.lmtp or hop.implicit_tls):
        raise ValueError("login, lmtp and implicit_tls need a fixed next hop, not whatever the DNS names")
    if hop.login is None or hop.implicit_tls or hop.tls not in (TlsLevel.NONE, TlsLevel.MAY):
        return
    if not parse_next_hop(next_hop).is_here:
        raise ValueError('a login is only sent under TLS: write tls = "verify", or "encrypt"')


class RoutingSettings(Settings):
    """How the hosts of a destination are chosen."""

    tls: TlsLevel = setting(
        TlsLevel.MAY, "How much TLS a next hop must give, where no route says otherwise.", source="RFC 7435"
    )
    max_hosts: int = setting(
        5,
        "At most this many addresses are tried in one attempt.",
        unit="addresses",
        source="RFC 5321 §5.1 wants at least 2; Postfix smtp_mx_address_limit 5",
        ge=2,
        le=50,
    )
    ip_version: Literal["both", "4", "6"] = setting("both", "Address families to connect by.")
    # Receivers ask more of IPv6 senders (a PTR, SPF or DKIM), and many machines have no IPv6 at all.
    first: Literal["4", "6", "any"] = setting(
        "4", "Which family is tried first; the two then take turns.", source="Postfix smtp_address_preference"
    )
    mx_port: int = setting(
        25,
        "Port of the hosts found by MX; anything but 25 is for a laboratory.",
        ge=1,
        le=65535,
        source="RFC 5321 §4.5.4.2",
    )


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """Everything in the settings that decides on the way.

    Attributes:
        routing: the table `[routing]`.
        routes: the entries `[[route]]`, in order.
        domains: the tables `[domain."x"]`, by domain.
    """

    routing: RoutingSettings = field(default_factory=RoutingSettings)
    routes: tuple[RouteSettings, ...] = ()
    domains: Mapping[str, DomainRoute] = field(default_factory=dict)
