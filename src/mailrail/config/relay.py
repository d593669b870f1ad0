"""Floor 5 · config — who may relay without a login.

The default is nobody, loopback included: an open relay must be an act of will (A31).
"""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Annotated

from pydantic import BeforeValidator

from mailrail.settings import Settings, setting


def parse_network(text: object) -> object:
    """Read `192.0.2.0/24`, `2001:db8::/32` or a single address; what is not text passes through.

    Raises:
        ValueError: it is none of these, or has bits set behind the prefix; the message names the mend.
    """
    if not isinstance(text, str):
        return text
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        network = ip_interface(text).network
    except ValueError:
        raise ValueError(
            f"{text!r} is not a network: write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7"
        ) from None
    raise ValueError(
        f"{text!r} has bits set behind the prefix: write {str(network)!r}, or {text.partition('/')[0]!r} for one address"
    )


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(parse_network)]


class RelaySettings(Settings):
    """Who may send mail to anywhere."""

    networks: tuple[Network, ...] = setting(
        (), "Networks whose clients may relay without a login; nobody by default.", source="RFC 5321 §7.9"
    )
