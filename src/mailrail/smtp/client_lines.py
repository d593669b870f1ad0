"""Floor 1 · smtp — lines of a client that are no envelope: commands, SASL responses (RFC 4954 §4), streamed text."""

from base64 import b64decode, b64encode

from mailrail.model import LocalProtocolError, RemoteProtocolError
from mailrail.smtp.lines import ChunkReader, DotWriter


def command_line(words: str) -> bytes:
    """Encode a command; what could end it early never leaves (command injection)."""
    if not (words.isascii() and words.isprintable()):
        raise LocalProtocolError(f"{words!r} is not a command line")
    return words.encode("ascii") + b"\r\n"


def initial_response(response: bytes) -> str:
    """RFC 4954 §4: an empty initial response is a single equals sign."""
    return b64encode(response).decode("ascii") or "="


def challenge_of(text: str) -> bytes:
    """Decode the text of a 334.

    Raises:
        RemoteProtocolError: it is not base64.
    """
    try:
        return b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise RemoteProtocolError(f"a challenge that is not base64 (RFC 4954 §4): {error}") from None


class TextWriter:
    """Stuffs dots into text that is streamed, and sees to it that it is clean."""

    __slots__ = ("_dots", "_watch")

    def __init__(self) -> None:
        self._watch = ChunkReader()
        self._dots = DotWriter()

    def feed(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Return what may be sent; a CR at a chunk's end waits for its LF.

        Raises:
            LocalProtocolError: a bare CR or LF.
        """
        text = self._watch.feed(chunk)
        if is_last:
            text += self._watch.finish()
        if self._watch.has_bare:
            raise LocalProtocolError("bare CR or LF in the content (RFC 5321 §2.3.8)")
        return self._dots.feed(text) + (self._dots.finish() if is_last else b"")
