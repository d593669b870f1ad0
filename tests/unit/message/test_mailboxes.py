"""Addresses of a field, for decisions: what is sure is read, and all else is refused (A37)."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import MailboxError, mailboxes, replace_mailboxes
from mailrail.model import Address


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b" ann@example.org", ["ann@example.org"]),
        (b" Ann Example <ann@EXAMPLE.org>", ["ann@example.org"]),
        (b' "Eve <eve@x.example>, (x" <ann@example.org> (me, (really\\)))', ["ann@example.org"]),
        (b" ann@example.org,\r\n bob@example.org , ,", ["ann@example.org", "bob@example.org"]),
        (
            b" us: Ann <ann@example.org>, bob@example.org;, eve@example.org",
            ["ann@example.org", "bob@example.org", "eve@example.org"],
        ),
        (b' "a b"@example.org', ['"a b"@example.org']),
        (b" =?utf-8?q?B=C3=BCro?= <ann@example.org>", ["ann@example.org"]),
        ("Jörg <jörg@bücher.example>".encode(), ["jörg@xn--bcher-kva.example"]),
        (b" J. R. Example <ann@[192.0.2.1]>", ["ann@[192.0.2.1]"]),
    ],
)
def test_good_fields_are_read(raw: bytes, found: list[str]) -> None:
    assert [address.text for address in mailboxes(raw)] == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b" ()",
        b" us:;",
        b" nobody",
        b" <>",
        b" <ann@example.org",
        b" ann@example.org>",
        b" <<ann@example.org>>",
        b" <ann@example.org> <eve@example.org>",
        b" <ann@example.org> eve",
        b" <@a.example:ann@example.org>",
        b" <ann@example.org,eve@example.org>",
        b" eve@example.org <ann@example.org>",
        b" (unfinished <ann@example.org>",
        b' "unfinished <ann@example.org>',
        b" a:b:ann@example.org;;",
        b" us:ann@example.org",
        b" ann@example.org;",
        b" ann @ example.org",
        b" ann@example.org eve@example.org",
        b" ann\\@example.org",
        b" \xff <ann@example.org>",
        b" ann@example.org\0",
        b" " + 70_000 * b"a",
    ],
)
def test_what_is_not_sure_is_refused(raw: bytes) -> None:
    with pytest.raises(MailboxError):
        mailboxes(raw)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(MailboxError):
        assert all(isinstance(one, Address) for one in mailboxes(raw))


@pytest.mark.parametrize("piece", [b"(", b"((x)", b'"', b"<", b"a,", b":", b"\\", b"a b "])
def test_hostile_fields_cost_no_more_than_their_length(piece: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MailboxError):
        mailboxes(piece * (60_000 // len(piece)))
    assert time.process_time() - began < 2


def elsewhere(address: Address) -> Address:
    return Address(address.local_part, "new.example") if address.domain == "example.org" else address


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b" ann@example.org", b" ann@new.example"),
        (b" ann@example.net", b" ann@example.net"),
        (
            b' "Eve, <e@example.org>" (ann@example.org)\r\n\t< ann@example.org >, bob@example.net',
            b' "Eve, <e@example.org>" (ann@example.org)\r\n\t< ann@new.example >, bob@example.net',
        ),
        (
            b" us: ann@example.org,\r\n b@example.org (b);\r\n",
            b" us: ann@new.example,\r\n b@new.example (b);\r\n",
        ),
        (b' "a b"@example.org', b' "a b"@new.example'),
        ("Jörg <jörg@example.org>".encode(), "Jörg <jörg@new.example>".encode()),
        (
            b" =?utf-8?q?B=C3=BC?=\r\n <ann@example.org> (x)",
            b" =?utf-8?q?B=C3=BC?=\r\n <ann@new.example> (x)",
        ),
    ],
)
def test_an_address_is_replaced_and_nothing_else_is_touched(raw: bytes, written: bytes) -> None:
    assert replace_mailboxes(raw, elsewhere) == written


@given(st.text(' <>(),:;"\\@.ab\r\n', max_size=40))
def test_a_field_in_which_nobody_changes_stays_as_it_is(text: str) -> None:
    raw = text.encode()
    with contextlib.suppress(MailboxError):
        assert replace_mailboxes(raw, lambda address: address) == raw
        changed = replace_mailboxes(raw, lambda address: Address(address.local_part, "new.example"))
        assert {one.domain for one in mailboxes(changed)} == {"new.example"}
        assert len(mailboxes(changed)) == len(mailboxes(raw))
