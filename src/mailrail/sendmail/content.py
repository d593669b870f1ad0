"""Floor 5 · sendmail — a message as programs write it, made one as it travels.

Line ends come as LF, as CRLF, mixed, doubled by a careless text mode, or as the bare CR of a progress bar that cron has caught:
any run of CRs with or without an LF behind is one line end, and so is an LF. A line end is added where the last is missing. NUL goes (RFC 5322
§4.1 lets nobody write it). A line with a dot alone ends the message unless told otherwise. A first line `From ann Thu ...`, as in mbox files, is
no field and goes. Lines over 998 octets, which some servers refuse, are broken where a space stands, else between two characters.
"""

# Where `collections.abc` has it from, without all that comes with `collections`.
from _collections_abc import Callable, Iterator

CHUNK_BYTES = 64 * 1024
LINE_OCTETS = 998  # RFC 5322 §2.1.1; Postfix's client breaks lines there, too
_FIELD_NAME = bytes(range(33, 58)) + bytes(range(59, 127))
# Nobody but those concerned may see them (RFC 5322 §3.6.3); or they are written by whoever delivers.
_DROPPED = frozenset((b"bcc", b"resent-bcc", b"return-path", b"content-length"))

Read = Callable[[int], bytes]


class Content:
    """One message, read from *read* as it is asked for.

    Args:
        read: returns up to so many octets, none at the end.
        ends_at_dot: a line with a dot alone ends it.
    """

    def __init__(self, read: Read, *, ends_at_dot: bool) -> None:
        self._read = read
        self._ends_at_dot = ends_at_dot
        self._text = b""  # whole lines, ended by LF, then the begin of one
        self._is_line_start = True  # what is read next begins a line
        self._dot = b""
        self._has_cr = False
        self._is_over = False

    def header(self, most_bytes: int) -> list[bytes] | None:
        """Return the fields of the header section, each with its lines ended by LF; None if they are more than *most_bytes*."""
        fields: list[bytes] = []
        size, is_first = 0, True
        while True:
            line = self._line(most_bytes)
            if is_first and line.lstrip(b">").startswith(b"From "):
                continue
            is_first = False
            size += len(line)
            if size > most_bytes:
                return None
            if line[:1] in (b" ", b"\t") and fields:
                if line.strip():
                    fields[-1] += line
                    continue
            elif _is_field(line):
                fields.append(line)
                continue
            if line.strip(
                b" \t\n"
            ):  # text right away: there is no header section, or no empty line behind it
                self._text = line + self._text
            return fields

    def body(self) -> Iterator[bytes]:
        """Go through what stands behind the empty line, in blocks of lines ended by CRLF."""
        while True:
            end = self._text.rfind(b"\n") + 1
            if not end and len(self._text) > LINE_OCTETS:
                end = _cut(self._text)
                self._text = self._text[:end] + b"\n" + self._text[end:]
                end += 1
            if end:
                block, self._text = self._text[:end], self._text[end:]
                yield travelling(block)
            elif not self._fill():
                return

    def _line(self, most_bytes: int) -> bytes:
        """Return the next line with its LF, b"" at the end; of one that is longer than *most_bytes* the begin."""
        searched = 0
        while (end := self._text.find(b"\n", searched)) < 0:
            searched = len(self._text)
            if searched > most_bytes or not self._fill():
                end = searched - 1
                break
        line, self._text = self._text[: end + 1], self._text[end + 1 :]
        return line

    def _fill(self) -> bool:
        """Read more; False when there is no more."""
        if self._is_over:
            return False
        chunk = self._read(CHUNK_BYTES)
        self._is_over = not chunk
        text = self._line_ends(chunk)
        if self._ends_at_dot:
            text = self._until_dot(text)
        if text:
            self._is_line_start = text.endswith(b"\n")
        if self._is_over and not self._is_line_start:
            text += b"\n"
        self._text += text
        return True

    def _line_ends(self, chunk: bytes) -> bytes:
        """Make every line end an LF; a CR at the very end waits for what follows."""
        if b"\0" in chunk:
            chunk = chunk.replace(b"\0", b"")
        if self._has_cr:
            chunk = b"\r" + chunk
        while b"\r\r" in chunk:
            chunk = chunk.replace(b"\r\r", b"\r")
        self._has_cr = not self._is_over and chunk.endswith(b"\r")
        if self._has_cr:
            chunk = chunk[:-1]
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk

    def _until_dot(self, text: bytes) -> bytes:
        """Return what stands before a line with a dot alone; a dot that may become one waits for what follows."""
        text, self._dot = self._dot + text, b""
        if self._is_line_start and text.startswith(b".\n"):
            self._is_over = True
            return b""
        end = text.find(b"\n.\n")
        if end >= 0:
            self._is_over = True
            return text[: end + 1]
        if text.endswith(b"\n.") or (self._is_line_start and text == b"."):
            self._dot, text = b".", text[:-1]
        return text


def travelling(block: bytes) -> bytes:
    """Return lines ended by LF as lines ended by CRLF, none too long."""
    if len(block) > LINE_OCTETS:
        lines = block.split(b"\n")
        if max(map(len, lines)) > LINE_OCTETS:
            block = b"\n".join(map(_broken, lines))
    return block.replace(b"\n", b"\r\n")


def _broken(line: bytes) -> bytes:
    pieces = []
    while len(line) > LINE_OCTETS:
        end = _cut(line)
        pieces.append(line[:end])
        line = line[end:]
    return b"\n".join((*pieces, line))


def _cut(line: bytes) -> int:
    """Return where to break the begin of a long *line*: behind a space, else between two characters of UTF-8."""
    end = line.rfind(b" ", 0, LINE_OCTETS) + 1
    if end:
        return end
    end = LINE_OCTETS
    while end > LINE_OCTETS - 4 and line[end] & 0xC0 == 0x80:
        end -= 1
    return end


def is_dropped(field: bytes) -> bool:
    """Tell whether *field* does not travel."""
    return name_of(field) in _DROPPED


def name_of(field: bytes) -> bytes:
    """Return the name of *field* in lower case, space before the colon removed (RFC 5322 §4.5)."""
    return field.partition(b":")[0].rstrip(b" \t").lower()


def _is_field(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t")
    return bool(colon and name) and not name.translate(None, _FIELD_NAME)


def travelling_header(fields: list[bytes]) -> bytes:
    """Return the header section of *fields*, folded where a line is too long, without the empty line behind it."""
    return b"".join(_folded(line) for field in fields for line in field.splitlines(keepends=True)).replace(
        b"\n", b"\r\n"
    )


def _folded(line: bytes) -> bytes:
    """Return *line* in lines of an allowed length: a fold stands before space (RFC 5322 §2.2.3); where there is none it stays long."""
    pieces = []
    while len(line) > LINE_OCTETS + 1:
        end = max(line.rfind(b" ", 1, LINE_OCTETS), line.rfind(b"\t", 1, LINE_OCTETS))
        # What is left of it must hold more than space, or it would end the header section.
        if end < 0 or not line[:end].strip() or not line[end:].strip():
            break
        pieces.append(line[:end])
        line = line[end:]
    return b"\n".join((*pieces, line))
