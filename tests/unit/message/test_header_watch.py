"""HeaderWatch sees the same header however the bytes are cut, and stays small and fast."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.work import octets_gone_through

from mailrail.message import HeaderWatch

MAIL = b"Received: a\r\nreceived: b\r\nX-Received: c\r\nDate: d\r\n folded\r\n\r\nReceived: in the body\r\n"


def watch(*chunks: bytes, max_bytes: int = 1000, max_lines: int = 100) -> HeaderWatch:
    made = HeaderWatch(max_bytes, max_lines)
    for chunk in chunks:
        made.feed(chunk)
    return made


def test_hops_are_counted_in_the_header_only_and_in_any_case() -> None:
    """A64: the count that stops loops."""
    assert watch(MAIL).received_count == 2


def test_the_header_ends_before_the_empty_line() -> None:
    seen = watch(MAIL)
    assert seen.is_complete
    assert seen.header == MAIL[: MAIL.index(b"\r\n\r\n") + 2]


def test_fields_are_found_by_whole_name() -> None:
    seen = watch(MAIL)
    assert seen.has(b"date")
    assert seen.has(b"received")
    assert not seen.has(b"from")
    assert not seen.has(b"ate")


def test_a_message_that_begins_with_an_empty_line_has_no_header() -> None:
    seen = watch(b"\r\nDate: body\r\n\r\n")
    assert seen.is_complete
    assert seen.header == b""
    assert not seen.has(b"date")


def test_without_an_empty_line_everything_is_header() -> None:
    seen = watch(b"Date: d\r\nFrom: a@b")
    assert not seen.is_complete
    assert seen.has(b"from")


@given(st.lists(st.integers(0, len(MAIL)), max_size=20))
def test_cuts_do_not_change_what_is_seen(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(MAIL)]
    seen = watch(*(MAIL[a:b] for a, b in pairwise(places)))
    assert (seen.header, seen.received_count, seen.lines) == (watch(MAIL).header, 2, 5)


@pytest.mark.parametrize("first", [b"", b"Subject: s\r\n"])
def test_who_asks_before_all_has_come_hears_of_the_rest_later(first: bytes) -> None:
    seen = watch(first)
    assert not seen.has(b"date")
    seen.feed(MAIL)
    assert (seen.has(b"date"), seen.received_count) == (True, 2)


def test_one_octet_at_a_time_gives_the_same() -> None:
    seen = watch(*(MAIL[n : n + 1] for n in range(len(MAIL))))
    assert (seen.is_complete, seen.header, seen.received_count) == (True, watch(MAIL).header, 2)


def test_a16_a_header_that_comes_octet_by_octet_is_counted_once_not_again_for_each_octet() -> None:
    """Found by fuzzing: 256 KiB of one-octet segments held the loop for half a minute."""

    def work(octets: int) -> int:
        header = b"a: b\r\n" * (octets // 6)
        seen = HeaderWatch(octets, octets)

        def run() -> None:
            for at in range(len(header)):
                seen.feed(header[at : at + 1])

        counted = octets_gone_through("count", run)
        assert not seen.is_too_big
        return counted

    assert work(6000) <= 2.1 * work(3000)


def test_lines_are_counted_also_where_a_line_end_is_cut() -> None:
    assert watch(*(bytes([octet]) for octet in b"a: b\r\n" * 20), max_lines=20).header
    assert watch(*(bytes([octet]) for octet in b"a: b\r\n" * 21), max_lines=20).is_too_big


def test_eight_bit_octets_are_told_for_header_and_content() -> None:
    body_only = watch(b"Subject: a\r\n\r\n", "ü\r\n".encode())
    assert (body_only.has_8bit, body_only.header_has_8bit) == (True, False)
    header_too = watch("Subject: ü\r\n\r\nx".encode())
    assert (header_too.has_8bit, header_too.header_has_8bit) == (True, True)
    assert not watch(MAIL).has_8bit


def test_a2_a_nul_is_told_of_the_header_only() -> None:
    assert not watch(b"Subject: a\r\n\r\n\0").header_has_nul
    assert watch(b"Sub\0ject: a\r\n\r\n").header_has_nul
    assert watch(b"Subject: a\r\n", b"To: \0\r\n\r\n").header_has_nul


@given(
    st.lists(st.sampled_from([b"received:", b"Received: a", b"\r\n", b" "]), max_size=12), st.integers(0, 60)
)
def test_there_are_never_more_hops_than_lines_and_one(words: list[bytes], cut: int) -> None:
    """By `lines` alone most mail is known not to go in circles."""
    header = b"".join(words)
    seen = watch(header[:cut], header[cut:])
    assert seen.received_count <= seen.lines + 1
    assert seen.lines == watch(header).lines == seen.header.count(b"\r\n")


@pytest.mark.parametrize("cut", [1, 7, 4096])
def test_a16_a_header_over_its_octets_is_too_big_and_forgotten(cut: int) -> None:
    mail = b"X: " + b"y" * 5000
    seen = watch(*(mail[n : n + cut] for n in range(0, len(mail), cut)))
    assert seen.is_too_big
    assert seen.header == b""


def test_a16_a_hundred_thousand_header_lines_are_too_many() -> None:
    mail = b"__proto__: x\r\n" * 100_000
    seen = HeaderWatch()
    for n in range(0, len(mail), 100):
        seen.feed(mail[n : n + 100])
    assert seen.is_too_big


def test_a_small_header_with_a_big_body_is_not_too_big() -> None:
    assert not watch(b"A: b\r\n\r\n" + b"x" * 5000).is_too_big


def test_lines_are_limited_when_the_header_comes_whole() -> None:
    assert watch(b"A: b\r\n" * 101 + b"\r\n").is_too_big
    assert not watch(b"A: b\r\n" * 100 + b"\r\n").is_too_big


@pytest.mark.parametrize(
    ("header", "priority"),
    [
        (b"MT-Priority: -3\r\n", -3),
        (b"Subject: x\r\nmt-priority:4 (ultra)\r\n", 4),
        (b"MT-Priority: (very) (much)\r\n 9\r\n", 9),
        (b"MT-Priority: 0\r\n", 0),
        (b"MT-Priority: 10\r\n", None),
        (b"MT-Priority: -0\r\n", None),
        (b"MT-Priority:\r\n", None),
        (b"MT-Priority: high\r\n", None),
        (b"MT-Priority: 1\r\nMT-Priority: 2\r\n", None),
        (b"X-MT-Priority: 5\r\n", None),
        (b"Subject: MT-Priority: 5\r\n", None),
    ],
)
def test_one_field_says_a_priority_and_what_cannot_be_read_says_none(
    header: bytes, priority: int | None
) -> None:
    """RFC 6758 §3.1, §4."""
    watch = HeaderWatch()
    watch.feed(header + b"\r\nMT-Priority: 7\r\n")
    assert watch.priority == priority
