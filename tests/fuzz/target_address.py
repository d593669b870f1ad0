"""Whatever text stands for an address, a domain or a path:

- it is an address or an AddressError, nothing else is raised; so with showing it;
- what is read and written reads back as the same, and writes the same again;
- plain ASCII in lower case without quotes is written as it was read: nothing is accepted that we would spell otherwise;
- what is written is one line and fits into a path.
"""

import re
from collections.abc import Iterator

from mailrail.model import (
    PATH_OCTETS,
    Address,
    AddressError,
    literal_address,
    parse_address,
    parse_domain,
    parse_local_part,
    quote_local_part,
    show_domain,
)
from mailrail.smtp.paths import parse_forward_path, parse_reverse_path, split_path

_PLAIN = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9.-]+")


def check(data: bytes) -> None:
    text = data.decode("utf-8", "ignore")
    _check_domain(text)
    _check_path(text)
    for utf8 in (True, False):
        try:
            address = parse_address(text, utf8=utf8)
        except AddressError:
            continue
        _check_address(text, address)
        assert utf8 or str(address).isascii()


def _check_address(text: str, address: Address) -> None:
    written = str(address)
    assert parse_address(written) == address
    assert str(parse_address(written)) == written
    assert len(written.encode()) + 2 <= PATH_OCTETS
    assert not re.search(r"[\x00-\x1f\x7f]", written)
    assert not _PLAIN.fullmatch(text) or written == text
    assert parse_local_part(quote_local_part(address.local_part)) == address.local_part
    assert split_path(f"<{written}> SIZE=1") == (written, "SIZE=1")
    address.shown()


def _check_domain(text: str) -> None:
    try:
        domain = parse_domain(text)
    except AddressError:
        return
    assert parse_domain(domain) == domain
    assert domain.isascii()
    assert text.isascii() == (domain.lower() == text.lower()) or text.startswith("[")
    show_domain(domain)
    literal_address(domain)


def _check_path(text: str) -> None:
    try:
        inner, rest = split_path(text)
    except AddressError:
        return
    assert text.strip(" ").startswith(f"<{inner}>")
    assert rest == rest.strip(" ")
    for parse in (parse_reverse_path, parse_forward_path):
        try:
            address = parse(inner)
        except AddressError:
            continue
        assert address is None or parse(str(address)) == address


def seeds() -> Iterator[bytes]:
    yield from (
        b"ann@example.org",
        b'"a\\"b c"@example.org',
        b"<@a.example,@b.example:ann@example.org> SIZE=5 BODY=8BITMIME",
        b'<"a>b"@[IPv6:2001:DB8:0:0::1]>',
        b"<Postmaster>",
        "grüße@exämple.org".encode(),
        "用户@例子.公司".encode(),
        b"xn--exmple-cua.org",
        b"a@[192.0.2.1]",
        b"a@" + b"a" * 63 + b".org",
        "\u212a.example".encode(),
    )
