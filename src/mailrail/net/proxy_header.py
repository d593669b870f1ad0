"""Floor 2 · net — what a proxy says first about whom it speaks for: the PROXY protocol, versions 1 and 2. Pure.

Only a peer whose address was named in a setting is ever read by this file. All the same nothing that it sends is believed further than
its grammar goes: a header is whole, not yet whole, or broken, and its length is bounded before it is read.
Source: "The PROXY protocol", HAProxy, doc/proxy-protocol.txt, revision of 2020-03-05.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import unpack
from typing import Final, NamedTuple

from mailrail.net.api import Endpoint

V1_OCTETS: Final = 107  # §2.1: the longest line of version 1, its CRLF included
# Ours. An address takes 36; the rest is for extensions, which the specification bounds by 65535 only and which we skip.
V2_OCTETS: Final = 16 + 4096
_V1: Final = b"PROXY "
_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V1_LINE: Final = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5})\r\n")
_V1_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_UNSPECIFIED: Final = frozenset({0x00, 0x31})  # nothing known, or a Unix socket of the proxy's own machine


class ProxyHeaderError(ValueError):
    """The bytes are no PROXY header, or one that we do not take."""


class ProxyHeader(NamedTuple):
    """A whole header.

    Attributes:
        client: who connected to the proxy; None: the proxy speaks for itself, or does not know.
        server: where the client connected to; None as for *client*.
        octets: length of the header; what follows it is the client's.
    """

    client: Endpoint | None
    server: Endpoint | None
    octets: int


def read_header(data: bytes) -> ProxyHeader | None:
    """Read the header that *data* begins with; None when more bytes are needed.

    Raises:
        ProxyHeaderError: no header, or a broken one; more bytes will not mend it.
    """
    if data[:12] == _V2[: len(data)]:
        return _read_v2(data)
    if data[:6] == _V1[: len(data)]:
        return _read_v1(data)
    raise ProxyHeaderError("no PROXY header came first")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, V1_OCTETS) + 1
    if end == 0:
        if len(data) >= V1_OCTETS:
            raise ProxyHeaderError(f"a PROXY line of more than {V1_OCTETS} octets")
        return None
    line = data[:end]
    if _V1_UNKNOWN.fullmatch(line):
        return ProxyHeader(None, None, end)
    parts = _V1_LINE.fullmatch(line)
    if parts is None:
        raise ProxyHeaderError("a PROXY line that makes no sense")
    version = 4 if parts[1] == b"TCP4" else 6
    client, server = (
        _endpoint(parts[place].decode(), int(parts[place + 2]), version=version) for place in (2, 3)
    )
    return ProxyHeader(client, server, end)


def _endpoint(host: str, port: int, *, version: int) -> Endpoint:
    try:
        address = ip_address(host)
    except ValueError:
        raise ProxyHeaderError(f"{host!r} is not an address") from None
    if address.version != version:
        raise ProxyHeaderError(f"{host} is of another family than it says")
    return _as_endpoint(address, port)


def _as_endpoint(address: IPv4Address | IPv6Address, port: int) -> Endpoint:
    """Make the endpoint; an IPv4 client of an IPv6 socket counts as what it is, for limits and trust go by the address."""
    if port > 65_535:
        raise ProxyHeaderError(f"{port} is not a port")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return Endpoint(str(mapped or address), port)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < 16:
        return None
    command, family, length = unpack("!BBH", data[12:16])
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError(f"version and command {command:#04x} are unknown")
    octets = 16 + length
    if octets > V2_OCTETS:
        raise ProxyHeaderError(f"a PROXY header of more than {V2_OCTETS} octets")
    if len(data) < octets:
        return None
    if command == _LOCAL or family in _UNSPECIFIED:
        return ProxyHeader(None, None, octets)
    client, server = _read_addresses(family, data[16:octets])
    return ProxyHeader(client, server, octets)


def _read_addresses(family: int, data: bytes) -> tuple[Endpoint, Endpoint]:
    if family not in (_TCP4, _TCP6):
        raise ProxyHeaderError(f"family and protocol {family:#04x} are none that mail comes by")
    size = 4 if family == _TCP4 else 16
    if len(data) < 2 * size + 4:
        raise ProxyHeaderError("too short for its addresses")
    ports = unpack("!HH", data[2 * size : 2 * size + 4])
    client, server = (
        _as_endpoint(IPv4Address(octets) if size == 4 else IPv6Address(octets), port)
        for octets, port in zip((data[:size], data[size : 2 * size]), ports, strict=True)
    )
    return client, server
