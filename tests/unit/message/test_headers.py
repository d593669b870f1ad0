"""Header fields are read in place, in linear time, from any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.message import fields, find_field, header_end, text_of

MAIL = b"From: a@b\r\nSubject: one\r\n two\r\n\tthree\r\nX-Empty:\r\n\r\nbody: no\r\n"


def test_fields_come_in_order_with_their_places() -> None:
    found = list(fields(MAIL))
    assert [field.name for field in found] == [b"from", b"subject", b"x-empty"]
    assert [field.value for field in found] == [b"a@b", b"one two\tthree", b""]
    assert b"".join(MAIL[field.start : field.end] for field in found) == MAIL[: header_end(MAIL)[0]]


def test_the_first_field_of_a_name_is_found() -> None:
    found = find_field(MAIL, b"subject")
    assert found is not None
    assert found.raw == b" one\r\n two\r\n\tthree"
    assert find_field(MAIL, b"body") is None


@pytest.mark.parametrize(
    ("content", "ends"),
    [(b"", (0, 0)), (b"\r\nx", (0, 2)), (b"A: b\r\n\r\nx", (6, 8)), (b"A: b\r\n", (6, 6)), (b"A: b", (4, 4))],
)
def test_the_end_of_the_header_is_found(content: bytes, ends: tuple[int, int]) -> None:
    assert header_end(content) == ends


def test_a16_odd_names_come_out_as_they_stand() -> None:
    content = b" lead\r\n__proto__: x\r\nFrom : y\r\n: z\r\nno colon\r\n\xff\xfe: w\r\n\r\n"
    assert [(field.name, field.value) for field in fields(content)] == [
        (b"", b"lead"), (b"__proto__", b"x"), (b"from", b"y"), (b"", b"z"), (b"", b"no colon"), (b"\xff\xfe", b"w"),
    ]  # fmt: skip


def test_a16_a_hundred_thousand_lines_are_read_in_one_pass() -> None:
    content = b"A: b\r\n" * 50_000 + b"C: d\r\n" + b" e\r\n" * 50_000 + b"\r\n"
    assert sum(1 for _ in fields(content)) == 50_001


@given(st.binary(max_size=200) | st.text("a: \t\r\n\0ü", max_size=60).map(str.encode))
def test_fields_cover_the_header_whatever_it_is(content: bytes) -> None:
    found = list(fields(content))
    assert b"".join(content[field.start : field.end] for field in found) == content[: header_end(content)[0]]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" plain", "plain"),
        (b" =?utf-8?q?J=C3=B6rg_B=2E?=", "Jörg B."),
        (b" =?UTF-8?B?SsO2cmc=?=\r\n =?iso-8859-1?Q?=FC?=", "Jörgü"),
        (b" =?UTF-8?B?SsO2cmc?=", "Jörg"),
        (b" =?utf-8*en?q?a?= b", "a b"),
        ("grün".encode(), "grün"),
        (b"\xff", "\ufffd"),
        (b" =?hex?q?41?=", "=?hex?q?41?="),
        (b" =?iso-8859-99?q?a?=", "=?iso-8859-99?q?a?="),
        (b" =?utf-8?b?A?=", "\ufffd"),
        (b" =?utf-8?q?a=0D=0AX:_b=1B[31m?=", "a\ufffd\ufffdX: b\ufffd[31m"),
        ("\u202egpj.exe".encode(), "\ufffdgpj.exe"),
    ],
)
def test_a_value_is_shown_to_people(raw: bytes, text: str) -> None:
    assert text_of(raw) == text


def test_a80_decoding_is_bounded() -> None:
    assert len(text_of(b"=?utf-8?q?" * 1_000_000)) <= 4096


@given(st.binary(max_size=300) | st.from_regex(rb"=\?[a-z0-9-]{1,12}\?[bq]\?[!-~]*\?="))
def test_showing_never_raises_and_is_printable(raw: bytes) -> None:
    assert text_of(raw).isprintable() or "\ufffd" in text_of(raw)
