"""`mailrail explain`: by settings alone where they name the host, so that no DNS is needed."""

import json

from tests.unit.cli.conftest import Program

from mailrail.cli.exits import Exit


def test_mail_for_our_domain_is_taken_and_goes_where_the_settings_say(mailrail: Program) -> None:
    said = mailrail("explain", "bob@EXAMPLE.org")
    assert said.code == 0
    assert "taken, because:" in said.out
    assert "the domain is one of ours" in said.out
    assert 'relay_to of domain."example.org"' in said.out
    assert "at 10.0.0.5:25" in said.out


def test_mail_for_others_is_refused_to_strangers_with_the_reply_they_get(mailrail: Program) -> None:
    said = mailrail("explain", "x@elsewhere.example", "--ip", "198.51.100.7")
    assert "refused, because:" in said.out
    assert "198.51.100.7 is not in relay.networks" in said.out
    assert "550 5.7.1 Relaying denied" in said.out
    assert "were it taken, it would go out:" in said.out


def test_mail_from_a_network_that_may_relay_is_taken(mailrail: Program) -> None:
    said = mailrail("explain", "x@elsewhere.example", "--ip", "192.0.2.9", "--from", "alice@example.org")
    assert "192.0.2.9 is in 192.0.2.0/24 of relay.networks" in said.out
    assert 'route 1, match = "*"' in said.out
    assert "a notice to the sender would go:" in said.out


def test_json_is_for_programs(mailrail: Program) -> None:
    found = json.loads(mailrail("explain", "x@elsewhere.example", "--user", "ann", "--json").out)
    assert found["is_taken"] is True
    assert found["destination"] == "host:[2001:db8::1]:2525"
    assert [one["endpoint"] for one in found["tries"]] == ["[2001:db8::1]:2525"]


def test_what_is_no_address_is_a_usage_error(mailrail: Program) -> None:
    said = mailrail("explain", "nobody")
    assert said.code == Exit.USAGE
    assert "has no @" in said.err


def test_what_is_no_ip_address_is_a_usage_error_and_no_stranger(mailrail: Program) -> None:
    said = mailrail("explain", "bob@example.org", "--ip", "10.0.0")
    assert said.code == Exit.USAGE
    assert "--ip 10.0.0: write an IP address" in said.err
