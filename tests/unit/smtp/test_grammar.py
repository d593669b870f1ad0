"""xtext, paths and parameters: what is written can be read again, and nothing else can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import Address, AddressError, Body, Envelope, Notify, Recipient, Ret, parse_address
from mailrail.smtp import xtext
from mailrail.smtp.params import (
    ParameterError,
    format_mail,
    format_notify,
    format_orcpt,
    format_rcpt,
    parse_mail,
    parse_rcpt,
)
from mailrail.smtp.paths import parse_forward_path, parse_path, parse_reverse_path, split_path

OFFERED = frozenset({"SIZE", "8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "AUTH"})
GRAPHIC = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=60)
PRINTABLE = st.text(min_size=1, max_size=60).filter(str.isprintable)


@given(GRAPHIC)
def test_xtext_comes_back(text: str) -> None:
    written = xtext.encode(text)
    assert xtext.decode(written) == text
    assert written.isascii()
    assert not set(written) & set(" =")


@given(PRINTABLE)
def test_utf8_xtext_comes_back_and_is_ascii(text: str) -> None:
    written = xtext.encode_utf8(text)
    assert xtext.decode_utf8(written) == text
    assert written.isascii()
    assert " " not in written


@given(st.text(max_size=40))
def test_a26_xtext_is_read_or_refused_and_never_hides_a_control_character(text: str) -> None:
    for decode in (xtext.decode, xtext.decode_utf8):
        try:
            assert decode(text).isprintable()
        except ValueError:
            continue


@pytest.mark.parametrize(
    "text",
    ["+0A", "+0D", "+00", "+7F", "+80", "+FF", "+", "+2", "+2b", "a b", "a=b", "a\nb", "a\r", "\0", "\xe4"],
)
def test_a26_line_ends_nul_and_what_is_no_xtext_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"xtext|hides"):
        xtext.decode(text)


@pytest.mark.parametrize(
    r"text", [r"\x{0A}", r"\x{D800}", r"\x{110000}", r"\x{00}", "a b", "a\nb", r"\x{85}"]
)
def test_a26_the_utf8_form_is_as_strict(text: str) -> None:
    with pytest.raises(ValueError, match="character"):
        xtext.decode_utf8(text)


ADDRESSES = st.builds(
    Address,
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30),
    st.sampled_from(["example.org", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]),
)


@given(ADDRESSES, st.sampled_from(["", "@a.example:", "@a.example,@b.example:"]))
def test_a24_a_path_is_cut_at_its_own_bracket_whatever_stands_in_quotes(address: Address, route: str) -> None:
    inner, rest = split_path(f"<{route}{address}> SIZE=1 NOTIFY=NEVER")
    assert rest == "SIZE=1 NOTIFY=NEVER"
    assert parse_path(inner) == address
    assert parse_forward_path(inner) == parse_reverse_path(inner) == address


@given(st.text(st.sampled_from('<>"\\@:, ab.'), max_size=30))
def test_a24_any_text_is_a_path_or_an_address_error(text: str) -> None:
    try:
        inner, _ = split_path(text)
        parsed = parse_path(inner)
    except AddressError:
        return
    assert parse_address(str(parsed)) == parsed


def test_the_two_paths_that_are_no_mailbox() -> None:
    assert parse_reverse_path("") is None
    assert parse_forward_path("PostMaster") == Address("PostMaster", "")
    with pytest.raises(AddressError):
        parse_forward_path("")
    with pytest.raises(AddressError):
        parse_reverse_path("postmaster")


RECIPIENTS = st.builds(
    Recipient,
    st.just(Address("bob", "example.net")),
    st.sampled_from(
        [Notify.DEFAULT, Notify.NEVER, Notify.SUCCESS, Notify.SUCCESS | Notify.FAILURE | Notify.DELAY]
    ),
    st.one_of(
        st.just(""), GRAPHIC.map(lambda text: f"rfc822;{text}"), PRINTABLE.map(lambda text: f"utf-8;{text}")
    ),
)
ENVELOPES = st.builds(
    Envelope,
    st.none(),
    st.just(()),
    st.sampled_from(Body),
    st.booleans(),
    st.sampled_from([None, *Ret]),
    st.one_of(st.just(""), GRAPHIC),
)


@given(ENVELOPES, st.integers(0, 10**15))
def test_the_parameters_of_mail_come_back(envelope: Envelope, size_bytes: int) -> None:
    found = parse_mail(format_mail(envelope, OFFERED, size_bytes, envelope.body), OFFERED)
    assert found.size_bytes == size_bytes
    assert Envelope(None, (), found.body, found.smtputf8, found.ret, found.envid) == envelope


@given(RECIPIENTS)
def test_the_parameters_of_rcpt_come_back(recipient: Recipient) -> None:
    if len(format_orcpt(recipient.orcpt)) > 500:
        return
    found = parse_rcpt(format_rcpt(recipient, OFFERED), OFFERED)
    assert (found.notify, found.orcpt) == (recipient.notify, recipient.orcpt)


def test_nothing_is_said_to_a_peer_that_offers_nothing() -> None:
    envelope = Envelope(None, (), Body.EIGHT_BIT, True, Ret.FULL, "id")
    assert format_mail(envelope, frozenset(), 1, Body.EIGHT_BIT) == ""
    assert format_rcpt(Recipient(Address("a", "b"), Notify.NEVER, "rfc822;a"), frozenset()) == ""
    assert format_notify(Notify.NEVER) == "NEVER"


@given(st.text(max_size=60))
def test_a28_any_text_is_parameters_or_a_parameter_error(text: str) -> None:
    for parse in (parse_mail, parse_rcpt):
        try:
            parse(text, OFFERED)
        except ParameterError:
            continue


@pytest.mark.parametrize(
    ("text", "is_unknown"),
    [
        ("FOO", True),
        ("FOO=1", True),
        ("SIZE=1 size=2", False),
        ("SIZE=x", False),
        ("SIZE=²", False),
        ("SIZE=123456789012345678901", False),
        ("BODY=9BIT", False),
        ("SMTPUTF8=1", False),
        ("ENVID=" + "x" * 101, False),
        ("ENVID=a+0Ab", False),
        ("AUTH=a+0D", False),
        ("=1", False),
        ("RET=NONE", False),
        ("NOTIFY=NEVER", True),
    ],
)
def test_a26_a28_bad_parameters_of_mail(text: str, is_unknown: bool) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_mail(text, OFFERED)
    assert caught.value.is_unknown is is_unknown


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=SUCCESS,SUCCESS",
        "NOTIFY=",
        "NOTIFY=X",
        "ORCPT=rfc822",
        "ORCPT=;a",
        "ORCPT=rfc822;a+0A",
        "ORCPT=utf-8;a\\x{0A}",
        "ORCPT=r/c;a",
        "ORCPT=rfc822;" + "a" * 500,
    ],
)
def test_a26_bad_parameters_of_rcpt(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_rcpt(text, OFFERED)


def test_a_body_or_extension_that_was_not_offered_is_refused() -> None:
    with pytest.raises(ParameterError):
        parse_mail("BODY=BINARYMIME", frozenset({"8BITMIME"}))
    with pytest.raises(ParameterError):
        parse_mail("SMTPUTF8", frozenset())
    assert parse_mail("AUTH=<>", OFFERED).auth == ""
    assert parse_mail("AUTH=a+2Bb", OFFERED).auth == "a+b"
