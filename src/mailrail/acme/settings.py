"""Floor 3 · acme — the settings of certificates by ACME."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from mailrail.model import AddressError, parse_domain
from mailrail.net import Endpoint
from mailrail.settings import Duration, Settings, setting


def _name(text: str) -> str:
    prefix = "*." if text.startswith("*.") else ""
    try:
        domain = parse_domain(text.removeprefix(prefix))
    except AddressError as error:
        raise ValueError(f"{error}: write a host name, like mx1.example.org") from None
    if domain.startswith("["):
        raise ValueError(f"{text!r} is an address, and certificates are for names")
    return prefix + domain


def _endpoint(text: str) -> str:
    Endpoint.parse(text)
    return text


NameText = Annotated[str, AfterValidator(_name)]
EndpointText = Annotated[str, AfterValidator(_endpoint)]


class AcmeSettings(Settings):
    """A certificate fetched and renewed by ACME; needs the extra mailrail[acme]."""

    domains: tuple[NameText, ...] = setting(
        (), "Names that the certificate is to be for; without any, none is fetched."
    )
    agree_to_terms: bool = setting(
        False, "Say true to agree to the authority's terms of service; without, it signs nothing."
    )
    contact: tuple[str, ...] = setting((), "Mail addresses that the authority may write to.")
    directory_url: str = setting(
        "https://acme-v02.api.letsencrypt.org/directory",
        "The authority's directory; default: Let's Encrypt.",
        source="RFC 8555 §7.1.1",
        pattern="^https://",
    )
    directory_ca: Path | None = setting(
        None,
        "PEM file of the authorities to trust for that URL instead of the usual ones; for one of your own.",
    )
    challenge: Literal["http-01", "tls-alpn-01", "dns-01"] = setting(
        "http-01",
        "How to prove that the names are ours: by a page on port 80, by a handshake on port 443, "
        "or by a record in the DNS that the hook writes.",
        source="RFC 8555 §8, RFC 8737",
    )
    http_address: EndpointText = setting(
        "0.0.0.0:80",
        "Where http-01 listens, only while a proof is wanted; the world must reach it at port 80.",
    )
    tls_address: EndpointText = setting(
        "0.0.0.0:443",
        "Where tls-alpn-01 listens, only while a proof is wanted; the world must reach it at port 443.",
    )
    dns_hook: tuple[str, ...] = setting(
        (),
        'Program and arguments that write the DNS for dns-01; "add" or "remove", the name and the text of the TXT record '
        "come behind them. No shell is involved. Anything but exit code 0 is a failure.",
    )
    dns_hook_s: Duration = setting(60.0, "Longest time that the hook may take.", unit="s", gt=0, le=3600)
    dns_wait_s: Duration = setting(
        30.0, "How long a new record takes to reach all name servers of the domain.", unit="s", ge=0, le=3600
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.domains and not self.agree_to_terms:
            raise ValueError("agree_to_terms must be true: the authority signs nothing without")
        if self.domains and self.challenge == "dns-01" and not self.dns_hook:
            raise ValueError('challenge = "dns-01" needs dns_hook')
        if self.challenge != "dns-01" and any(name.startswith("*.") for name in self.domains):
            raise ValueError('a wildcard can only be proven by challenge = "dns-01" (RFC 8555 §8.4)')
        return self

    @property
    def is_on(self) -> bool:
        """Tell whether certificates are to be fetched."""
        return bool(self.domains)
