"""Floor 3 · spool — how a message and an item's recipients are written down.

msgpack arrays: lengths come first, so nothing a peer sent can end a field early (A26). The
first element is the version. A new version appends fields with defaults and still reads
the old ones; what does not decode is damage, never a guess. Encoding is on the hot path: plain
tuples, no intermediate objects.
"""

from typing import Annotated, Final

import msgspec

from mailrail.model import (
    FIRST_ONLY,
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

VERSION: Final = 1
_HAS_8BIT: Final = 1
_IS_NOTICE: Final = 2
_SMTPUTF8: Final = 4
_IS_LOCAL: Final = 8
# An older version passes over what it does not know: so it would send such mail like any other.
_REQUIRETLS: Final = 16
_IS_TLS_OPTIONAL: Final = 32


_Count = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, lt=10**9)]
_Priority = Annotated[int, msgspec.Meta(ge=-9, le=9)]
_By = Annotated[int, msgspec.Meta(ge=-MOST_BY_S, le=MOST_BY_S)]
_Instant = Annotated[int, msgspec.Meta(ge=0, le=LAST_INSTANT_US)]


class _Target(msgspec.Struct, array_like=True, frozen=True):
    """The array of a recipient.

    What stands behind `orcpt` is written only where an alias made it. A version that does not know it takes the record for damaged and
    keeps the mail back: better than to send it to the wrong place.
    """

    local_part: str
    domain: str
    notify: _Count
    orcpt: str
    target: str = ""
    returns_to: tuple[str, str] | None = None
    is_forwarded: bool = False


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """The array of a message, field by field; `encode_message` writes the same order."""

    version: int
    arrived_us: int
    size_bytes: _Count
    crc: int
    flags: int
    reverse_path: tuple[str, str] | None
    recipients: tuple[_Target, ...]
    body: Body
    ret: Ret | None
    envid: str
    client: str
    helo: str
    protocol: str
    user: str
    session_id: str
    # Written only where they are needed, so that nearly all records are as short as ever.
    hold: tuple[_Seconds, _Instant] | None = None
    priority: _Priority = 0
    deliver_by: tuple[_By, bool, bool] | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_record: Final = msgspec.msgpack.Decoder(_Record).decode
_decode_pending: Final = msgspec.msgpack.Decoder(tuple[tuple[_Count, str], ...]).decode
# RecursionError: what a newer version appended is skipped, and may be nested without end (A80).
_DAMAGE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
FIRST_ONLY_BYTES: Final = _encode(((0, ""),))  # what FIRST_ONLY is written as


def encode_message(message: Message, crc: int) -> bytes:
    """Write *message* down without its queue id, which is the row's key.

    Args:
        crc: CRC-32 of the content, so that a flipped bit is seen (A70).
    """
    envelope, origin = message.envelope, message.origin
    sender = envelope.reverse_path
    hold, by = envelope.hold, envelope.deliver_by
    fields = (
        VERSION,
        message.arrived_us,
        message.size_bytes,
        crc,
        message.has_8bit * _HAS_8BIT
        | message.is_notice * _IS_NOTICE
        | envelope.smtputf8 * _SMTPUTF8
        | origin.is_local * _IS_LOCAL
        | envelope.requiretls * _REQUIRETLS
        | message.is_tls_optional * _IS_TLS_OPTIONAL,
        None if sender is None else (sender.local_part, sender.domain),
        [
            (one.forward_path.local_part, one.forward_path.domain, one.notify, one.orcpt)
            if not (one.target or one.returns_to or one.is_forwarded)
            else _expanded(one)
            for one in envelope.recipients
        ],
        envelope.body,
        envelope.ret,
        envelope.envid,
        origin.client,
        origin.helo,
        origin.protocol,
        origin.user,
        origin.session_id,
    )
    if hold is None and by is None and not envelope.priority:
        return _encode(fields)
    held = None if hold is None else (hold.for_s, hold.until_us)
    within = None if by is None else (by.by_s, by.returns, by.traces)
    return _encode((*fields, held, envelope.priority, within))


def _expanded(one: Recipient) -> tuple[object, ...]:
    path, owner = one.forward_path, one.returns_to
    returns_to = None if owner is None else (owner.local_part, owner.domain)
    return (
        path.local_part,
        path.domain,
        one.notify,
        one.orcpt,
        one.target,
        returns_to,
        one.is_forwarded,
    )


def decode_message(queue_id: QueueId, data: bytes) -> tuple[Message, int]:
    """Read what `encode_message` wrote; return the message and its content's CRC-32.

    Raises:
        StoreError: DAMAGED.
    """
    try:
        record = _decode_record(data)
        return _message(queue_id, record), record.crc
    except _DAMAGE as error:
        raise StoreError(
            StoreTrouble.DAMAGED, f"the record of {queue_id} does not read back: {error}"
        ) from error


def _message(queue_id: QueueId, record: _Record) -> Message:
    if record.version != VERSION:
        raise ValueError(f"version {record.version} is unknown")
    flags = record.flags
    return Message(
        queue_id,
        record.arrived_us,
        Envelope(
            None if record.reverse_path is None else Address(*record.reverse_path),
            tuple(map(_recipient, record.recipients)),
            record.body,
            bool(flags & _SMTPUTF8),
            record.ret,
            record.envid,
            bool(flags & _REQUIRETLS),
            None if record.hold is None else Hold(*record.hold),
            record.priority,
            None if record.deliver_by is None else DeliverBy(*record.deliver_by),
        ),
        record.size_bytes,
        bool(flags & _HAS_8BIT),
        Origin(
            record.client,
            record.helo,
            record.protocol,
            record.user,
            record.session_id,
            bool(flags & _IS_LOCAL),
        ),
        bool(flags & _IS_NOTICE),
        bool(flags & _IS_TLS_OPTIONAL),
    )


def _recipient(one: _Target) -> Recipient:
    return Recipient(
        Address(one.local_part, one.domain),
        Notify(one.notify),
        one.orcpt,
        one.target,
        None if one.returns_to is None else Address(*one.returns_to),
        one.is_forwarded,
    )


def encode_pending(pending: tuple[Pending, ...]) -> bytes:
    """Write down the recipients that an item still owes."""
    return _encode([(one.index, one.last_reply) for one in pending])


def decode_pending(data: bytes) -> tuple[Pending, ...]:
    """Read what `encode_pending` wrote.

    Raises:
        StoreError: DAMAGED.
    """
    if data == FIRST_ONLY_BYTES:
        return FIRST_ONLY
    try:
        return tuple(Pending(index, last_reply) for index, last_reply in _decode_pending(data))
    except _DAMAGE as error:
        raise StoreError(StoreTrouble.DAMAGED, f"an item's recipients do not read back: {error}") from error
