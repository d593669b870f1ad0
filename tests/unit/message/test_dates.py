"""Dates are written in UTC and read with any numeric zone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import date_text, parse_date

SECOND = 1_000_000


def test_a_date_is_written_as_rfc_5322_wants() -> None:
    assert date_text(1_795_436_567_999_999) == "Mon, 23 Nov 2026 12:22:47 +0000"


@given(st.integers(0, 7_258_118_399))
def test_what_is_written_reads_back(second: int) -> None:
    assert parse_date(date_text(second * SECOND)) == second * SECOND


def test_a_zone_is_taken_into_account() -> None:
    assert parse_date("Mon, 23 Nov 2026 14:22:47 +0200 (EET)") == 1_795_436_567 * SECOND
    assert parse_date("23 Nov 2026 07:22 -0500") == 1_795_436_520 * SECOND


def test_a_leap_second_is_the_second_before() -> None:
    assert parse_date("31 Dec 2016 23:59:60 +0000") == 1_483_228_799 * SECOND


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "31 Feb 2026 00:00:00 +0000", "1 Foo 2026 00:00:00 +0000", "1 Jan 2026 25:00 +0000",
     "1 Jan 0001 00:00:00 +2300", "31 Dec 9999 23:59:59 -2359", "1 Jan 26 00:00:00 GMT", "9" * 100_000],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    parse_date(text)
