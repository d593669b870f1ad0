"""Which rule decides, by the settings alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailrail.model import Address, Login, SettingsError, TlsLevel, parse_address
from mailrail.routing import DomainRoute, RouteSettings, RoutingRules, RoutingSettings, explain_route
from mailrail.routing.table import REMEMBERED_DOMAINS, RouteTable, matches


def table(*routes: Mapping[str, object], **domains: Mapping[str, object]) -> RouteTable:
    return RouteTable(
        RoutingRules(
            routes=tuple(RouteSettings.model_validate(route) for route in routes),
            domains={
                name.replace("_", "."): DomainRoute.model_validate(hop) for name, hop in domains.items()
            },
        )
    )


def route_of(rules: RouteTable, address: str) -> str:
    return rules.route(parse_address(address)).destination


def test_without_rules_mail_goes_to_the_mx_of_its_domain() -> None:
    route = table().route(Address("jo", "example.org"))
    assert (route.destination, route.domain, route.host, route.port) == (
        "mx:example.org",
        "example.org",
        "",
        25,
    )
    assert (route.tls, route.implicit_tls, route.lmtp, route.login) == (TlsLevel.MAY, False, False, None)
    assert route.rule == "no route matches: MX of example.org"


def test_the_first_route_that_matches_wins() -> None:
    rules = table(
        {"match": "a.example", "next_hop": "one.example:26"},
        {"match": "*.example", "next_hop": "two.example"},
        {"match": "*", "next_hop": "[2001:db8::1]:27"},
    )
    assert route_of(rules, "x@a.example") == "host:one.example:26"
    assert route_of(rules, "x@b.example") == "host:two.example:25"
    assert route_of(rules, "x@b.c.example") == "host:two.example:25"
    assert route_of(rules, "x@example") == "host:[2001:db8::1]:27"
    assert rules.route(Address("x", "a.example")).rule == 'route 1, match = "a.example": one.example:26'


def test_relay_to_of_a_domain_comes_before_every_route() -> None:
    rules = table({"match": "*", "next_hop": "smart.example"}, ours_example={"relay_to": "10.0.0.5:2525"})
    assert route_of(rules, "x@ours.example") == "host:10.0.0.5:2525"
    assert route_of(rules, "x@other.example") == "host:smart.example:25"


def test_a_domain_without_relay_to_goes_as_the_routes_say() -> None:
    assert route_of(table(ours_example={}), "x@ours.example") == "mx:ours.example"


def test_an_address_literal_goes_to_that_address_unless_a_route_takes_it() -> None:
    assert route_of(table(), "x@[192.0.2.1]") == "literal:192.0.2.1"
    assert route_of(table(), "x@[IPv6:2001:DB8:0::1]") == "literal:2001:db8::1"
    assert (
        route_of(table({"match": "*", "next_hop": "smart.example"}), "x@[192.0.2.1]")
        == "host:smart.example:25"
    )


def test_a24_every_spelling_of_a_domain_finds_the_same_route() -> None:
    rules = table({"match": "BÜCHER.example", "next_hop": "one.example"})
    assert route_of(rules, "x@xn--bcher-kva.example") == "host:one.example:25"
    assert route_of(rules, "x@bücher.EXAMPLE") == "host:one.example:25"


def test_a24_a_quoted_at_sign_never_moves_the_domain() -> None:
    rules = table({"match": "evil.example", "next_hop": "one.example"})
    assert route_of(rules, '"x@evil.example"@good.example') == "mx:good.example"


def test_a_route_may_only_ask_for_tls_and_leave_the_host_to_the_mx() -> None:
    route = table({"match": "bank.example", "tls": "verify"}).route(Address("x", "bank.example"))
    assert (route.destination, route.tls) == ("mx:bank.example", TlsLevel.VERIFY)


def test_a_unix_socket_for_lmtp_is_a_next_hop() -> None:
    route = table(ours_example={"relay_to": "unix:/run/lmtp", "lmtp": True}).route(
        Address("x", "ours.example")
    )
    assert (route.host, route.port, route.lmtp, route.destination) == (
        "/run/lmtp",
        0,
        True,
        "host:unix:/run/lmtp;lmtp",
    )


def test_default_ports_follow_the_protocol() -> None:
    rules = table(
        {"match": "a.example", "next_hop": "h.example", "implicit_tls": True},
        {"match": "b.example", "next_hop": "h.example", "lmtp": True},
    )
    assert rules.route(Address("x", "a.example")).port == 465
    assert rules.route(Address("x", "b.example")).port == 24


def test_destinations_are_shared_only_by_routes_that_are_alike() -> None:
    login = {"user": "u", "password": "p"}
    rules = table(
        {"match": "a.example", "next_hop": "h.example:587"},
        {"match": "b.example", "next_hop": "h.example:587", "login": login},
        {"match": "c.example", "next_hop": "h.example:587", "tls": "encrypt", "implicit_tls": True},
        {"match": "d.example", "next_hop": "h.example:587"},
    )
    keys = [route_of(rules, f"x@{letter}.example") for letter in "abcd"]
    assert keys == [
        "host:h.example:587",
        "host:h.example:587;tls=verify;user=u",
        "host:h.example:587;tls=encrypt;implicit",
        "host:h.example:587",
    ]


def test_a_login_means_verified_tls_unless_the_next_hop_is_here() -> None:
    login = {"user": "u", "password": "secret"}
    rules = table(
        {"match": "a.example", "next_hop": "h.example", "login": login},
        {"match": "b.example", "next_hop": "127.0.0.1:2525", "login": login},
    )
    far, near = (rules.route(Address("x", f"{letter}.example")) for letter in "ab")
    assert (far.tls, near.tls) == (TlsLevel.VERIFY, TlsLevel.MAY)
    assert far.login is not None
    assert far.login.password == "secret"
    assert "secret" not in repr(far)


def test_a_token_and_the_mechanisms_are_handed_on_and_make_another_destination() -> None:
    rules = table(
        {"match": "a.example", "next_hop": "h.example", "login": {"user": "u", "token_file": "/run/token"}},
        {
            "match": "b.example",
            "next_hop": "h.example",
            "login": {"user": "u", "password": "p", "mechanisms": ["SCRAM-SHA-256", "PLAIN"]},
        },
    )
    token, password = (rules.route(Address("x", f"{letter}.example")) for letter in "ab")
    assert token.login == Login("u", token_file=Path("/run/token"))
    assert password.login == Login("u", "p", mechanisms=("SCRAM-SHA-256", "PLAIN"))
    assert token.destination == "host:h.example:25;tls=verify;user=u;token"
    assert password.destination == "host:h.example:25;tls=verify;user=u;by=SCRAM-SHA-256,PLAIN"


def test_a_certificate_is_a_login_without_a_secret_where_it_is_asked_for_by_name() -> None:
    shown = {"chain": "/c.pem", "key": "/c.pem"}
    hop = {"match": "*", "next_hop": "h.example", "certificate": shown, "login": {"mechanisms": ["EXTERNAL"]}}
    route = table(hop).route(Address("x", "y.example"))
    assert route.login == Login("", mechanisms=("EXTERNAL",))
    assert route.tls is TlsLevel.VERIFY
    assert "login: by certificate" in explain_route(route)


def test_a_password_is_read_from_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    entry = {"match": "*", "next_hop": "h.example", "login": {"user": "u", "password_file": str(file)}}
    with pytest.raises(SettingsError, match="cannot be read"):
        table(entry)
    file.write_text("")
    with pytest.raises(SettingsError, match="is empty"):
        table(entry)
    file.write_text("secret\r\nnot this\n")
    login = table(entry).route(Address("x", "y.example")).login
    assert login is not None
    assert login.password == "secret"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"match": "a.*.example"}, "is not a pattern"),
        ({"match": "a..example"}, "is not a domain"),
        ({"match": "*", "next_hop": "h.example:0"}, "is not a port"),
        ({"match": "*", "next_hop": "h.example:port"}, "is not a port"),
        ({"match": "*", "next_hop": "2001:db8::1"}, "in brackets"),
        ({"match": "*", "next_hop": "[2001:db8::1%eth0]:25"}, "zone index"),
        ({"match": "*", "next_hop": "[2001:db8::1"}, "is not a next hop"),
        ({"match": "*", "next_hop": "[h.example]:25"}, "only an IP address"),
        ({"match": "*", "next_hop": "1.2.3.400"}, "only an IP address"),
        ({"match": "*", "next_hop": "unix:run/x"}, "absolute path"),
        ({"match": "*", "lmtp": True}, "need a fixed next hop"),
        ({"match": "*", "login": {"user": "u", "password": "p"}}, "need a fixed next hop"),
        ({"match": "*", "next_hop": "h", "implicit_tls": True, "tls": "none"}, "exclude each other"),
        (
            {"match": "*", "next_hop": "h", "tls": "may", "login": {"user": "u", "password": "p"}},
            "only sent under TLS",
        ),
        ({"match": "*", "next_hop": "h", "login": {"user": "u"}}, "either password or password_file"),
        (
            {"match": "*", "next_hop": "h", "login": {"user": "u", "password": "p", "token_file": "/t"}},
            "a token_file instead",
        ),
        (
            {
                "match": "*",
                "next_hop": "h",
                "login": {"user": "u", "password": "p", "mechanisms": ["XOAUTH2"]},
            },
            "XOAUTH2 needs a token_file",
        ),
        (
            {
                "match": "*",
                "next_hop": "h",
                "login": {"user": "u", "token_file": "/t", "mechanisms": ["PLAIN"]},
            },
            "PLAIN needs a password",
        ),
        (
            {
                "match": "*",
                "next_hop": "h",
                "login": {"user": "u", "password": "p", "mechanisms": ["CRAM-MD5"]},
            },
            "Input should be",
        ),
        ({"match": "*", "next_hop": "h", "login": {"password": "p"}}, "a login needs a user"),
        ({"match": "*", "next_hop": "h", "login": {"mechanisms": ["EXTERNAL"]}}, "name the one to show"),
        (
            {"match": "*", "next_hop": "h", "login": {"password": "p", "mechanisms": ["EXTERNAL"]}},
            "leave out password",
        ),
        (
            {
                "match": "*",
                "next_hop": "h",
                "login": {"user": "u", "password": "p", "mechanisms": ["PLAIN", "EXTERNAL"]},
            },
            "EXTERNAL stands alone",
        ),
        ({"match": "*", "next_hop": "h", "port": 25}, "Extra inputs"),
    ],
)
def test_a_route_that_cannot_work_is_refused_with_its_reason(entry: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RouteSettings.model_validate(entry)


def test_a_domain_is_held_to_the_same_rules_as_a_route() -> None:
    with pytest.raises(ValidationError, match="need a fixed next hop"):
        DomainRoute.model_validate({"lmtp": True})


def test_implicit_tls_has_no_plain_session_to_fall_back_to() -> None:
    rules = RoutingRules(
        RoutingSettings(tls=TlsLevel.NONE),
        (RouteSettings(match="*", next_hop="h.example", implicit_tls=True),),
    )
    assert RouteTable(rules).route(Address("x", "y.example")).tls is TlsLevel.ENCRYPT


def test_what_is_remembered_of_domains_is_bounded() -> None:
    rules = table()
    for number in range(REMEMBERED_DOMAINS + 10):
        rules.route(Address("x", f"d{number}.example"))
    assert len(rules._remembered) <= REMEMBERED_DOMAINS
    assert rules.route(Address("x", "a.example")) is rules.route(Address("y", "a.example"))


LABEL = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


@given(DOMAIN, DOMAIN)
def test_a_star_pattern_means_every_name_below_and_not_the_name_itself(domain: str, below: str) -> None:
    assert matches(f"*.{domain}", f"{below}.{domain}")
    assert not matches(f"*.{domain}", domain)
    assert matches(domain, domain)
    assert matches("*", domain)
    assert not matches(f"*.{domain}", f"{below}x{domain}") or f"{below}x{domain}".endswith(f".{domain}")


def test_authorities_of_its_own_mean_verified_tls_and_make_a_destination_of_its_own() -> None:
    shown = {"chain": "/a/chain.pem", "key": "/a/key.pem"}
    rules = table(
        {"match": "own.example", "next_hop": "h.example", "ca_file": "/a/ca.pem", "certificate": shown},
        {"match": "mx.example", "certificate": shown},
        {"match": "*", "next_hop": "h.example"},
    )
    own = rules.route(parse_address("jo@own.example"))
    assert own.tls is TlsLevel.VERIFY
    assert own.tls_files is not None
    assert own.tls_files.ca_file == Path("/a/ca.pem")
    assert own.destination == "host:h.example:25;tls=verify;ca=/a/ca.pem;as=/a/chain.pem"
    assert "authorities: /a/ca.pem" in explain_route(own)
    assert "certificate to show: /a/chain.pem" in explain_route(own)
    by_mx = rules.route(parse_address("jo@mx.example"))
    assert by_mx.tls is TlsLevel.MAY
    assert by_mx.tls_files is not None
    assert rules.route(parse_address("jo@other.example")).tls_files is None


@pytest.mark.parametrize(
    ("hop", "words"),
    [
        ({"ca_file": "/a/ca.pem", "tls": "encrypt"}, "ca_file only counts"),
        ({"certificate": {"chain": "/a", "key": "/b"}, "tls": "none"}, "exclude each other"),
    ],
)
def test_files_that_would_never_be_looked_at_are_refused(hop: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        table({"match": "*", "next_hop": "h.example", **hop})
