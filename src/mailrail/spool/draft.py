"""Floor 3 · spool — a message being received: in memory while small, then on its way to a file."""

import zlib
from collections.abc import Awaitable, Sequence
from typing import Protocol

from msgspec import Struct

from mailrail.model import Item, Message, QueueId
from mailrail.promise import Promise
from mailrail.spool.api import SMALL_BYTES, Committed, Content
from mailrail.spool.content import BytesContent
from mailrail.spool.filewriter import FileWriter
from mailrail.spool.rules import check_commit


class Keeper(Protocol):
    """What a draft asks of its spool."""

    def store(
        self, message: Message, items: Sequence[Item], content: Content, crc: int, *, lease: bool
    ) -> Promise[Committed]:
        """Store a message whose content is at hand, *crc* its CRC-32."""
        ...

    def commit_large(
        self, message: Message, items: Sequence[Item], file: FileWriter, *, lease: bool
    ) -> Promise[Committed]:
        """Store a message whose content is in a file."""
        ...

    def begin_file(self, queue_id: QueueId) -> FileWriter:
        """Begin a file."""
        ...

    def abandon_file(self, file: FileWriter) -> None:
        """Forget a file."""
        ...


class SqliteDraft(Struct, eq=False):
    """A message being received."""

    queue_id: QueueId
    _keeper: Keeper
    _chunks: list[bytes]
    _file: FileWriter | None = None
    _is_over: bool = False
    size_bytes: int = 0

    def write(self, chunk: bytes, /) -> Awaitable[None] | None:
        """Add bytes; wait for what is returned, if anything, before writing more."""
        self.size_bytes += len(chunk)
        if self._file is not None:
            return self._file.write([chunk])
        self._chunks.append(chunk)
        if self.size_bytes <= SMALL_BYTES:
            return None
        self._file = self._keeper.begin_file(self.queue_id)
        chunks, self._chunks = self._chunks, []
        return self._file.write(chunks)

    def commit(self, message: Message, items: Sequence[Item], *, lease: bool) -> Promise[Committed]:
        """Store the message and its items, see `Draft.commit`."""
        check_commit(message, items, self.size_bytes)
        self._is_over = True
        if self._file is not None:
            return self._keeper.commit_large(message, items, self._file, lease=lease)
        body = b"".join(self._chunks)
        content = BytesContent(body, self.size_bytes, body)
        return self._keeper.store(message, items, content, zlib.crc32(body), lease=lease)

    def discard(self) -> None:
        """Forget the bytes, and the file if there is one."""
        if self._is_over:
            return
        self._is_over = True
        self._chunks.clear()
        if self._file is not None:
            self._keeper.abandon_file(self._file)
