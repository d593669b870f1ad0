"""Floor 1 · smtp — what the peer answered: bytes -> Reply.

Replies are hostile input that ends up in logs, notices and the queue (A58, CVE-2020-8794), so
everything is bounded, controls become "?", and what is no reply is a RemoteProtocolError.
Only CRLF ends a line. Read one at a time, so that a good reply in front of garbage counts; only what comes with
every message, a few replies of one line each, is looked up whole.
"""

import re
from collections import deque
from functools import lru_cache
from typing import Final

from mailrail.model import RemoteProtocolError, Reply, printable

# LENIENT: RFC 5321 §4.5.3.1.5 allows 512 octets; long policy texts with links are seen. Postfix takes 2048.
LINE_OCTETS: Final = 2048
REPLY_LINES: Final = 100  # seen: 30 lines of EHLO; Postfix has no bound, Exim 4096 octets in all
REPLY_OCTETS: Final = 64 * 1024
USUAL_OCTETS: Final = 256  # of what is looked up whole; three lines have some 100
_TOO_LONG: Final = f"a reply line of more than {LINE_OCTETS} octets"

# LENIENT: RFC 5321 §4.2.1 names the second digits 0 to 5; others are seen and harmless.
# RFC 5321 §4.2: a code alone, without a blank, must be understood.
_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\0\r\n]*))?\r\n")
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")


@lru_cache(maxsize=256)  # a pure function; "250 2.1.5 Ok" comes again with every message
def parse_line(line: bytes) -> tuple[bool, Reply]:
    """Read one line, its CRLF included.

    Returns:
        Whether it is the last of its reply, and the line as a reply.

    Raises:
        RemoteProtocolError: it is no reply line, or too long a one.

    Source: RFC 5321 §4.2; enhanced codes RFC 2034 §4: only when the class is the code's.
    """
    if len(line) > LINE_OCTETS:
        raise RemoteProtocolError(_TOO_LONG)
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise RemoteProtocolError(f"not a reply: {printable(line[:80].decode('latin-1'))!r}")
    text = (parts[3] or b"").decode("utf-8", "replace")
    enhanced_code = ""
    enhanced = _ENHANCED.match(text)
    if enhanced is not None and line[0] == ord(text[0]):
        enhanced_code, text = enhanced[1], text[enhanced.end() :]
    return parts[2] != b"-", Reply(int(parts[1]), enhanced_code, printable(text))


@lru_cache(maxsize=256)  # a pure function; what answers an envelope comes again with every message
def parse_usual(data: bytes) -> tuple[Reply, ...]:
    """Return the replies in *data*, if it is that and nothing else, each of one line; none, if it must be read line by line."""
    try:
        lines = [parse_line(line) for line in data.splitlines(keepends=True)]
    except RemoteProtocolError:
        return ()
    return tuple([reply for _, reply in lines]) if all(is_last for is_last, _ in lines) else ()


def join_lines(lines: list[Reply]) -> Reply:
    """Make one reply of its lines, at least one.

    Raises:
        RemoteProtocolError: the lines do not share one code (RFC 5321 §4.2.1).
    """
    first = lines[0]
    if any(line.code != first.code for line in lines):
        codes = ", ".join(str(line.code) for line in lines)
        raise RemoteProtocolError(f"the lines of one reply have different codes: {codes}")
    texts = [
        line.text if line.enhanced_code in ("", first.enhanced_code) else f"{line.enhanced_code} {line.text}"
        for line in lines
    ]
    return Reply(first.code, first.enhanced_code, "\n".join(texts))


class ReplyReader:
    """Cuts what a peer sends into replies; holds at most one unfinished line and its reply.

    Attributes:
        ready: replies that came, to be taken out.
        has_more: something else came, of which `read_on` makes replies.
    """

    __slots__ = (
        "_buffer", "_lines", "_octets", "_start", "has_more", "ready",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ready: deque[Reply] = deque()
        self.has_more = False
        self._buffer = b""
        self._start = 0  # where the next line begins in the buffer
        self._lines: list[Reply] = []  # of a reply whose last line has not come
        self._octets = 0  # of these lines

    def receive(self, data: bytes) -> None:
        """Take bytes as they arrived; take all of `ready`, and `read_on` until there is no more, before the next call."""
        if not self.has_more:
            if len(data) <= USUAL_OCTETS and (usual := parse_usual(data)):
                self.ready += usual
                return
            self.has_more = True
        start, held = self._start, self._buffer
        self._buffer = held[start:] + data if start < len(held) else data
        self._start = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is held: every byte that came was part of a reply that was taken out."""
        return not self.ready and self._start >= len(self._buffer) and not self._lines

    def read_on(self) -> bool:
        """Make the next whole reply ready; False: more bytes are needed.

        Raises:
            RemoteProtocolError: not a reply, or over a limit; the session cannot go on.
        """
        buffer, start = self._buffer, self._start
        while end := buffer.find(b"\n", start) + 1:
            is_last, line = parse_line(buffer[start:end])
            self._start = end
            if is_last and not self._lines:
                self.ready.append(line)
                return True
            self._keep(line, end - start)
            if is_last:
                self.ready.append(join_lines(self._lines))
                self._lines, self._octets = [], 0
                return True
            start = end
        if len(buffer) - start > LINE_OCTETS:
            raise RemoteProtocolError(_TOO_LONG)
        self.has_more = start < len(buffer) or bool(self._lines)
        return False

    def _keep(self, line: Reply, octets: int) -> None:
        self._lines.append(line)
        self._octets += octets
        if len(self._lines) > REPLY_LINES or self._octets > REPLY_OCTETS:
            raise RemoteProtocolError(
                f"a reply of more than {REPLY_LINES} lines or {REPLY_OCTETS // 1024} KiB"
            )
