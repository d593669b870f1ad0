"""Reading and writing a fixed next hop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.routing import NextHop, parse_next_hop

HOSTS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,8}){0,3}", fullmatch=True),
    st.ip_addresses().map(str),
)


@given(HOSTS, st.integers(0, 65535))
def test_what_is_written_reads_back(host: str, port: int) -> None:
    hop = NextHop(host, port)
    assert parse_next_hop(str(hop)) == hop


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        hop = parse_next_hop(text)
    except ValueError:
        return
    assert parse_next_hop(str(hop)) == hop


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Smtp.Example:587", "smtp.example", 587),
        ("192.0.2.1", "192.0.2.1", 0),
        ("[192.0.2.1]:26", "192.0.2.1", 26),
        ("[IPv6:2001:db8::1]", "2001:db8::1", 0),
        ("[2001:DB8::1]:25", "2001:db8::1", 25),
        ("unix:/run/x", "/run/x", 0),
        ("bücher.example", "xn--bcher-kva.example", 0),
    ],
)
def test_each_form_is_read(text: str, host: str, port: int) -> None:
    assert parse_next_hop(text) == NextHop(host, port)


@pytest.mark.parametrize(
    ("text", "is_here"),
    [
        ("127.0.0.9:25", True),
        ("[::1]", True),
        ("localhost", True),
        ("unix:/x", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_only_loopback_and_sockets_are_here(text: str, is_here: bool) -> None:
    assert parse_next_hop(text).is_here is is_here
