"""Floor 5 · config — where the daemon listens, and what for.

A role is a bundle of safe defaults, so that a listener needs two keys only.
"""

from enum import Enum
from typing import Annotated

from pydantic import AfterValidator

from mailrail.net import Endpoint
from mailrail.settings import Settings, setting


class Role(Enum):
    """What a listener is for."""

    MX = "mx"  # mail for our domains from anybody; relays only for `relay.networks`
    SUBMISSION = "submission"  # mail from our people; login or `relay.networks`
    INTERNAL = "internal"  # mail from our own programs, by `relay.networks`
    LMTP = "lmtp"  # RFC 2033, for programs that hand mail over with a reply for each recipient


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

    @property
    def endpoint(self) -> Endpoint:
        """The address as a value."""
        return Endpoint.parse(self.address)
