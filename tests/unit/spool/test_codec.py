import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import (
    LAST_INSTANT_US,
    MOST_BY_S,
    Address,
    Body,
    DeliverBy,
    Envelope,
    Hold,
    Message,
    Notify,
    Origin,
    Pending,
    QueueId,
    Recipient,
    Ret,
    StoreError,
    StoreTrouble,
)
from mailrail.spool.codec import decode_message, decode_pending, encode_message, encode_pending

ID = QueueId("0123456789B")
texts = st.text(max_size=30)
numbers = st.integers(0, 2**63 - 1)
addresses = st.builds(Address, texts, texts)
notifies = st.integers(0, 15).map(Notify)
envelopes = st.builds(
    Envelope,
    st.none() | addresses,
    st.lists(
        st.builds(Recipient, addresses, notifies, texts)
        | st.builds(Recipient, addresses, notifies, texts, texts, st.none() | addresses, st.booleans()),
        max_size=5,
    ).map(tuple),
    st.sampled_from(Body),
    st.booleans(),
    st.none() | st.sampled_from(Ret),
    texts,
    st.booleans(),
    st.none() | st.builds(Hold, st.integers(0, 10**9 - 1), st.integers(0, LAST_INSTANT_US)),
    st.integers(-9, 9),
    st.none() | st.builds(DeliverBy, st.integers(-MOST_BY_S, MOST_BY_S), st.booleans(), st.booleans()),
)
messages = st.builds(
    Message,
    st.just(ID),
    numbers,
    envelopes,
    numbers,
    st.booleans(),
    st.builds(Origin, texts, texts, texts, texts, texts, st.booleans()),
    st.booleans(),
    st.booleans(),
)


@given(messages, st.integers(0, 2**32 - 1))
def test_a_message_reads_back_as_it_was_written(message: Message, crc: int) -> None:
    assert decode_message(ID, encode_message(message, crc)) == (message, crc)


@given(st.lists(st.builds(Pending, st.integers(0, 5000), texts), max_size=5).map(tuple))
def test_pending_recipients_read_back_as_they_were_written(pending: tuple[Pending, ...]) -> None:
    assert decode_pending(encode_pending(pending)) == pending


@given(st.binary(max_size=60))
def test_garbage_is_damage_and_nothing_else(data: bytes) -> None:
    """A70."""
    with pytest.raises(StoreError) as caught:
        decode_message(ID, data)
    assert caught.value.trouble is StoreTrouble.DAMAGED


@given(messages, st.data())
def test_a_torn_record_is_damage(message: Message, data: st.DataObject) -> None:
    """A70."""
    written = encode_message(message, 0)
    with pytest.raises(StoreError):
        decode_message(ID, written[: data.draw(st.integers(0, len(written) - 1))])


def test_a_torn_list_of_recipients_is_damage() -> None:
    """A70."""
    with pytest.raises(StoreError):
        decode_pending(encode_pending((Pending(3, "451 later"),))[:-1])


def test_a_place_that_no_message_can_have_is_damage() -> None:
    """A70: -1 would be the last recipient, and mail for one person go to another."""
    with pytest.raises(StoreError):
        decode_pending(encode_pending((Pending(-1),)))


def test_a_record_that_is_nested_without_end_is_damage() -> None:
    """A80."""
    written = encode_message(Message(ID, 1, Envelope(None, ()), 0), 0)
    fields = written[0] & 0x0F
    longer = bytes([0xDC, 0, fields + 1]) + written[1:] + b"\x91" * 100_000
    with pytest.raises(StoreError):
        decode_message(ID, longer)


def test_a_record_of_an_unknown_version_is_damage() -> None:
    """A70."""
    message = Message(ID, 1, Envelope(None, ()), 0)
    newer = bytearray(encode_message(message, 0))
    newer[1] = 99
    with pytest.raises(StoreError, match="version 99"):
        decode_message(ID, bytes(newer))


def test_a_record_from_before_requiretls_demands_nothing() -> None:
    envelope = Envelope(None, (Recipient(Address("bob", "example.org")),))
    old = bytes.fromhex(
        "9f01010000 02 c0 91 94a3626f62 ab6578616d706c652e6f7267 00a0 a43742 4954".replace(" ", "")
    )
    old += b"\xc0" + b"\xa0" * 6
    assert decode_message(ID, old) == (Message(ID, 1, envelope, 0, is_notice=True), 0)


def test_a_common_message_takes_little_room() -> None:
    envelope = Envelope(Address("alice", "example.com"), (Recipient(Address("bob", "example.org")),))
    assert len(encode_message(Message(ID, 2**50, envelope, 4096), 2**31)) < 80
    assert len(encode_pending((Pending(0),))) < 5
