"""Floor 2 · net — what the machine knows of itself: its name, and the addresses it talks to the world from."""

import socket
from typing import Final

# Documentation addresses (RFC 5737, RFC 3849): a route to them is the route to the world, and nothing is sent.
_FAR_AWAY: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_DISCARD: Final = 9


def host_name() -> str:
    """Return the machine's full name in lower case, "" if it has none with a domain; may block for a look-up."""
    name = socket.getfqdn().rstrip(".").lower()
    return name if "." in name and not name.startswith("localhost") and not name.endswith(".arpa") else ""


def outgoing_addresses() -> tuple[str, ...]:
    """Return the addresses from which this machine would connect to others, IPv4 before IPv6; none without a route.

    The system is asked by connecting a datagram socket, which sends nothing. Behind a router that translates
    addresses these are not those that the world sees.
    """
    found = (_outgoing(family, target) for family, target in _FAR_AWAY)
    return tuple(address for address in found if address)


def _outgoing(family: socket.AddressFamily, target: str) -> str:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((target, _DISCARD))
            return str(sock.getsockname()[0]).partition("%")[0]
    except OSError:
        return ""
