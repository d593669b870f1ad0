"""Whatever comes where a PROXY header is awaited:

- it is a header, something that is still to come, or a ProxyHeaderError; nothing else is raised;
- a header is read as soon as its last octet is there, never before, and what follows changes nothing;
- what is still to come is never longer than the longest header; a client is an IP address with a port.

Input: the bytes.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from mailrail.net.proxy_header import V2_OCTETS, ProxyHeader, ProxyHeaderError, read_header


def check(data: bytes) -> None:
    found = _read(data)
    if found is None:
        assert len(data) < V2_OCTETS
    if isinstance(found, ProxyHeader):
        assert found.octets <= len(data)
        assert _read(data[: found.octets]) == found
        assert _read(data[: found.octets] + b"EHLO a\r\n") == found
        assert all(_read(data[:end]) is None for end in range(found.octets))
        for endpoint in (found.client, found.server):
            assert endpoint is None or str(ip_address(endpoint.host)) == endpoint.host
            assert endpoint is None or 0 <= endpoint.port <= 65_535
        assert (found.client is None) is (found.server is None)


def _read(data: bytes) -> ProxyHeader | str | None:
    try:
        return read_header(data)
    except ProxyHeaderError:
        return "error"


def seeds() -> Iterator[bytes]:
    yield b"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\nEHLO a\r\n"
    yield b"PROXY TCP6 2001:db8::7 ::ffff:192.0.2.25 40000 25\r\n"
    yield b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    yield signature + b"\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\x19\x9c\x40\0\x19EHLO a\r\n"
    yield signature + b"\x21\x21\0\x28" + b"\x20\1" * 16 + b"\x9c\x40\0\x19\4\0\1x"
    yield signature + b"\x20\0\0\0"
