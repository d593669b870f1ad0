"""The header of the PROXY protocol: the specification's examples, and what must not pass (A42)."""

from ipaddress import ip_address
from struct import pack

import pytest

from mailrail.net import Endpoint
from mailrail.net.proxy_header import V2_OCTETS, ProxyHeaderError, read_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(client: str, server: str, ports: tuple[int, int] = (40_000, 25), *, extra: bytes = b"") -> bytes:
    ends = ip_address(client).packed + ip_address(server).packed + pack("!HH", *ports) + extra
    return SIGNATURE + pack("!BBH", 0x21, 0x21 if ":" in client else 0x11, len(ends)) + ends


FOUR = (Endpoint("192.0.2.7", 40_000), Endpoint("192.0.2.25", 25))
SIX = (Endpoint("2001:db8::7", 40_000), Endpoint("2001:db8::25", 25))


@pytest.mark.parametrize(
    ("header", "ends"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\n", FOUR),
        (b"PROXY TCP6 2001:db8:0::7 2001:db8::25 40000 25\r\n", SIX),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.25 40000 25\r\n", FOUR),
        (b"PROXY UNKNOWN\r\n", (None, None)),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", (None, None)),
        (v2("192.0.2.7", "192.0.2.25"), FOUR),
        (v2("192.0.2.7", "192.0.2.25", extra=b"\4\0\1x"), FOUR),
        (v2("2001:db8::7", "2001:db8::25"), SIX),
        (v2("::ffff:192.0.2.7", "::ffff:192.0.2.25"), FOUR),
        (SIGNATURE + b"\x20\0\0\0", (None, None)),
        (SIGNATURE + b"\x20\x11\0\x0c" + b"x" * 12, (None, None)),
        (SIGNATURE + b"\x21\0\0\0", (None, None)),
        (SIGNATURE + b"\x21\x31\0\xd8" + b"/" * 216, (None, None)),
    ],
)
def test_a_header_tells_both_ends_and_where_it_stops(
    header: bytes, ends: tuple[Endpoint | None, Endpoint | None]
) -> None:
    assert read_header(header + b"EHLO a\r\n") == (*ends, len(header))
    assert [read_header(header[:cut]) for cut in range(len(header))] == [None] * len(header)


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO client.example\r\n",
        b"\x16\3\1",
        b"PROXX",
        b"PROXY \r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 40000\r\n",
        b"PROXY TCP4 192.0.2.7  192.0.2.25 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 40000 65536\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.25 -1 25\r\n",
        b"PROXY TCP4 192.0.2.300 192.0.2.25 40000 25\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::25 40000 25\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.25 40000 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 fe80::2 40000 25\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.25 40000 25\r\n",
        b"PROXY UNKNOWN\n",
        b"PROXY UNKNOWN \r x\r\n",
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        b"PROXY TCP4 " + b"1" * 96,
        SIGNATURE + b"\x11\x11\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x22\x11\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x12\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x41\0\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x11\0\x0b" + b"x" * 11,
        SIGNATURE + b"\x21\x21\0\x23" + b"x" * 35,
        SIGNATURE + b"\x21\x11" + pack("!H", V2_OCTETS - 15),
        SIGNATURE + b"\x20\x00\xff\xff",
        b"\r\n\r\n\0\r\nQUIT\r",
    ],
)
def test_a42_a_broken_or_overlong_header_is_refused_and_never_waited_for(header: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_header(header)
