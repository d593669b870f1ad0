"""Floor 1 · smtp — what every byte of content passes, whether it comes by DATA or by BDAT.

The first fault found is kept; from then on content is counted out and dropped, and the end
is still looked for by the one law of `lines.py`, so that nothing can be smuggled in behind an
oversize message (A19).
"""

from typing import Final

from mailrail.model import Body, Reply
from mailrail.model import reply as say
from mailrail.smtp.limits import Limits
from mailrail.smtp.lines import ChunkReader, DotReader, has_long_line, repaired

_CRLF: Final = b"\r\n"
_BINARY: Final = Body.BINARY  # bound once: Python 3.11 takes 70 ns to find a member in its class


class ContentGate:
    """Reads and judges the content of one message.

    Attributes:
        fault: the refusal that the content has earned, or None.
        size_bytes: octets let through or counted so far.
    """

    __slots__ = ("_chunks", "_dots", "_is_binary", "_limits", "_line_run", "fault", "size_bytes")

    def __init__(self, limits: Limits, body: Body) -> None:
        self.fault: Reply | None = None
        self.size_bytes = 0
        self._limits = limits
        self._is_binary = body is _BINARY  # RFC 3030 §3: it has no lines
        self._dots = DotReader()
        self._chunks: ChunkReader | None = None
        self._line_run = 0

    def dots(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take bytes of DATA; return good content, and what stood behind the end once it is found."""
        dots = self._dots
        content, rest = dots.feed(data)
        return self._judge(content, dots.has_bare, dots.has_nul), rest

    def is_plain(self) -> bool:
        """Tell whether all content so far came by DATA, as it goes out again: clean, and no line begins with a dot."""
        dots = self._dots
        return self._chunks is None and not (dots.has_bare or dots.has_dots)

    def chunk(self, data: bytes) -> bytes:
        """Take bytes of BDAT and return good content."""
        if self._chunks is None:
            self._chunks = ChunkReader()
        return self._judge_chunk(self._chunks, self._chunks.feed(data))

    def finish_chunks(self) -> bytes:
        """Return the rest of the content after the last chunk."""
        return self._judge_chunk(self._chunks, self._chunks.finish()) if self._chunks is not None else b""

    def _judge_chunk(self, chunks: ChunkReader, content: bytes) -> bytes:
        is_text = not self._is_binary
        return self._judge(content, is_text and chunks.has_bare, is_text and chunks.has_nul)

    def _judge(self, content: bytes, has_bare: bool, has_nul: bool) -> bytes:
        limits = self._limits
        if has_bare:
            if limits.repair_line_ends:
                content = repaired(content)
            else:
                self.fault = self.fault or say.BARE_LINE_END_IN_DATA
        if has_nul:
            self.fault = self.fault or say.NUL_IN_DATA
        self.size_bytes += len(content)
        if self.size_bytes > limits.message_bytes:
            self.fault = self.fault or say.TOO_BIG
        if not self._is_binary and self._has_long_line(content, limits.text_line_bytes):
            self.fault = self.fault or say.TEXT_LINE_TOO_LONG
        return content if self.fault is None else b""

    def _has_long_line(self, content: bytes, limit: int) -> bool:
        run, last = self._line_run + len(content), content.rfind(_CRLF)
        self._line_run = run if last < 0 else len(content) - last - 2
        if run <= limit:
            return False  # wherever its lines end
        first = content.find(_CRLF)
        if first >= 0:
            run = run - len(content) + first
        if run > limit or self._line_run > limit:
            return True
        return len(content) > limit and has_long_line(content, limit)
