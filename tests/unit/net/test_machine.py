"""What the machine says of itself."""

import socket
from ipaddress import ip_address

import pytest

from mailrail.net import host_name, is_own_address, outgoing_addresses


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("MX1.Example.org", "mx1.example.org"),
        ("mx1.example.org.", "mx1.example.org"),
        ("mx1", ""),
        ("localhost.localdomain", ""),
        ("1.0.0.0.ip6.arpa", ""),
    ],
)
def test_only_a_full_name_is_a_name(monkeypatch: pytest.MonkeyPatch, said: str, name: str) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: said)
    assert host_name() == name


def test_the_addresses_to_the_world_are_ours() -> None:
    for address in outgoing_addresses():
        assert not ip_address(address).is_unspecified
        assert is_own_address(address)
