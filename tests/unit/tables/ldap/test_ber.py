"""The octets of LDAP: what is written reads back, and what is none is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.tables.ldap import ber


@given(st.binary(max_size=300), st.integers(0, 2**31 - 1), st.booleans())
def test_what_is_written_reads_back(content: bytes, number: int, is_true: bool) -> None:
    whole = ber.element(
        ber.SEQUENCE, ber.element(ber.OCTETS, content), ber.integer(number), ber.boolean(is_true)
    )
    assert ber.size_of(whole) == len(whole)
    (inner,) = ber.fields(whole + b"more", ber.SEQUENCE)
    octets, written, truth = ber.fields(inner, ber.OCTETS, ber.INTEGER, ber.BOOLEAN)
    assert (octets, ber.to_integer(written), truth) == (content, number, b"\xff" if is_true else b"\0")


@pytest.mark.parametrize("data", [b"0\x80", b"0\x85\0\0\0\0\1", b"0\x05ab", b"\x04\x81", b"0"])
def test_octets_that_are_none_are_told(data: bytes) -> None:
    with pytest.raises(ber.BerError):
        list(ber.read(data))


def test_a_size_is_not_known_before_it_is_there() -> None:
    whole = ber.element(ber.OCTETS, bytes(70_000))
    assert [ber.size_of(whole[:count]) for count in range(6)] == [None, None, None, None, None, 70_005]


@pytest.mark.parametrize("content", [b"", bytes(5)])
def test_a_number_that_is_none_is_told(content: bytes) -> None:
    with pytest.raises(ber.BerError):
        ber.to_integer(content)
