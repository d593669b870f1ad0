"""Whatever bytes stand in a record of the spool, after a bit flipped on the disk:

- they are a message (an item's recipients), or a StoreError that says damaged; nothing else is raised;
- what was read and is written again reads back as the same;
- an item's recipients have places that a message can have.

Input: which of the two, then the record.
"""

from collections.abc import Iterator

from tests.fuzz.tape import Tape

from mailrail.model import (
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

_ID = QueueId("q1")


def check(data: bytes) -> None:
    tape = Tape(data)
    is_message = tape.flag()
    try:
        _check_message(tape.rest()) if is_message else _check_pending(tape.rest())
    except StoreError as error:
        if error.trouble is not StoreTrouble.DAMAGED:
            raise


def _check_message(record: bytes) -> None:
    message, crc = decode_message(_ID, record)
    assert decode_message(_ID, encode_message(message, crc)) == (message, crc)
    assert message.size_bytes >= 0
    assert str(message.envelope.hold).isascii()


def _check_pending(record: bytes) -> None:
    pending = decode_pending(record)
    assert decode_pending(encode_pending(pending)) == pending
    assert all(one.index >= 0 for one in pending)


def seeds() -> Iterator[bytes]:
    people = (
        Recipient(Address("a b", "example.org"), Notify.SUCCESS | Notify.DELAY, "rfc822;x@example.org"),
        Recipient(Address("ü", "xn--exmple-cua.org")),
    )
    envelope = Envelope(Address("ann", "example.org"), people, Body.EIGHT_BIT, True, Ret.HDRS, "QQ")
    origin = Origin("192.0.2.1", "client.example", "ESMTPS", "ann", "s1", True)
    yield b"\1" + encode_message(Message(_ID, 1, envelope, 100, True, origin, True), 7)
    yield b"\1" + encode_message(
        Message(_ID, 1, Envelope(None, people[:1]), 0, False, origin, False), 2**32 - 1
    )
    wishes = Envelope(
        None,
        people[:1],
        requiretls=True,
        hold=Hold(until_us=2**50),
        priority=-9,
        deliver_by=DeliverBy(-1, False, True),
    )
    yield b"\1" + encode_message(Message(_ID, 1, wishes, 0, is_tls_optional=True), 0)
    yield b"\0" + encode_pending((Pending(0),))
    yield b"\0" + encode_pending((Pending(1, "450 later"), Pending(300)))
