"""Floor 3 · spool — the content of a message that is in memory."""

import zlib

from mailrail.model import QueueId, StoreError, StoreTrouble
from mailrail.spool.api import SMALL_BYTES


class BytesContent:
    """Content held as bytes; shown as `whole` only when it is small."""

    __slots__ = ("_stored", "size_bytes", "whole")

    def __init__(self, stored: bytes) -> None:
        self._stored = stored
        size_bytes = self.size_bytes = len(stored)
        self.whole: bytes | None = stored if size_bytes <= SMALL_BYTES else None

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return up to *length* bytes from *offset*, fewer only at the end."""
        return self._stored[offset : offset + length]

    def close(self) -> None:
        """Do nothing: the bytes go with the last reference."""


def checked(queue_id: QueueId, body: bytes, size_bytes: int, crc: int) -> BytesContent:
    """Return *body* as content if it is what was stored.

    Raises:
        StoreError: DAMAGED.
    """
    if len(body) != size_bytes or zlib.crc32(body) != crc:
        raise StoreError(
            StoreTrouble.DAMAGED, f"the content of {queue_id} is not what was stored ({len(body)} bytes)"
        )
    return BytesContent(body)
