"""Floor 4 · delivery — makes a message fit what the hop at the other end offers.

What a hop cannot take is converted where the RFCs allow it and refused where they do not; an
8th bit is never stripped and an address never mangled (A29, A30). A message that fits passes as it is,
read from the spool in blocks.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mailrail.client import Source, WholeSource, read_whole
from mailrail.message import CONVERT_BYTES, Obstacle, convert, needs_smtputf8
from mailrail.model import Body, Envelope, Message, Recipient, Reply, value
from mailrail.model import reply as say
from mailrail.smtp import Extensions

INLINE_BYTES: Final = 64 * 1024  # converting more would hold up the loop: about 10 MB/s

# Bound once: Python 3.11 takes 70 ns to find a member in its class.
_SEVEN_BIT, _EIGHT_BIT, _BINARY = Body.SEVEN_BIT, Body.EIGHT_BIT, Body.BINARY
_OBSTACLES: Final = {
    Obstacle.HEADER: say.NEXT_HOP_NO_SMTPUTF8,
    Obstacle.SEALED: say.NEXT_HOP_NO_8BIT,
    Obstacle.BROKEN: replace(say.NEXT_HOP_NO_8BIT, enhanced_code="5.6.1"),
    Obstacle.TOO_BIG: say.NEXT_HOP_TOO_SMALL,
}


@value
class Fit:
    """A message as one hop can take it."""

    envelope: Envelope
    body: Body
    source: Source
    is_plain: bool = False  # see `Message`


def body_as_it_is(message: Message, extensions: Extensions) -> Body | None:
    """Return what the content of *message* is, if that surely fits, unchanged, a hop that offers *extensions*; else ask `fit`."""
    envelope = message.envelope
    if (envelope.smtputf8 and not extensions.has_smtputf8) or envelope.body is _BINARY or envelope.requiretls:
        return None
    if envelope.deliver_by is not None or envelope.hold is not None:
        return None
    if not message.has_8bit:
        return _SEVEN_BIT
    return _EIGHT_BIT if extensions.has_8bitmime else None


def as_it_is(message: Message, source: Source, extensions: Extensions) -> Fit | None:
    """Return *message* unchanged if `body_as_it_is` has an answer."""
    body = body_as_it_is(message, extensions)
    return None if body is None else Fit(message.envelope, body, source, message.is_plain)


async def fit(
    message: Message, source: Source, recipients: Sequence[Recipient], extensions: Extensions, now_us: int
) -> Fit | Reply:
    """Make *message* fit a hop that offers *extensions*, or return why it cannot be.

    Args:
        now_us: wall time, steps since the message came taken off (A62); from it counts what the hop is told to be left (RFC 2852 §4.1.4).

    Raises:
        StoreError: *source* cannot be read.
    """
    envelope = message.envelope
    if envelope.requiretls and not extensions.has_requiretls:
        # Only a bounce, or a hop on this machine, comes so far without it (see `demands`).
        envelope = replace(envelope, requiretls=False)
    envelope = _in_time(message, envelope, extensions, now_us)
    if envelope.smtputf8 and not extensions.has_smtputf8:
        if await _needs_smtputf8(envelope, recipients, message, source):
            return say.NEXT_HOP_NO_SMTPUTF8
        envelope = replace(envelope, smtputf8=False)
    if envelope.body is _BINARY:
        if extensions.has_binarymime:
            return Fit(envelope, _BINARY, source)
        return await _converted(envelope, source, may_8bit=extensions.has_8bitmime)
    if not message.has_8bit:
        return Fit(envelope, _SEVEN_BIT, source)
    if extensions.has_8bitmime:
        return Fit(envelope, _EIGHT_BIT, source)
    return await _converted(envelope, source, may_8bit=False)


def _in_time(message: Message, envelope: Envelope, extensions: Extensions, now_us: int) -> Envelope:
    """Return *envelope* with the time that is left, and without the one that we kept it back."""
    by = envelope.deliver_by
    if by is None and envelope.hold is None:
        return envelope
    if by is not None:
        by = by.after(now_us - message.arrived_us)
        if by.returns and "DELIVERBY" not in extensions.keywords:
            by = None  # only a mailbox comes so far without it (see `demands`)
    return replace(envelope, hold=None, deliver_by=by)


async def cleaned(fitted: Fit, extensions: Extensions) -> Fit | Reply:
    """Encode what has a bare CR or LF, which never goes out as it is (A5)."""
    return await _converted(fitted.envelope, fitted.source, may_8bit=extensions.has_8bitmime)


async def _needs_smtputf8(
    envelope: Envelope, recipients: Sequence[Recipient], message: Message, source: Source
) -> bool:
    """Tell whether addresses or header fields cannot do without SMTPUTF8 (RFC 6531 §3.6)."""
    sender = envelope.reverse_path
    if sender is not None and sender.needs_smtputf8:
        return True
    if any(recipient.forward_path.needs_smtputf8 for recipient in recipients):
        return True
    if not message.has_8bit:
        return False
    if source.size_bytes > CONVERT_BYTES:
        return True
    content = await read_whole(source)
    if len(content) <= INLINE_BYTES:
        return needs_smtputf8(content)
    return await asyncio.get_running_loop().run_in_executor(None, needs_smtputf8, content)


async def _converted(envelope: Envelope, source: Source, *, may_8bit: bool) -> Fit | Reply:
    if source.size_bytes > CONVERT_BYTES:
        return _OBSTACLES[Obstacle.TOO_BIG]
    content = await read_whole(source)
    if len(content) <= INLINE_BYTES:
        result = convert(content, may_8bit=may_8bit)
    else:
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(None, lambda: convert(content, may_8bit=may_8bit))
    if isinstance(result, Obstacle):
        return _OBSTACLES[result]
    body = _EIGHT_BIT if may_8bit and not result.isascii() else _SEVEN_BIT
    return Fit(envelope, body, WholeSource(result))
