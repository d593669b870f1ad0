"""Floor 2 · client — where the bytes of a message come from; a stored message of the spool fits as it is."""

from typing import Final, Protocol

_BLOCK_BYTES: Final = 64 * 1024


class Source(Protocol):
    """The content of one message: CRLF line ends, no dot-stuffing; read any number of times."""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        ...

    @property
    def whole(self) -> bytes | None:
        """The bytes, if they are in memory; else None."""
        ...

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return up to *length* bytes from *offset*, fewer only at the end."""
        ...


class WholeSource:
    """A message in memory."""

    __slots__ = ("size_bytes", "whole")

    def __init__(self, content: bytes) -> None:
        self.size_bytes = len(content)
        self.whole: bytes | None = content

    async def read(self, offset: int, length: int, /) -> bytes:
        """Return a slice."""
        assert self.whole is not None
        return self.whole[offset : offset + length]


async def read_whole(source: Source) -> bytes:
    """Return all of *source*; who calls bounds its size.

    Raises:
        StoreError: it cannot be read.
    """
    if source.whole is not None:
        return source.whole
    blocks, offset = [], 0
    while offset < source.size_bytes and (block := await source.read(offset, _BLOCK_BYTES)):
        blocks.append(block)
        offset += len(block)
    return b"".join(blocks)
