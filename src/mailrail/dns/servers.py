"""Floor 2 · dns — which servers are asked: those of the settings, or the system's."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mailrail.net import Endpoint

DNS_PORT: Final = 53  # RFC 1035 §4.2
MOST_SYSTEM_SERVERS: Final = 3  # MAXNS of resolv.conf(5)
_RESOLV_CONF_OCTETS: Final = 65_536  # far above any real file


def parse_server(text: str) -> Endpoint:
    """Read `ip`, `ipv4:port` or `[ip]:port`.

    Raises:
        ValueError: it is none of these; the message names the mend.
    """
    host, port = text, str(DNS_PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'{text!r} is not a server: write it like "[2001:db8::1]:53"')
        port = rest[1:] or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"{text!r}: {port!r} is not a port; write one from 1 to 65535")
    try:
        return Endpoint(str(ip_address(host)), int(port))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a server: write an IP address, for instance 127.0.0.1:53"
        ) from None


def system_servers(path: Path) -> tuple[Endpoint, ...]:
    """Return the nameservers listed in *path*; without any, the one on this host (resolv.conf(5))."""
    try:
        with path.open("rb") as file:
            text = file.read(_RESOLV_CONF_OCTETS).decode("ascii", "replace")
    except OSError:
        text = ""
    found: list[Endpoint] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                # A link-local server with a zone index is passed over: it has no place in an Endpoint.
                try:
                    found.append(Endpoint(str(ip_address(address)), DNS_PORT))
                except ValueError:
                    continue
            case _:
                continue
    usable = [server for server in found if "%" not in server.host]
    return tuple(usable[:MOST_SYSTEM_SERVERS]) or (Endpoint("127.0.0.1", DNS_PORT),)
