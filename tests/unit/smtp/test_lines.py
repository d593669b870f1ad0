"""The one law of line ends, against a reference that reads one octet at a time."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailrail.smtp.lines import (
    ChunkReader,
    DotReader,
    DotWriter,
    has_long_line,
    is_clean,
    repaired,
    stuffed,
)

# Adversarial: everything that could make, or almost make, a terminator.
NASTY = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"a", b"\0"]), max_size=40
).map(b"".join)
CLEAN = st.lists(st.sampled_from([b"\r\n", b".", b"a", b"..", b"bc"]), max_size=40).map(b"".join)
CUTS = st.lists(st.integers(0, 60), max_size=8)


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[low:high] for low, high in itertools.pairwise(at)]


def reference(data: bytes) -> tuple[bytes, bytes | None]:
    """Read data as RFC 5321 §4.1.1.4 and §4.5.2 say it, line by line, CRLF the only line end."""
    content = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return content, None
        if line == b".":
            return content, data
        content += (line[1:] if line.startswith(b".") else line) + end


def read(reader: DotReader, parts: Iterable[bytes]) -> tuple[bytes, bytes | None]:
    content, rest = b"", None
    for part in parts:
        if rest is not None:
            rest += part
        else:
            more, rest = reader.feed(part)
            content += more
    return content, rest


@pytest.mark.parametrize("more", [b"rest", b""])
@given(NASTY, CUTS)
@example(b"\r\n.\r\n", [1, 2, 3, 4])
@example(b".\r\n", [1, 2])
@example(b".\r\nx", [1])
@example(b".\r", [2])
@example(b".\r\n", [2])
@example(b".\r\r\n.\r\n", [2])
@example(b"\r.\r\n.\n.\r\n\r\n.\r", [])
def test_a1_data_ends_where_the_reference_says_in_any_pieces(
    more: bytes, data: bytes, cuts: list[int]
) -> None:
    data += b"\r\n.\r\n" + more
    expected, behind = reference(data)
    reader = DotReader()
    assert read(reader, pieces(data, cuts)) == (expected, behind)
    assert behind is not None
    raw = data[: len(data) - len(behind)]
    assert reader.has_bare is not is_clean(raw)
    assert reader.has_nul is (b"\0" in expected)


@given(NASTY)
def test_a6_one_octet_at_a_time_is_the_same(data: bytes) -> None:
    data += b"\r\n.\r\n"
    assert read(DotReader(), (data[n : n + 1] for n in range(len(data)))) == read(DotReader(), [data])


@pytest.mark.parametrize(
    "fake",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\n.\r",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    ],
)
def test_a1_a2_nothing_that_looks_like_it_ends_data(fake: bytes) -> None:
    reader = DotReader()
    _, rest = reader.feed(b"text" + fake + b"MAIL FROM:<evil@example.org>")
    assert rest is None
    reader.feed(b"\r\n")
    assert reader.has_bare or reader.has_nul


@given(CLEAN, CUTS, CUTS)
def test_a6_what_is_stuffed_comes_out_as_it_was(content: bytes, cuts: list[int], others: list[int]) -> None:
    writer = DotWriter()
    sent = b"".join(writer.feed(part) for part in pieces(content, cuts)) + writer.finish()
    whole = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert read(DotReader(), pieces(sent, others)) == (whole, b"")
    assert stuffed(content) == sent


@given(NASTY, CUTS)
def test_a5_repaired_content_is_clean_and_keeps_its_lines(data: bytes, cuts: list[int]) -> None:
    mended = repaired(data)
    assert is_clean(mended)
    assert mended.replace(b"\r\n", b"").replace(b"\r", b"") == data.replace(b"\r", b"").replace(b"\n", b"")
    assert repaired(mended) == mended
    assert (mended == data) is is_clean(data)


@given(NASTY, CUTS)
def test_a4_chunks_are_judged_as_the_whole_is(data: bytes, cuts: list[int]) -> None:
    reader = ChunkReader()
    content = b"".join(reader.feed(part) for part in pieces(data, cuts)) + reader.finish()
    assert content == data
    assert reader.has_bare is not is_clean(data)
    assert reader.has_nul is (b"\0" in data)


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"x", b"xxx"])).map(b"".join), st.integers(1, 6))
def test_a_long_line_is_found_wherever_it_stands(text: bytes, limit: int) -> None:
    assert has_long_line(text, limit) is any(len(line) > limit for line in text.split(b"\r\n"))
