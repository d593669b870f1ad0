"""Bytes to answers: whatever arrives is read or refused with a DnsError."""

import contextlib
import struct
from collections.abc import Iterable

import dns.name
import dns.rdata
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailrail.dns.wire import (
    LONGEST_CHAIN,
    Kind,
    Question,
    is_reply,
    name_of,
    question,
    read_reply,
    text_of,
)
from mailrail.model import DnsError
from mailrail.sim import Zone

ZONE = Zone({"here.example": ["MX 10 a.example.", 'TXT "x"'], "alias.example": ["CNAME here.example."]})


def ask(name: str, kind: Kind) -> Question:
    found = name_of(name)
    assert found is not None
    return question(found, kind)


def reply_to(asked: Question) -> bytes:
    _, reply = ZONE.respond(asked.query(7))
    assert reply is not None
    return reply


def texts(records: Iterable[dns.rdata.Rdata]) -> tuple[str, ...]:
    return tuple(record.to_text() for record in records)


LABELS = st.lists(st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True), min_size=1, max_size=5)


@given(LABELS.map(".".join))
def test_a_name_reads_back(text: str) -> None:
    name = name_of(text)
    assert name is not None
    assert text_of(name) == text


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5))
def test_any_name_of_the_wire_becomes_printable_text_that_reads_back(labels: list[bytes]) -> None:
    name = dns.name.Name([*labels, b""])
    text = text_of(name)
    assert text.isascii()
    assert text.isprintable()
    assert name_of(text) == name


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_none(text: str) -> None:
    name = name_of(text)
    assert name is None or name.is_absolute()


@given(LABELS.map(".".join), st.sampled_from([Kind.A, Kind.MX, Kind.TXT]), st.integers(0, 65535))
def test_a_question_is_what_a_server_reads(name: str, kind: Kind, query_id: int) -> None:
    query = ask(name, kind).query(query_id)
    message = dns.message.from_wire(query)
    assert (message.id, message.edns, message.payload, message.ednsflags) == (query_id, 0, 1232, 0)
    assert text_of(message.question[0].name) == name
    assert message.question[0].rdtype == kind


MX = ask("here.example", Kind.MX)
ALIAS = ask("alias.example", Kind.TXT)


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc0\x0c" * 100)  # names that point at themselves
@example(b"\x00" * 200)
def test_a80_any_bytes_behind_a_right_header_are_read_or_refused(tail: bytes) -> None:
    data = struct.pack("!HHHHHH", 7, 0x8180, 1, 3, 2, 1) + MX.section + tail
    assert is_reply(data, 7, MX)
    with contextlib.suppress(DnsError):
        assert read_reply(data, MX, texts).steps <= LONGEST_CHAIN


@settings(max_examples=300)
@given(st.sampled_from([MX, ALIAS]), st.integers(0), st.integers(0, 255), st.integers(0))
def test_a80_a_good_reply_with_one_byte_changed_or_cut_is_read_or_refused(
    asked: Question, place: int, value: int, cut: int
) -> None:
    data = bytearray(reply_to(asked))
    data[place % len(data)] = value
    with contextlib.suppress(DnsError):
        read_reply(bytes(data[: cut % (len(data) + 1)] or data), asked, texts)


def test_a80_whatever_the_codec_raises_is_a_dns_error() -> None:
    def explode(_: Iterable[dns.rdata.Rdata]) -> tuple[str, ...]:
        raise RecursionError

    with pytest.raises(DnsError, match="makes no sense"):
        read_reply(reply_to(MX), MX, explode)


@pytest.mark.parametrize(
    ("change", "is_ours"),
    [
        (lambda data: data, True),
        (lambda data: data.replace(b"here", b"HeRe"), True),
        (lambda data: b"\x00\x08" + data[2:], False),  # id
        (lambda data: data[:2] + b"\x01" + data[3:], False),  # a query
        (lambda data: data[:2] + b"\xa9" + data[3:], False),  # opcode UPDATE
        (lambda data: data.replace(b"here", b"lair"), False),
        (lambda data: data[:5] + b"\x02" + data[6:], False),  # two questions
        (lambda data: data[:5] + b"\x00" + data[6:], False),  # none, and no error
        (lambda data: data[:3] + b"\x81" + data[4:5] + b"\x00" + data[6:12], True),  # none, with FORMERR
        (lambda data: data[:13], False),
    ],
)
def test_a52_only_a_reply_to_our_question_is_ours(change, is_ours: bool) -> None:  # type: ignore[no-untyped-def]
    assert is_reply(change(reply_to(MX)), 7, MX) is is_ours
