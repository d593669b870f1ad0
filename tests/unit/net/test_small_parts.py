"""Settings, sessions, error numbers and endpoints."""

import errno
import os
import socket
import ssl
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import ValidationError

from mailrail.model import NetTrouble
from mailrail.net import Endpoint, NetSettings, SessionCache
from mailrail.net.trouble import connect_error, net_error


def test_endpoints_read_as_people_write_them() -> None:
    assert str(Endpoint("192.0.2.1", 25)) == "192.0.2.1:25"
    assert str(Endpoint("2001:db8::1", 25)) == "[2001:db8::1]:25"
    assert str(Endpoint("/run/lmtp", 0)) == "unix:/run/lmtp"
    assert not Endpoint("0.0.0.0", 0).is_unix


def test_the_marks_must_be_in_order() -> None:
    with pytest.raises(ValidationError, match="smaller than high_water_bytes"):
        NetSettings(low_water_bytes=1000, high_water_bytes=1000)
    assert NetSettings().accept_rest_s >= 0.1


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.EMFILE, NetTrouble.EXHAUSTED),
        (errno.ECONNREFUSED, NetTrouble.REFUSED),
        (errno.ENETUNREACH, NetTrouble.UNREACHABLE),
        (errno.ETIMEDOUT, NetTrouble.TIMEOUT),
        (errno.EPIPE, NetTrouble.RESET),
        (errno.EADDRINUSE, NetTrouble.OTHER),
    ],
)
def test_error_numbers_become_troubles(number: int, trouble: NetTrouble) -> None:
    error = net_error(OSError(number, os.strerror(number)), "connect to 192.0.2.1:25")
    assert error.trouble is trouble
    assert str(error) == f"connect to 192.0.2.1:25: {os.strerror(number)}"


def test_no_ipv6_address_of_our_own_is_out_of_reach_and_no_ipv4_port_left_is_our_trouble() -> None:
    error = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    assert connect_error(error, "connect", socket.AF_INET6).trouble is NetTrouble.UNREACHABLE
    assert connect_error(error, "connect", socket.AF_INET).trouble is NetTrouble.EXHAUSTED
    refused = OSError(errno.ECONNREFUSED, "refused")
    assert connect_error(refused, "connect", socket.AF_INET).trouble is NetTrouble.REFUSED


def session(*, has_ticket: bool = True) -> ssl.SSLSession:
    return cast(ssl.SSLSession, SimpleNamespace(has_ticket=has_ticket))  # cannot be made without a handshake


def test_the_session_cache_forgets_the_longest_unused() -> None:
    cache, context = SessionCache(hosts=2), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    cache.put(context, "a.test", session())
    cache.put(context, "b.test", session())
    assert cache.get(context, "a.test") is not None
    cache.put(context, "c.test", session())
    assert cache.get(context, "b.test") is None
    assert cache.get(context, "a.test") is not None


def test_the_session_cache_keeps_only_what_can_be_resumed() -> None:
    cache, context = SessionCache(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    cache.put(context, "a.test", None)
    cache.put(context, "a.test", session(has_ticket=False))
    cache.put(context, None, session())
    assert cache.get(context, "a.test") is None
    assert cache.get(context, None) is None
