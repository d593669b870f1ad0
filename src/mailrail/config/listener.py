"""Floor 5 · config — where the daemon listens, and what for.

A role is a bundle of safe defaults, so that a listener needs two keys only.
"""

from enum import Enum
from ipaddress import ip_address
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


def parse_endpoint(text: str) -> Endpoint:
    """Read `192.0.2.1:25`, `[::]:25` or `unix:/path`.

    Raises:
        ValueError: it is none of these; the message names the mend.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError(f"{text!r} is not an address: write unix: and an absolute path")
        return Endpoint(path, 0)
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()):
        raise ValueError(f'{text!r} has no port: write it like "0.0.0.0:25", "[::]:25" or "unix:/path"')
    if int(port) > 65535:
        raise ValueError(f"{port} is not a port: write one from 1 to 65535")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not is_bracketed:
        raise ValueError(f'{text!r} is not clear: write an IPv6 address in brackets, like "[{host}]:{port}"')
    try:
        address = ip_address(host[1:-1] if is_bracketed else host)
    except ValueError:
        raise ValueError(
            f"{host!r} is not an IP address: write 0.0.0.0 for every IPv4 address, [::] for every IPv6 one"
        ) from None
    return Endpoint(str(address), int(port))


def _checked(text: str) -> str:
    parse_endpoint(text)
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
        return parse_endpoint(self.address)
