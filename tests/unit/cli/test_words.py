"""Sizes, times and tables as people read them; and the sign of life."""

import asyncio
import io

import pytest

from mailrail.cli.progress import progress
from mailrail.cli.words import count_words, due_words, one_line, size_words, span_words, table
from mailrail.sim import simulate


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (4300, "4.2 KiB"),
        (36_700_160, "35 MiB"),
        (5 << 40, "5.0 TiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_a_size_has_three_digits_at_most_and_its_unit(size: int, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (42.9, "42s"),
        (60, "1m"),
        (3599, "59m"),
        (11_520, "3h12m"),
        (86_400, "1d"),
        (370_000, "4d6h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_what_is_due_is_told_from_now() -> None:
    assert due_words(5, 10) == "now"
    assert due_words(70_000_000, 10_000_000) == "in 1m"


def test_a_line_is_one_line_and_obeys_nobody() -> None:
    assert one_line("a\nb\x1b[31m\u202e") == "a?b?[31m?"
    assert one_line("abcdef", 4) == "abc…"


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    assert list(table(("A", "N"), [("x", "1"), ("long", "22")], right=frozenset({1}))) == [
        "A      N",
        "x      1",
        "long  22",
    ]


def test_a_count_is_one_item_or_many_items() -> None:
    assert [count_words(n, "item") for n in (0, 1, 10_000)] == ["0 items", "1 item", "10,000 items"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(seconds: float, stream: io.StringIO) -> str:
    async def main() -> None:
        with progress("Deleting", stream):
            await asyncio.sleep(seconds)

    simulate(main())
    return stream.getvalue()


def test_progress_is_silent_for_a_second_then_ticks_and_wipes_itself() -> None:
    assert shown(0.9, Terminal()) == ""
    assert shown(2.2, Terminal()) == "\rDeleting … 1 s\rDeleting … 2 s\rDeleting … 2 s\r\x1b[K"


def test_progress_writes_nothing_to_a_file() -> None:
    assert shown(10, io.StringIO()) == ""
