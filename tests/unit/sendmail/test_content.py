"""Messages as programs write them, made messages as they travel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.sendmail.content import Content, is_dropped, travelling_header
from mailrail.smtp import is_clean

LONG = b"x" * 998


def taken(octets: bytes, *, ends_at_dot: bool = True, piece: int = 0) -> bytes:
    """Return the message as it would be handed in, read in pieces."""
    at = 0

    def read(most: int) -> bytes:
        nonlocal at
        at, start = at + min(piece or most, most), at
        return octets[start:at]

    content = Content(read, ends_at_dot=ends_at_dot)
    fields = content.header(10_000)
    assert fields is not None
    kept = [field for field in fields if not is_dropped(field)]
    return travelling_header(kept) + b"\r\n" + b"".join(content.body())


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"Subject: x\n\nhello\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\r\n\r\nhello\r\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n\r\nhello\r\nyou\n", b"Subject: x\r\n\r\nhello\r\nyou\r\n"),
        (b"Subject: x\r\r\nTo: a\r\r\n\r\r\nhello", b"Subject: x\r\nTo: a\r\n\r\nhello\r\n"),
        (b"Subject: x\n\n10%\r20%\r100%\n", b"Subject: x\r\n\r\n10%\r\n20%\r\n100%\r\n"),
        (b"Subject: x", b"Subject: x\r\n\r\n"),
        (b"Subject: x\r", b"Subject: x\r\n\r\n"),
        (b"", b"\r\n"),
        (b"\n", b"\r\n"),
        (b"\nhello", b"\r\nhello\r\n"),
        (b"hello\nSubject: no\n", b"\r\nhello\r\nSubject: no\r\n"),
        (b"Subject: x\nhello\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b" hello\n", b"\r\n hello\r\n"),
        (b"Subject: x\n folded\n \nhello\n", b"Subject: x\r\n folded\r\n\r\nhello\r\n"),
        (b"Subject : x\n\nhello\n", b"Subject : x\r\n\r\nhello\r\n"),
        (b"From ann Thu Nov 26 2026\nSubject: x\n\nFrom me\n", b"Subject: x\r\n\r\nFrom me\r\n"),
        (b">From ann Thu\n>>From bob Thu\nSubject: x\n\nh\n", b"Subject: x\r\n\r\nh\r\n"),
        (b"Subj\0ect: x\0\n\nhe\0llo\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"To: a\nBcc: b\n c\nbcc : d\nResent-Bcc: e\nReturn-Path: <f>\nContent-Length: 5\n\nh\n", b"To: a\r\n\r\nh\r\n"),
        (b"Subject: x\n\nhello\n.\nmore\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n\nhello\r\n.\r\nmore\r\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n\nhello\n.", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n.\nTo: no\n", b"Subject: x\r\n\r\n"),
        (b".\nhello\n", b"\r\n"),
        (b".", b"\r\n"),
        (b"Subject: x\n\n..\n. \n.x\n", b"Subject: x\r\n\r\n..\r\n. \r\n.x\r\n"),
        (b"\n" + LONG + b"\n", b"\r\n" + LONG + b"\r\n"),
        (b"\n" + LONG + b".\nend\n", b"\r\n" + LONG + b"\r\n.\r\nend\r\n"),
        (b"\nab " + LONG + b"\n", b"\r\nab \r\n" + LONG + b"\r\n"),
        (b"\n" + LONG[:-1] + "ü\n".encode(), b"\r\n" + LONG[:-1] + "\r\nü\r\n".encode()),
        (b"A: " + LONG + b"\n\n", b"A:\r\n " + LONG + b"\r\n\r\n"),
        (b"A: b c " + LONG + b"\n\n", b"A: b c\r\n " + LONG + b"\r\n\r\n"),
        (b"A:" + LONG + b"\n\n", b"A:" + LONG + b"\r\n\r\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [0, 1, 7])
def test_a_message_is_taken_as_it_was_meant(octets: bytes, expected: bytes, piece: int) -> None:
    assert taken(octets, piece=piece) == expected


@pytest.mark.parametrize("octets", [b"\nhello\n.\nmore\n", b".\nhello\n", b"\n.", b"Subject: x\n.\n"])
def test_with_minus_i_a_dot_is_a_line_as_any_other(octets: bytes) -> None:
    assert b"\r\n.\r\n" in b"\r\n" + taken(octets, ends_at_dot=False)


@pytest.mark.parametrize("octets", [b"A: b\n" * 5000, b"A: " + b"x" * 20_000, b"A: b\n" + b" c\n" * 9000])
def test_a_header_section_without_measure_is_not_kept(octets: bytes) -> None:
    at = 0

    def read(most: int) -> bytes:
        nonlocal at
        at, start = at + most, at
        return octets[start:at]

    assert Content(read, ends_at_dot=True).header(10_000) is None


TEXT = st.binary(max_size=60) | st.text("aA:.\n\r\0 >F", max_size=80).map(str.encode)


@given(TEXT, st.integers(1, 9), st.booleans())
def test_in_whatever_pieces_it_comes_it_is_the_same_and_travels(
    octets: bytes, piece: int, ends_at_dot: bool
) -> None:
    whole = taken(octets, ends_at_dot=ends_at_dot)
    assert taken(octets, ends_at_dot=ends_at_dot, piece=piece) == whole
    assert is_clean(whole)
    assert whole.endswith(b"\r\n")
    assert b"\0" not in whole
    assert max(map(len, whole.split(b"\r\n"))) <= 998


@given(st.text(st.sampled_from("aü€\U0001f600 "), max_size=5000))
def test_a_line_is_broken_between_characters_and_loses_none(text: str) -> None:
    body = taken(b"\n" + text.encode() + b"\n").removeprefix(b"\r\n").removesuffix(b"\r\n")
    lines = body.split(b"\r\n")
    assert "".join(line.decode() for line in lines) == text
    assert max(map(len, lines)) <= 998
