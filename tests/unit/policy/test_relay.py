"""The relay rule (A31, A32)."""

from ipaddress import ip_network

import pytest

from mailrail.model import reply as say
from mailrail.policy import RelayRules
from mailrail.smtp.paths import parse_forward_path, split_path

RULES = RelayRules(
    (ip_network("10.0.0.0/8"), ip_network("fd00::/8")), ("ours.example", "xn--bcher-kva.example")
)

PROBES = [
    "<eve@elsewhere.example>",
    "<eve%elsewhere.example@ours.example>",
    "<elsewhere.example!eve@ours.example>",
    '<"eve@elsewhere.example"@ours.example>',
    '<"eve%elsewhere.example"@ours.example>',
    "<@ours.example:eve@elsewhere.example>",
    "<@ours.example,@relay.example:eve@elsewhere.example>",
    "<eve@[192.0.2.25]>",
    "<eve@[IPv6:2001:db8::25]>",
    "<eve%elsewhere.example@[192.0.2.25]>",
    "<eve@sub.ours.example>",
    "<eve@ours.example.elsewhere.example>",
    "<eve@xours.example>",
    '<"eve:elsewhere.example"@ours.example>',
    "<elsewhere.example/eve@ours.example>",
    "<eve%elsewhere.example%ours.example@ours.example>",
    "<postmaster@elsewhere.example>",
    "<postmaster%elsewhere.example@ours.example>",
    "<abuse@[192.0.2.25]>",
]


@pytest.mark.parametrize("path", PROBES)
def test_a31_no_form_of_an_address_makes_us_relay_for_a_stranger(path: str) -> None:
    recipient = parse_forward_path(split_path(path)[0])
    refusal = RULES.decide(recipient, may_relay=RULES.may_relay("198.51.100.7")).refusal
    assert refusal is not None
    assert (refusal.code, refusal.enhanced_code) == (550, "5.7.1")


@pytest.mark.parametrize("path", PROBES)
def test_who_may_relay_may_use_any_form(path: str) -> None:
    recipient = parse_forward_path(split_path(path)[0])
    assert RULES.decide(recipient, may_relay=RULES.may_relay("10.0.0.1")).refusal is None
    assert RULES.decide(recipient, may_relay=RULES.may_relay("198.51.100.7", "ann")).refusal is None


@pytest.mark.parametrize(
    "path",
    [
        "<bob@ours.example>",
        "<bob@OURS.Example>",
        "<bob+tag@ours.example>",
        "<bob@b\u00fccher.example>",
        "<@relay.example:bob@ours.example>",
        "<postmaster@ours.example>",
        "<ABUSE@ours.example>",
        "<Postmaster>",
    ],
)
def test_a32_mail_for_our_domains_their_postmaster_and_abuse_is_taken_from_anybody(path: str) -> None:
    recipient = parse_forward_path(split_path(path)[0])
    assert RULES.decide(recipient, may_relay=False).refusal is None


def test_nobody_may_relay_by_default() -> None:
    rules = RelayRules((), ())
    for client in ("127.0.0.1", "::1", "10.0.0.1", "/run/mailrail.sock", "not an address"):
        assert not rules.may_relay(client)


def test_networks_are_asked_by_family() -> None:
    assert RULES.may_relay("fd00::1")
    assert not RULES.may_relay("::ffff:10.0.0.1")
    assert RULES.network_of("10.1.2.3") == ip_network("10.0.0.0/8")
    assert RULES.is_ours("ours.example")
    assert not RULES.is_ours("sub.ours.example")


@pytest.mark.parametrize(
    ("client", "user", "words"),
    [
        ("10.0.0.1", "", "10.0.0.1 is in 10.0.0.0/8 of relay.networks and may send anywhere"),
        ("192.0.2.1", "ann", "ann is logged in and may send anywhere"),
        ("192.0.2.1", "", "192.0.2.1 is not in relay.networks"),
        ("", "", "a stranger is not in relay.networks"),
    ],
)
def test_the_rule_explains_itself(client: str, user: str, words: str) -> None:
    foreign = parse_forward_path("eve@elsewhere.example")
    first, second = RULES.explain(foreign, client, user)
    assert first == words
    is_taken = bool(user) or client.startswith("10.")
    assert second.startswith(
        "mail for elsewhere.example is " + ("taken" if is_taken else f"refused with {say.RELAY_DENIED}")
    )
