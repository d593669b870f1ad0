"""Floor 4 · agents — what is said between the daemon and a helper: frames of four octets of length and so many of content. Pure.

A request is a frame with the order, frames with content, and an empty frame. The answer, one frame, comes when all of that was read: an outcome, or that
the mailbox is locked.
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec

from mailrail.model import Blame, Deferred, Delivered, Failed, Outcome, Reply

_LENGTH: Final = struct.Struct(">I")
MOST_OCTETS: Final = 1024 * 1024  # of one frame; content comes in smaller pieces
END: Final = _LENGTH.pack(0)


class FrameError(Exception):
    """The other side has ended, or does not keep to the frames."""


class Answer(msgspec.Struct, frozen=True):
    """What came of an order.

    Attributes:
        kind: "delivered", "deferred", "failed" or "locked".
    """

    kind: str
    blame: str = ""
    code: int = 0
    enhanced_code: str = ""
    text: str = ""
    source: str = ""


LOCKED: Final = Answer("locked")


def frame(content: bytes) -> bytes:
    """Return *content*, which is not empty, as a frame."""
    assert 0 < len(content) <= MOST_OCTETS
    return _LENGTH.pack(len(content)) + content


def read_frame(read: Callable[[int], bytes]) -> bytes:
    """Read the next frame; b"" is the end of a request.

    Args:
        read: blocks until there are so many octets, or the end.

    Raises:
        FrameError: it is not whole, or too long.
    """
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise FrameError("the other side has ended")
    (length,) = _LENGTH.unpack(head)
    if length > MOST_OCTETS:
        raise FrameError(f"a frame of {length} octets")
    content = read(length) if length else b""
    if len(content) < length:
        raise FrameError("the other side has ended")
    return content


def to_answer(outcome: Outcome) -> Answer:
    """Return *outcome* as it is told."""
    blame = "" if isinstance(outcome, Delivered) else outcome.blame.value
    reply = outcome.reply
    return Answer(
        type(outcome).__name__.lower(), blame, reply.code, reply.enhanced_code, reply.text, reply.source
    )


def to_outcome(answer: Answer) -> Outcome:
    """Return what was told as an outcome.

    Raises:
        FrameError: it is none.
    """
    reply = Reply(answer.code, answer.enhanced_code, answer.text, answer.source)
    match answer.kind:
        case "delivered":
            return Delivered(reply, "", is_final=True)
        case "deferred":
            return Deferred(Blame(answer.blame), reply)
        case "failed":
            return Failed(Blame(answer.blame), reply)
        case _:
            raise FrameError(f"an answer of kind {answer.kind!r}")
