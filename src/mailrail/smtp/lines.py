"""Floor 1 · smtp — the one law of line ends (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2).

Only CRLF ends a line. Only CRLF `.` CRLF ends data. A CR or an LF that stands alone is
never a line end: not when a command is read, not when data is looked through, not in what we
send on. Every search for a line end in mailrail is in this file, so that no other reading
of the same bytes exists through which a message could be smuggled (A1, A2, A19).

How the search stays fast: data is handled a chunk at a time with C-speed `find`, `count` and
`replace`. A chunk is cut so that its end is never in the middle of a possible terminator;
what is cut off waits for the next chunk. Hence CRLF pairs and stuffed dots are always
seen whole, and one byte at a time gives the same result as all at once.
"""

import re
from io import IncrementalNewlineDecoder
from typing import Final

CRLF: Final = b"\r\n"
END_OF_DATA: Final = b"\r\n.\r\n"
_STUFFED: Final = b"\r\n."
_DOT: Final = ord(".")
# Proper prefixes of the terminator, longest first.
_PREFIXES: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def is_clean(text: bytes) -> bool:
    """Tell whether every CR and LF in *text* belongs to a CRLF."""
    # The decoder of text files takes note of the kinds of line end that it meets, in one pass:
    # a quarter of the time that three counts take, and every message passes here twice.
    decoder = IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(text.decode("latin-1"), final=True)
    return decoder.newlines in (None, "\r\n")


def has_long_line(text: bytes, limit: int) -> bool:
    """Tell whether a line of *text* has more than *limit* octets, its CRLF not counted."""
    # From line start to the last line end within reach, and so on: usual lines are never looked at one by one.
    start, rest = 0, len(text)
    while rest - start > limit:
        end = text.rfind(CRLF, start, start + limit + 2)
        if end < 0:
            return True
        start = end + 2
    return False


def repaired(text: bytes) -> bytes:
    """Return *text* with every bare CR and bare LF made a CRLF."""
    return text if is_clean(text) else _BARE.sub(CRLF, text)


def plain_message(data: bytes, most_bytes: int, most_line_bytes: int) -> tuple[bytes, bytes] | None:
    """Return the content of a whole message at the front of *data*, and what stands behind its end, if all is as usual; or None.

    Usual is that the end is there, that no line begins with a dot, that every CR and LF belongs to a CRLF, that there is no NUL, and
    that neither the content has more than *most_bytes* octets nor a line of it more than *most_line_bytes*.
    """
    end = data.find(_STUFFED) + 2
    if end < 2 or data[0] == _DOT or not data.startswith(b".\r\n", end):
        return None
    content = data[:end]
    if end > most_bytes or 0 in content or not is_clean(content):
        return None
    if end > most_line_bytes and has_long_line(content, most_line_bytes):
        return None
    return content, data[end + 3 :]


class DotReader:
    """Takes the dots off incoming data and finds its end.

    Attributes:
        has_bare: a bare CR or LF was seen.
        has_nul: a NUL octet was seen.
        has_dots: a line of the content begins, or began, with a dot.
    """

    __slots__ = ("_held", "_is_first", "has_bare", "has_dots", "has_nul")

    def __init__(self) -> None:
        # Data begins at a line start, so a first line "." is the end: pretend a CRLF before it.
        self._held = CRLF
        self._is_first = True
        self.has_bare = False
        self.has_dots = False
        self.has_nul = False

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take more bytes.

        Returns:
            The content that is certain so far, dots removed, and None; or, once the end of data
            was found, the last of the content and the bytes behind the end.
        """
        text, rest = self._unstuffed(data)
        if not is_clean(text):
            self.has_bare = True
        if 0 in text:  # a number: bytes would first be tried as one, and fail
            self.has_nul = True
        return text, rest

    def _unstuffed(self, data: bytes) -> tuple[bytes, bytes | None]:
        text = self._held + data if self._held else data
        dot = text.find(_STUFFED)
        end = text.find(END_OF_DATA, dot) if dot >= 0 else -1
        if end >= 0:
            rest: bytes | None = text[end + 5 :]
            text = text[: end + 2]
        else:
            rest = None
            text = self._hold_back(text)
        # RFC 5321 §4.5.2: the first dot of a line goes, whatever follows it.
        if 0 <= dot != end:
            self.has_dots = True
            text = text.replace(_STUFFED, CRLF)
        if self._is_first and text:
            self._is_first = False
            text = text[2:]
        return text, rest

    def _hold_back(self, text: bytes) -> bytes:
        """Keep the longest end of *text* that may begin a terminator."""
        for prefix in _PREFIXES:
            if text.endswith(prefix):
                self._held = prefix
                return text[: -len(prefix)]
        self._held = b""
        return text


class ChunkReader:
    """Watches the line ends of BDAT content, which has no terminator (RFC 3030 §3).

    Attributes:
        has_bare: a bare CR or LF was seen; a CR at the very end counts once `finish` is called.
        has_nul: a NUL octet was seen.
    """

    __slots__ = ("_held", "has_bare", "has_nul")

    def __init__(self) -> None:
        self._held = b""
        self.has_bare = False
        self.has_nul = False

    def feed(self, data: bytes) -> bytes:
        """Take more content and return what is certain: all but a CR at its end."""
        text = self._held + data if self._held else data
        if text.endswith(b"\r"):
            self._held = b"\r"
            text = text[:-1]
        else:
            self._held = b""
        if not is_clean(text):
            self.has_bare = True
        if 0 in text:  # a number: bytes would first be tried as one, and fail
            self.has_nul = True
        return text

    def finish(self) -> bytes:
        """Return what was held back."""
        rest, self._held = self._held, b""
        if rest:
            self.has_bare = True
        return rest


class DotWriter:
    """Puts content into the form that DATA wants: dots stuffed, the end marked.

    The caller has made sure that the content is clean (`is_clean`): the writer holds no
    opinion of its own about line ends, it only never cuts one in two.
    """

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = CRLF

    def feed(self, content: bytes) -> bytes:
        """Return *content* with its dots stuffed (RFC 5321 §4.5.2)."""
        text = content.replace(_STUFFED, b"\r\n..") if _STUFFED in content else content
        # A line end that was cut in two, or that stood at the end of what came before.
        if content.startswith(b".") and self._tail == CRLF:
            text = b"." + text
        elif content.startswith(b"\n.") and self._tail.endswith(b"\r"):
            text = b"\n." + text[1:]
        self._tail = content[-2:] if len(content) >= 2 else (self._tail + content)[-2:]
        return text

    def finish(self) -> bytes:
        """Return the end of data, with a CRLF before it if the content lacked one."""
        return b".\r\n" if self._tail == CRLF else END_OF_DATA


def stuffed(content: bytes) -> bytes:
    """Return a whole message as DATA sends it: dots stuffed, end of data appended."""
    text = content.replace(_STUFFED, b"\r\n..") if _STUFFED in content else content
    if content.startswith(b"."):
        text = b"." + text
    return text + end_behind(content)


def end_behind(content: bytes) -> bytes:
    """Return the end of data as it stands behind *content*, with a CRLF before it if that lacks one."""
    return b".\r\n" if content[-2:] == CRLF or not content else END_OF_DATA
