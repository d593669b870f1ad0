"""Which servers are asked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailrail.dns import DnsSettings
from mailrail.dns.servers import parse_server, system_servers
from mailrail.net import Endpoint


@given(st.ip_addresses().map(str), st.integers(1, 65535))
def test_what_is_written_reads_back(host: str, port: int) -> None:
    endpoint = Endpoint(host, port)
    assert parse_server(str(endpoint)) == endpoint
    assert parse_server(host) == Endpoint(host, 53)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        parse_server(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resolver.example", "write an IP address"),
        ("127.0.0.1:0", "is not a port"),
        ("127.0.0.1:", "is not a port"),
        ("127.0.0.1:65536", "is not a port"),
        ("[::1", "write it like"),
        ("[::1]53", "write it like"),
    ],
)
def test_a_server_that_cannot_be_is_refused_with_the_mend(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DnsSettings(servers=(text,))


def test_the_systems_servers_are_read_as_resolv_conf_says(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_bytes(
        b"# comment\nsearch example.org\nnameserver 192.0.2.1 # trailing\n  nameserver\t2001:db8::1\n"
        b"nameserver fe80::1%eth0\nnameserver not-an-address\nnameserver\n\xff\xfe\n"
        b"nameserver 192.0.2.2\nnameserver 192.0.2.3\n"
    )
    assert system_servers(file) == (
        Endpoint("192.0.2.1", 53),
        Endpoint("2001:db8::1", 53),
        Endpoint("192.0.2.2", 53),
    )


def test_without_any_it_is_the_server_on_this_host(tmp_path: Path) -> None:
    assert system_servers(tmp_path / "none") == (Endpoint("127.0.0.1", 53),)
