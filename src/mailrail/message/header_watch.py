"""Floor 1 · message — watches the header section of a message while it streams in.

It stands on the hot path of every message: a chunk costs a few C-speed searches, and what
only some callers ask (`has`) is searched when they ask. Hostile input costs O(n) time,
and never more memory than the header limit plus one chunk (A16).
"""

import re
from typing import Final

from mailrail.message.headers import find_field

HEADER_BYTES: Final = 256 * 1024  # ours; Postfix header_size_limit 102400, Exim 1 MiB
HEADER_LINES: Final = 1000  # ours; others have no limit on lines
# RFC 6758 §4: a comment may stand before and behind; one within another is not looked for.
_PRIORITY: Final = re.compile(rb"(?:\([^()]*\)[ \t]*)*(0|-?[1-9])[ \t]*(?:\([^()]*\)[ \t]*)*")


class HeaderWatch:
    """Takes the content of one message in chunks and tells what its header section holds.

    The content is as it arrived: CRLF line ends, no dot-stuffing, without our own trace header.

    Args:
        max_bytes: of the header section; above it `is_too_big` and no more is kept.
        max_lines: of the header section, continuation lines counted.

    Attributes:
        is_complete: the empty line behind the header section was seen.
        is_too_big: a limit was passed: answer 552 5.3.4; what was kept is forgotten.
        has_8bit: an octet above 127 stands somewhere in the content.
        lines: line ends of the header section as far as it has arrived.
    """

    __slots__ = (
        "_head", "_lower", "_max_bytes", "_max_lines", "has_8bit", "is_complete", "is_too_big", "lines",
    )  # fmt: skip

    def __init__(self, max_bytes: int = HEADER_BYTES, max_lines: int = HEADER_LINES) -> None:
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._head: bytes | bytearray = b""
        self._lower: bytes | None = None
        self.lines = 0
        self.is_complete = False
        self.is_too_big = False
        self.has_8bit = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the content."""
        if not chunk.isascii():
            self.has_8bit = True
        if self.is_complete or self.is_too_big:
            return
        self._lower = None
        end = -1 if self._head else chunk.find(b"\r\n\r\n")
        if end < 0 or chunk.startswith(b"\r\n"):
            self._feed_piece(chunk)
        else:  # the whole header section, as it nearly always comes
            self._head = chunk[: end + 2]
            self.lines = self._head.count(b"\r\n")
            self.is_complete = True
        if len(self._head) > self._max_bytes or self.lines > self._max_lines:
            self.is_too_big = True
            self._head = b""

    def _feed_piece(self, chunk: bytes) -> None:
        """Take a header section that comes in pieces, or has no field at all."""
        seen = len(self._head)
        # One octet a chunk must not cost a copy each.
        head = self._head if isinstance(self._head, bytearray) else bytearray(self._head)
        head += chunk
        end = head.find(b"\r\n\r\n", seen - 3 if seen > 3 else 0)
        if head.startswith(b"\r\n"):
            self.is_complete, self._head = True, b""
            return
        if end >= 0:
            self.is_complete, head = True, head[: end + 2]
            self.lines = head.count(b"\r\n")
        else:
            # Only what is new: to count the whole anew for each octet that comes alone would be O(n²).
            self.lines += head[seen - 1 if seen else 0 :].count(b"\r\n")
        self._head = head

    @property
    def header(self) -> bytes:
        """The header section, its last CRLF included, as far as it has arrived."""
        return bytes(self._head)

    @property
    def header_has_8bit(self) -> bool:
        """Tell whether the header section itself is not ASCII: it needs SMTPUTF8 (RFC 6532 §3.2)."""
        return self.has_8bit and not self._head.isascii()

    @property
    def header_has_nul(self) -> bool:
        """Tell whether a NUL stands in the header section (A2)."""
        return 0 in self._head

    @property
    def received_count(self) -> int:
        """Count the Received fields: the hops so far (RFC 5321 §6.3); never more than `lines` + 1."""
        return self._folded().count(b"\r\nreceived:")

    @property
    def is_tls_optional(self) -> bool:
        """Tell whether the author asks for no more TLS than there is (RFC 8689 §3)."""
        if b"\r\ntls-required:" not in self._folded():
            return False
        field = find_field(self.header, b"tls-required")
        return field is not None and field.value.lower() == b"no"

    @property
    def priority(self) -> int | None:
        """Return what the one MT-Priority field says, -9 to 9; None without one that can be read (RFC 6758 §4)."""
        if b"\r\nmt-priority:" not in self._folded() or self.count(b"mt-priority") != 1:
            return None
        field = find_field(self.header, b"mt-priority")
        found = None if field is None else _PRIORITY.fullmatch(field.value)
        return None if found is None else int(found[1])

    def has(self, name: bytes) -> bool:
        """Tell whether a field of this name is there.

        Args:
            name: in lower case, without the colon, for instance ``b"message-id"``.
        """
        return self.count(name) > 0

    def count(self, name: bytes) -> int:
        """Count the fields of this name, also those with space before the colon (RFC 5322 §4.5).

        Args:
            name: as for `has`.
        """
        return len(re.findall(rb"\r\n" + re.escape(name) + rb"[ \t]*:", self._folded()))

    def _folded(self) -> bytes:
        """Return the header section in lower case, every field behind a CRLF, the first one too."""
        if self._lower is None:
            self._lower = b"\r\n" + self._head.lower()
        return self._lower
