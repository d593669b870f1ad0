"""A From field for those who wrote none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import from_line, mailboxes, text_of
from mailrail.model import Address

ANN = Address("ann", "example.org")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("", b"From: ann@example.org\r\n"),
        ("Ann Lee", b"From: Ann Lee <ann@example.org>\r\n"),
        ("  Ann\t Lee\r\n", b"From: Ann Lee <ann@example.org>\r\n"),
        ('Lee, A. "X"', b'From: "Lee, A. \\"X\\"" <ann@example.org>\r\n'),
        ("=?utf-8?q?x?=", b'From: "=?utf-8?q?x?=" <ann@example.org>\r\n'),
        ("Anne Müller", b"From: =?utf-8?b?QW5uZSBNw7xsbGVy?= <ann@example.org>\r\n"),
    ],
)
def test_a_name_is_written_as_the_grammar_wants_it(name: str, line: bytes) -> None:
    assert from_line(name, ANN) == line


@given(st.text(max_size=120))
def test_whatever_the_name_the_field_names_one_mailbox_and_reads_back(name: str) -> None:
    line = from_line(name, ANN)
    raw = line.removeprefix(b"From: ").removesuffix(b"\r\n")
    assert mailboxes(raw) == (ANN,)
    assert line.isascii()
    assert max(map(len, line.split(b"\r\n"))) <= 78 + len("From: <ann@example.org>") or name.isascii()
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not shown.isascii():
        assert text_of(raw).removesuffix(" <ann@example.org>") == shown
