"""A35: who guesses is slowed down and shut out; who does not is neither."""

from ipaddress import ip_network

import pytest
from tests.unit.policy.test_buckets import HandClock

from mailrail.model import system_rng
from mailrail.policy import Buckets, Guessing, GuessingSettings, Tried
from mailrail.policy.guessing import networks_of

ATTACKER = "198.51.100.7"
SETTINGS = GuessingSettings(client_failures=5, network_failures=12, account_failures=8)


def make(settings: GuessingSettings = SETTINGS) -> tuple[Guessing, HandClock]:
    clock = HandClock()
    return Guessing(settings, Buckets(clock), system_rng(), (ip_network("192.0.2.0/24"),)), clock


def test_each_failure_is_answered_later_up_to_a_bound() -> None:
    guessing, _ = make()
    assert [guessing.failed(Tried(ATTACKER)) for _ in range(6)] == [1, 2, 4, 8, 15, 15]


def test_a_client_is_locked_out_and_let_in_again_as_its_count_leaks() -> None:
    guessing, clock = make()
    for _ in range(5):
        assert guessing.client_wait_s(ATTACKER) == 0
        guessing.failed(Tried(ATTACKER))
    wait_s = guessing.client_wait_s(ATTACKER)
    assert wait_s == pytest.approx(720)
    assert guessing.client_wait_s("203.0.113.1") == 0
    clock.turn(wait_s + 1)
    assert guessing.client_wait_s(ATTACKER) == 0


def test_a_network_is_locked_out_when_many_of_its_addresses_fail() -> None:
    guessing, _ = make()
    for n in range(12):
        guessing.failed(Tried(f"198.51.100.{n}"))
    assert guessing.client_wait_s("198.51.100.200") > 0
    assert guessing.client_wait_s("198.51.101.200") == 0


def test_an_account_is_locked_for_everybody_but_networks_that_log_in_to_it() -> None:
    guessing, _ = make()
    guessing.succeeded(Tried("203.0.113.5", "ann"))
    for n in range(8):
        guessing.failed(Tried(f"10.0.{n}.1", "ann"))
    assert guessing.account_wait_s(Tried("10.9.9.9", "ann")) > 0
    assert guessing.account_wait_s(Tried("10.9.9.9", "bob")) == 0
    assert guessing.account_wait_s(Tried("203.0.113.77", "ann")) == 0
    for n in range(8):
        guessing.failed(Tried(f"203.0.113.{n}", "ann"))
    assert guessing.account_wait_s(Tried("203.0.113.77", "ann")) > 0


def test_an_account_that_does_not_exist_is_locked_alike() -> None:
    guessing, _ = make()
    for n in range(8):
        guessing.failed(Tried(f"10.0.{n}.1", "nobody"))
    assert guessing.account_wait_s(Tried("10.9.9.9", "nobody")) > 0


def test_the_same_wrong_password_counts_once_in_an_hour() -> None:
    guessing, clock = make()
    telephone = Tried(ATTACKER, "ann", guessing.digest("ann", "old password"))
    for _ in range(59):
        assert guessing.failed(telephone) == 1
        clock.turn(60)
    assert guessing.client_wait_s(ATTACKER) == 0
    assert "old password" not in repr(vars(guessing))


def test_our_networks_and_sockets_are_never_locked_out() -> None:
    guessing, _ = make()
    for client in ("127.0.0.1", "::1", "192.0.2.9", "/run/mail.sock"):
        for _ in range(50):
            assert guessing.failed(Tried(client, "ann")) == 1
        assert guessing.client_wait_s(client) == 0
        assert guessing.account_wait_s(Tried(client, "ann")) == 0
    assert guessing.account_wait_s(Tried(ATTACKER, "ann")) == 0


def test_an_operator_ends_a_lock_by_account_by_address_or_by_network() -> None:
    guessing, _ = make()
    for n in range(12):
        guessing.failed(Tried(f"198.51.100.{n // 3}", "ann"))
        guessing.failed(Tried(f"198.51.100.{n // 3}", "anne"))
    assert guessing.unlock("ann") == 1
    assert guessing.account_wait_s(Tried("10.9.9.9", "ann")) == 0
    assert guessing.account_wait_s(Tried("10.9.9.9", "anne")) > 0
    assert guessing.client_wait_s("198.51.100.1") > 0
    assert guessing.unlock("198.51.100.1") == 2
    assert guessing.client_wait_s("198.51.100.1") == 0
    assert guessing.unlock("nobody") == 0


@pytest.mark.parametrize(
    ("client", "one", "network"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("/run/mail.sock", "/run/mail.sock", "/run/mail.sock"),
    ],
)
def test_what_counts_as_one_client_and_as_one_network(client: str, one: str, network: str) -> None:
    assert networks_of(client) == (one, network)
