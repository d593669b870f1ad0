"""A file in the maildrop: what is written is read, what was not written so is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.maildrop import (
    HEAD_BYTES,
    TRAILER_BYTES,
    DropError,
    Handed,
    format_head,
    format_trailer,
    is_name,
    parse_head,
    parse_trailer,
)

LINES = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1)
HANDED = st.builds(
    Handed,
    st.lists(LINES, min_size=1),
    sender=st.none() | st.just("") | LINES,
    name=st.just("") | LINES,
    notify=st.sampled_from(["", "NEVER", "SUCCESS,FAILURE"]),
    ret=st.sampled_from(["", "HDRS"]),
    envid=st.sampled_from(["", "QQ314159"]),
)


@given(HANDED, st.binary(max_size=100))
def test_what_was_written_is_read_back_and_the_content_begins_behind_it(
    handed: Handed, content: bytes
) -> None:
    head = format_head(handed)
    assert parse_head(head + content) == (handed, len(head))


@given(st.integers(0, 2**40), st.integers(0, 2**32 - 1))
def test_the_trailer_reads_back(size_bytes: int, crc: int) -> None:
    trailer = format_trailer(size_bytes, crc)
    assert len(trailer) == TRAILER_BYTES
    assert parse_trailer(trailer) == (size_bytes, crc)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "does not begin"),
        (b"mailrail 2\nto a\n\n", "another version"),
        (b"mailrail 1\nto bob", "no end"),
        (b"mailrail 1\n\n", "nothing that is known"),
        (b"mailrail 1\nsender \n\n", "no recipient"),
        (b"mailrail 1\nto bob\nqueue x\n\n", "'queue'"),
        (b"mailrail 1\nto bob\nname a\nname b\n\n", "stands twice"),
        (b"mailrail 1\nto bob\rto ann\n\n", "nothing that is known"),
        (b"mailrail 1\nto b\xff\n\n", "not UTF-8"),
        (b"mailrail 1\nto " + b"b" * HEAD_BYTES + b"\n\n", "no end"),
        (b"From ann Thu\nSubject: x\n\n", "does not begin"),
    ],
)
def test_another_file_is_not_taken_for_mail(octets: bytes, why: str) -> None:
    with pytest.raises(DropError, match=why):
        parse_head(octets)


@pytest.mark.parametrize(
    "octets", [b"", b"0" * 26, format_trailer(5, 5)[:-1], format_trailer(5, 5).upper() + b" "]
)
def test_a_file_that_was_cut_short_is_seen_by_its_end(octets: bytes) -> None:
    with pytest.raises(DropError, match="cut short"):
        parse_trailer(octets)


@pytest.mark.parametrize("address", ["bob\nto eve", "bob\reve", "bob\0"])
def test_a_line_end_in_an_address_makes_no_second_recipient(address: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        format_head(Handed([address]))


def test_so_many_recipients_that_nobody_would_read_them_are_not_written() -> None:
    with pytest.raises(ValueError, match="recipients take"):
        format_head(Handed(["b" * 300] * (HEAD_BYTES // 300)))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("18a-1f-0b", True), ("", False), (".18a", False), ("a" * 65, False), ("../x", False), ("A", False)],
)
def test_only_names_that_we_give_are_looked_at(name: str, is_one: bool) -> None:
    assert is_name(name) == is_one
