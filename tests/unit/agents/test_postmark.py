"""A message as a mailbox keeps it: what stands in front, and how its lines end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.agents.postmark import LineEnds, our_lines
from mailrail.model import Envelope, Recipient, parse_address

ANN = parse_address("ann@example.com")
BOB = parse_address("bob@example.org")
EVE = parse_address("eve@example.org")


@pytest.mark.parametrize(
    ("orcpt", "line"),
    [
        ("rfc822;Team@example.org", b"X-Original-To: Team@example.org\r\n"),
        ("RFC822;\u00fc@example.org", b"X-Original-To: \xc3\xbc@example.org\r\n"),
        ("rfc822;a@example.org\r\nBcc: x@example.org", b""),
        ("rfc822;a@example.org\nBcc: x@example.org", b""),
        ("rfc822;a\u2028b@example.org", b""),
        ("x400;c=us", b""),
        ("", b""),
    ],
)
def test_what_a_sender_called_somebody_makes_one_line_or_none(orcpt: str, line: bytes) -> None:
    """A26: no line of a sender's own gets in by ORCPT."""
    front = our_lines(Envelope(ANN, ()), [Recipient(BOB, orcpt=orcpt)])
    assert front == b"Return-Path: <ann@example.com>\r\n" + line + b"Delivered-To: bob@example.org\r\n"


def test_of_several_recipients_none_is_named() -> None:
    assert our_lines(Envelope(None, ()), [Recipient(BOB), Recipient(EVE)]) == b"Return-Path: <>\r\n"


@given(st.lists(st.binary(max_size=4) | st.sampled_from([b"\r", b"\n", b"\r\n"])))
def test_line_ends_are_turned_however_the_content_is_cut(pieces: list[bytes]) -> None:
    ends = LineEnds()
    assert b"".join([*map(ends.feed, pieces), ends.end()]) == b"".join(pieces).replace(b"\r\n", b"\n")
