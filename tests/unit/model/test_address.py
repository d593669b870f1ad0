"""One parser for addresses and domains: strict, and what it has read it can write (A24, A25, A29)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.work import lines_run

from mailrail.model import (
    Address,
    AddressError,
    literal_address,
    parse_address,
    parse_domain,
    parse_local_part,
    quote_local_part,
    show_domain,
)

LOCAL_PARTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
DOMAINS = st.sampled_from(
    ["example.org", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a-b.c1"]
)


@given(st.builds(Address, LOCAL_PARTS, DOMAINS))
def test_an_address_comes_back_from_its_text(address: Address) -> None:
    assert parse_address(str(address)) == address
    assert parse_local_part(quote_local_part(address.local_part)) == address.local_part


@given(st.builds(Address, LOCAL_PARTS, DOMAINS))
def test_the_shown_form_is_the_same_address(address: Address) -> None:
    assert parse_address(address.shown()) == address


@given(st.text(max_size=80))
def test_a24_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(str(address)) == address
    assert address.domain.isascii()
    assert address.domain == parse_domain(address.domain)
    assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in address.local_part)


@given(st.text(max_size=40))
def test_a_domain_has_one_spelling(text: str) -> None:
    try:
        domain = parse_domain(text)
    except AddressError:
        return
    assert parse_domain(domain) == domain
    assert parse_domain(domain.upper()) == domain


def test_a_path_is_bounded_in_octets_not_in_letters() -> None:
    domain = ".".join(["d" * 62] * 3)
    parse_address("x" * 64 + "@" + domain)
    with pytest.raises(AddressError, match="at most 256 octets"):
        parse_address("\U00010400" * 16 + "@" + domain + ".example")


def test_a24_a_letter_that_only_looks_like_one_of_a_domain_does_not_name_it() -> None:
    with pytest.raises(AddressError, match=r"is not the name of mail\.kiosk\.example"):
        parse_domain("mail.\N{KELVIN SIGN}iosk.example")


@pytest.mark.parametrize("text", ["ü" * 64 + ".example", "ü." * 128 + "example"])
def test_a80_what_is_too_long_for_a_domain_anyway_costs_no_punycode(text: str) -> None:
    def run() -> None:
        with suppress(AddressError):
            parse_domain(text)

    assert lines_run(run) < 100


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("bob@example.org", "bob", "example.org"),
        ("Bob@EXAMPLE.Org", "Bob", "example.org"),
        ('"a@b"@example.org', "a@b", "example.org"),
        (r'"a\"b\\c"@example.org', r'a"b\c', "example.org"),
        (r'"\b\o\b"@example.org', "bob", "example.org"),
        ('""@example.org', "", "example.org"),
        ("bob@[192.0.2.1]", "bob", "[192.0.2.1]"),
        ("bob@[ipv6:2001:DB8:0::1]", "bob", "[IPv6:2001:db8::1]"),
        ("bob@bücher.example", "bob", "xn--bcher-kva.example"),
        ("jörg@BÜCHER.example", "jörg", "xn--bcher-kva.example"),
        ("-rf@example.org", "-rf", "example.org"),
        ("../../x@example.org", None, None),
        ("|cmd@example.org", "|cmd", "example.org"),
        ("${run{x}}@example.org", "${run{x}}", "example.org"),
        ("a" * 64 + "@example.org", "a" * 64, "example.org"),
    ],
)
def test_a24_a25_addresses_and_what_they_mean(text: str, local_part: str | None, domain: str | None) -> None:
    if local_part is None or domain is None:
        with pytest.raises(AddressError):
            parse_address(text)
    else:
        assert parse_address(text) == Address(local_part, domain)


@pytest.mark.parametrize("begin", ["SRS0=", "srs1+", "prvs=", '"SRS0='])
def test_a24_a_return_address_that_holds_another_may_be_long(begin: str) -> None:
    end = '"' if begin.startswith('"') else ""
    text = f"{begin}{'a' * 200}{end}@example.org"
    assert str(parse_address(text)) == text.replace('"', "")
    for long in (f"x{begin.strip(end)}{'a' * 64}@example.org", f"{begin}{'a' * 252}{end}@example.org"):
        with pytest.raises(AddressError):
            parse_address(long)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob",
        "@example.org",
        "bob@",
        "a@b@c",
        "a..b@example.org",
        ".a@example.org",
        "a.@example.org",
        "a b@example.org",
        "a(comment)@example.org",
        '"a"b@example.org',
        '"a@example.org',
        '"a\nb"@example.org',
        "a\0@example.org",
        "bob@example.org.",
        "bob@.example.org",
        "bob@example..org",
        "bob@-a.example",
        "bob@a-.example",
        "bob@exa_mple.org",
        "bob@" + "a" * 64 + ".example",
        "bob@" + "a." * 127 + "ab",
        "a" * 65 + "@example.org",
        "ö" * 33 + "@example.org",
        "bob@[192.0.2.256]",
        "bob@[192.0.2.1",
        "bob@[IPv6:::1%eth0]",
        "bob@[::1]",
        "bob@[]",
        "bob@[192.0.2.01]",
        "bob@例え。jp",
        "bob@ⓔxample.org",
        "bob@xn--\u00fc.example",
        "a\u202eb@example.org",
        "a\u200fb@example.org",
        "a\u061cb@example.org",
        "a\u0085b@example.org",
        "a\ufeffb@example.org",
        "\ud800@example.org",
    ],
)
def test_a24_a25_a29_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


def test_a29_utf8_is_read_only_where_it_may_stand() -> None:
    for text in ("jörg@example.org", "bob@bücher.example", '"jörg"@example.org'):
        parse_address(text)
        with pytest.raises(AddressError):
            parse_address(text, utf8=False)
    with pytest.raises(AddressError):
        parse_local_part('"jörg"', utf8=False)
    assert parse_address("jörg@example.org").needs_smtputf8
    assert not parse_address("bob@bücher.example").needs_smtputf8


def test_literals_and_shown_domains() -> None:
    assert str(literal_address("[192.0.2.1]")) == "192.0.2.1"
    assert str(literal_address("[IPv6:2001:db8::1]")) == "2001:db8::1"
    assert literal_address("example.org") is None
    assert show_domain("xn--bcher-kva.example") == "bücher.example"
    assert show_domain("xn--a.example") == "xn--a.example"
    assert Address("Postmaster", "").shown() == str(Address("Postmaster", "")) == "Postmaster"
