"""Floor 0 · settings — networks as people write them."""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Annotated

from pydantic import PlainValidator


def parse_network(text: object) -> IPv4Network | IPv6Network:
    """Read `192.0.2.0/24`, `2001:db8::/32` or a single address; what is a network already stays one.

    Raises:
        ValueError: it is none of these, or has bits set behind the prefix; the message names the mend.
    """
    if isinstance(text, IPv4Network | IPv6Network):
        return text
    if not isinstance(text, str):
        raise ValueError("a network is a text: write it in quotes")  # noqa: TRY004 -- pydantic wants ValueError
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


Network = Annotated[IPv4Network | IPv6Network, PlainValidator(parse_network, json_schema_input_type=str)]
