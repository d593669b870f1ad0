"""The ClientHello reader: hostile bytes in, at most a HelloError out."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.net.hello import MAX_BYTES, Hello, HelloError, HelloReader


def vector(octets: int, content: bytes) -> bytes:
    return len(content).to_bytes(octets, "big") + content


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, content)


def client_hello(name: str | None, protocols: tuple[bytes, ...], padding: int = 0) -> bytes:
    extensions = extension(21, bytes(padding)) if padding else b""
    if name is not None:
        extensions += extension(0, vector(2, b"\0" + vector(2, name.encode())))
    if protocols:
        extensions += extension(16, vector(2, b"".join(vector(1, protocol) for protocol in protocols)))
    body = b"\x03\x03" + bytes(32) + vector(1, bytes(32)) + vector(2, b"\x13\x01") + vector(1, b"\0")
    return b"\x01" + vector(3, body + vector(2, extensions))


def records(message: bytes, size: int) -> bytes:
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + vector(2, part) for part in parts)


def read_hello(data: bytes) -> Hello | None:
    return HelloReader().feed(data)


names = st.none() | st.from_regex(r"[a-z0-9.\\-]{1,40}", fullmatch=True)
protocol_lists = st.lists(st.binary(min_size=1, max_size=12), max_size=4).map(tuple)


@given(names, protocol_lists, st.integers(1, 400))
def test_what_is_built_reads_back_however_it_is_cut(
    name: str | None, protocols: tuple[bytes, ...], size: int
) -> None:
    wire = records(client_hello(name, protocols), size)
    assert read_hello(wire) == Hello(name, protocols)
    assert read_hello(wire[:-1]) is None


@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_are_read_or_refused_and_never_a_traceback(junk: bytes, at: int, octet: int) -> None:
    wire = bytearray(records(client_hello("mx.example.org", (b"smtp",)), 90))
    wire[at % len(wire)] = octet
    for data in (junk, bytes(wire), bytes(wire[:7]) + junk):
        with contextlib.suppress(HelloError):
            read_hello(data)


@given(protocol_lists, st.integers(1, 90), st.integers(1, 90))
def test_segments_make_no_difference(protocols: tuple[bytes, ...], size: int, segment: int) -> None:
    wire, reader = records(client_hello("mx.example.org", protocols), size), HelloReader()
    found = [reader.feed(wire[at : at + segment]) for at in range(0, len(wire), segment)]
    assert found.pop() == Hello("mx.example.org", protocols)
    assert not any(found)


def test_a_name_is_lower_cased_and_one_that_is_not_ascii_is_none() -> None:
    assert read_hello(records(client_hello("MX.Example.ORG", ()), 1000)) == Hello("mx.example.org", ())
    assert read_hello(records(client_hello("mü.example", ()), 1000)) == Hello(None, ())


def test_a_hello_without_extensions_asks_for_nothing() -> None:
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    assert read_hello(records(b"\x01" + vector(3, body), 1000)) == Hello(None, ())


def test_a_name_of_unknown_kind_is_skipped() -> None:
    odd = extension(0, vector(2, b"\x07" + vector(2, b"who knows")))
    body = (
        b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0") + vector(2, odd)
    )
    assert read_hello(records(b"\x01" + vector(3, body), 1000)) == Hello(None, ())


@pytest.mark.parametrize(
    ("data", "alert"),
    [
        (b"EHLO client.example\r\n", None),
        (b"\x80\x2e\x01\x03\x01", None),  # SSL 2
        (b"\x16\x02\x00\x00\x01\x01", 50),
        (b"\x16\x03\x01\x00\x01\x02", 50),  # a ServerHello
        (b"\x16\x03\x01\x00\x01\x01\x17\x03\x03", 50),  # then application data
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 50),  # 16 MiB announced
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 50),  # cut inside
    ],
)
def test_what_is_no_client_hello_is_refused_with_its_alert(data: bytes, alert: int | None) -> None:
    with pytest.raises(HelloError) as caught:
        read_hello(data)
    assert caught.value.alert == alert


def test_what_stands_behind_the_hello_is_not_read_however_it_came() -> None:
    """Found by fuzzing: with the hello in one segment it was an error, in a later one it was left to OpenSSL."""
    hello = records(client_hello("mx.example", ()), 1000)
    assert HelloReader().feed(hello + b"\x17\x03\x03") == Hello("mx.example", ())


def test_memory_is_bounded_whatever_is_sent() -> None:
    with pytest.raises(HelloError, match="too long"):
        read_hello(records(client_hello(None, (), padding=MAX_BYTES), 10_000))
    with pytest.raises(HelloError, match="too long"):
        read_hello(b"\x16\x03\x01\x00\x00" * MAX_BYTES)  # empty records, for ever
