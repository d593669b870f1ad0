"""Who may connect at all (A39)."""

from ipaddress import ip_network

import pytest

from mailrail.model import reply as say
from mailrail.server import ConnectionGate, LimitSettings

LIMITS = LimitSettings(connections=6, connections_per_client=2, connections_per_minute=4)
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_a39_one_client_may_have_so_many_sessions_and_no_more() -> None:
    gate = ConnectionGate(LIMITS)
    assert gate.enter("192.0.2.1", 0.0) is None
    assert gate.enter("192.0.2.1", 0.0) is None
    assert gate.enter("192.0.2.1", 0.0) is say.TOO_MANY_FROM_YOU
    assert gate.enter("192.0.2.2", 0.0) is None
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.1", 0.0) is None


def test_a39_an_ipv6_client_is_counted_by_its_64() -> None:
    gate = ConnectionGate(LIMITS)
    assert gate.enter("2001:db8::1", 0.0) is None
    assert gate.enter("2001:db8::2%eth0", 0.0) is None
    assert gate.enter("2001:db8::3", 0.0) is say.TOO_MANY_FROM_YOU
    assert gate.enter("2001:db8:0:1::3", 0.0) is None


def test_a39_the_total_holds_for_everybody() -> None:
    gate = ConnectionGate(LIMITS, TRUSTED)
    for _ in range(6):
        assert gate.enter("10.0.0.1", 0.0) is None
    assert gate.enter("10.0.0.1", 0.0) is say.TOO_MANY_CONNECTIONS
    assert gate.enter("192.0.2.1", 0.0) is say.TOO_MANY_CONNECTIONS
    gate.leave("10.0.0.1")
    assert gate.total == 5
    assert gate.enter("192.0.2.1", 0.0) is None


def test_a39_too_many_connections_a_minute_are_turned_away_until_the_minute_is_over() -> None:
    gate = ConnectionGate(LIMITS)
    for _ in range(4):
        assert gate.enter("192.0.2.1", 1.0) is None
        gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.1", 60.0) is say.TOO_FAST_FROM_YOU
    assert gate.enter("192.0.2.1", 61.0) is None


def test_the_quiet_are_forgotten_when_somebody_comes_and_only_those() -> None:
    gate = ConnectionGate(LIMITS)
    for at_s, client in ((0.0, "192.0.2.1"), *[(59.0, "192.0.2.2")] * 4, (61.0, "192.0.2.3")):
        assert gate.enter(client, at_s) is None
        gate.leave(client)
    assert list(gate._recent) == ["192.0.2.2", "192.0.2.3"]
    assert gate.enter("192.0.2.2", 62.0) is say.TOO_FAST_FROM_YOU


@pytest.mark.parametrize("host", ["10.1.2.3", "fd00::1", "/run/mailrail.sock"])
def test_trusted_networks_and_unix_sockets_are_not_counted_against_themselves(host: str) -> None:
    gate = ConnectionGate(LIMITS, TRUSTED)
    assert gate.is_trusted(host)
    assert [gate.enter(host, 0.0) for _ in range(6)] == [None] * 6


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_a39_loopback_is_not_counted_against_itself_and_yet_is_not_trusted(host: str) -> None:
    gate = ConnectionGate(LIMITS, TRUSTED)
    assert not gate.is_trusted(host)
    assert [gate.enter(host, 0.0) for _ in range(6)] == [None] * 6
    assert gate.enter(host, 0.0) is say.TOO_MANY_CONNECTIONS
    for _ in range(6):
        gate.leave(host)
    assert gate.total == 0


def test_a_stranger_is_not_trusted_by_an_address_of_the_other_family() -> None:
    assert not ConnectionGate(LIMITS, TRUSTED).is_trusted("::ffff:10.0.0.1")
    assert not ConnectionGate(LIMITS, TRUSTED).is_trusted("192.0.2.1")
