"""Lists of recipients: none is lost, and what cannot be read is told."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import quote_local_part
from mailrail.sendmail.recipients import recipients_in, sender_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bob@example.org", ["bob@example.org"]),
        ("root", ["root"]),
        ("a@x.example,b@x.example", ["a@x.example", "b@x.example"]),
        (" Bob <b@x.example> ,\r\n\t c@x.example ", ["b@x.example", "c@x.example"]),
        ('"Lee, Ann" <ann@x.example>, "a\\"b" <b@x.example>', ["ann@x.example", "b@x.example"]),
        ("John Q. Public <j@x.example>", ["j@x.example"]),
        ("=?utf-8?q?M=C3=BCller=2C_A?= <m@x.example>", ["m@x.example"]),
        ("Müller <m@x.example>", ["m@x.example"]),
        ("Friends: a@x.example, B <b@x.example>;, c@x.example", ["a@x.example", "b@x.example", "c@x.example"]),
        ("undisclosed-recipients:;", []),
        ("a@x.example; b@x.example", ["a@x.example", "b@x.example"]),
        ("a@x.example (Ann, (the \\) one)) , (nobody), b@x.example", ["a@x.example", "b@x.example"]),
        ("ann @ x . example", ["ann@x.example"]),
        ("<@relay.example,@hub.example:ann@x.example>", ["ann@x.example"]),
        ("<ann@x.example> Ann", ["ann@x.example"]),
        ("<ann@x.example> <bob@x.example>", ["ann@x.example", "bob@x.example"]),
        ("< ann@x.example >", ["ann@x.example"]),
        ("ann@x.example (home) <ann@y.example>", ["ann@y.example"]),
        ('"a b"@x.example, "c@d"@x.example', ['"a b"@x.example', '"c@d"@x.example']),
        ("a@[192.0.2.1], b@[IPv6:2001:db8::1]", ["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]),
        ("münchen@bücher.example", ["münchen@bücher.example"]),
        (",, ,", []),
        ("", []),
    ],
)  # fmt: skip
def test_every_recipient_is_found(text: str, expected: list[str]) -> None:
    assert recipients_in(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ann bob", "local part"),
        ("ann@x.example bob@x.example", "local part"),
        ("Ann <ann@x.example", "no >"),
        ('"Ann <ann@x.example>', 'no "'),
        ("ann@x.example (never ends", "comment"),
        ("ann@x.example)", "where none may stand"),
        ("Ann <>", "empty"),
        ("<@x.example>", "no address"),
        ("<ann@x.example> bob@y.example", "another address"),
        ("ann@", "domain"),
        ("@x.example", "local part"),
        ("a..b@x.example", "local part"),
        ("ann@-x.example", "domain"),
        ("ann\x07@x.example", "local part"),
        ("b\udcffb@x.example", "UTF-8"),
        ("a" * 65 + "@x.example", "64 octets"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        recipients_in(f"first@x.example, {text}")


LOCAL_PARTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30).map(
    quote_local_part
)
DOMAINS = st.from_regex(r"[a-z0-9]{1,10}\.example", fullmatch=True)


@given(st.lists(st.tuples(LOCAL_PARTS, DOMAINS), max_size=5), st.sampled_from([", ", ",\r\n ", " ; ", ","]))
def test_addresses_in_brackets_or_alone_come_out_as_they_went_in(
    pairs: list[tuple[str, str]], between: str
) -> None:
    addresses = [f"{local_part}@{domain}" for local_part, domain in pairs]
    written = [address if at % 2 else f'"N, {at}" <{address}>' for at, address in enumerate(addresses)]
    assert recipients_in(between.join(written)) == addresses


@given(st.text(st.sampled_from('ab@.,;:<>()[]"\\ \r\n\t')))
def test_any_text_ends_in_addresses_or_in_words_of_why(text: str) -> None:
    with suppress(ValueError):
        found = recipients_in(text)
        assert recipients_in(", ".join(f"<{one}>" for one in found)) == found


@pytest.mark.parametrize(
    ("text", "sender"), [("", ""), ("<>", ""), ("ann", "ann"), ("Ann <ann@x.example>", "ann@x.example")]
)
def test_a_sender_is_one_address_or_nobody(text: str, sender: str) -> None:
    assert sender_in(text) == sender


def test_two_senders_are_refused() -> None:
    with pytest.raises(ValueError, match="2 addresses"):
        sender_in("a@x.example, b@x.example")
