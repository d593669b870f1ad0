"""Floor 3 · spool — the content of a message that is in memory."""

import zlib

from msgspec import Struct

from mailrail.model import QueueId, StoreError, StoreTrouble
from mailrail.spool.api import SMALL_BYTES


class BytesContent(Struct, eq=False):
    """Content held as bytes.

    Attributes:
        stored: all of it.
        size_bytes: its length.
        whole: all of it, if it is small.
    """

    stored: bytes
    size_bytes: int
    whole: bytes | None

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return up to *length* bytes from *offset*, fewer only at the end."""
        return self.stored[offset : offset + length]

    def close(self) -> None:
        """Do nothing: the bytes go with the last reference."""


def in_memory(stored: bytes) -> BytesContent:
    """Return *stored* as content, which is shown as `whole` only when it is small."""
    size_bytes = len(stored)
    return BytesContent(stored, size_bytes, stored if size_bytes <= SMALL_BYTES else None)


def checked(queue_id: QueueId, body: bytes, size_bytes: int, crc: int) -> BytesContent:
    """Return *body* as content if it is what was stored.

    Raises:
        StoreError: DAMAGED.
    """
    if len(body) != size_bytes or zlib.crc32(body) != crc:
        raise StoreError(
            StoreTrouble.DAMAGED, f"the content of {queue_id} is not what was stored ({len(body)} bytes)"
        )
    return in_memory(body)
