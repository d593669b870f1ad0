"""Floor 3 · routing — one strict reader for a fixed next hop, as written in the settings."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from mailrail.model import parse_domain
from mailrail.net import is_here


@dataclass(frozen=True, slots=True)
class NextHop:
    """A fixed next hop.

    Attributes:
        host: name (lower-case A-labels), canonical IP address, or the path of a Unix socket.
        port: 1 to 65535; 0 where none was written, and for a Unix socket.
    """

    host: str
    port: int

    @property
    def is_path(self) -> bool:
        """Tell whether it is a Unix socket."""
        return self.host.startswith("/")

    @property
    def is_here(self) -> bool:
        """Tell whether what is sent there never leaves this machine."""
        return is_here(self.host)

    def __str__(self) -> str:
        if self.is_path:
            return f"unix:{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def parse_next_hop(text: str) -> NextHop:
    """Read `host`, `host:port`, `[ip]`, `[ip]:port` or `unix:/path`.

    Raises:
        ValueError: it is none of these; the message names the mend.
    """
    if text.startswith("unix:"):
        return NextHop(_parse_path(text.removeprefix("unix:"), text), 0)
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'{text!r} is not a next hop: write it like "[2001:db8::1]:25"')
        return NextHop(
            _parse_ip(inner.removeprefix("IPv6:"), text), _parse_port(rest[1:], text) if rest else 0
        )
    host, colon, port = text.partition(":")
    if ":" in port:
        raise ValueError(f'{text!r} is not clear: write an IPv6 address in brackets, like "[{text}]:25"')
    return NextHop(_parse_host(host), _parse_port(port, text) if colon else 0)


def _parse_path(path: str, text: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(f"{text!r} is not a next hop: write unix: and an absolute path")
    return path


def _parse_ip(inner: str, text: str) -> str:
    try:
        address = ip_address(inner)
    except ValueError:
        raise ValueError(f"{text!r} is not a next hop: only an IP address stands in brackets") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{text!r}: a zone index has no place here")
    return str(address)


def _parse_host(host: str) -> str:
    domain = parse_domain(host)
    # RFC 3696 §2: no top-level domain is all digits, so this must be an IPv4 address.
    return _parse_ip(domain, host) if domain.rpartition(".")[2].isdecimal() else domain


def _parse_port(port: str, text: str) -> int:
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"{text!r}: {port!r} is not a port; write one from 1 to 65535")
    return int(port)
