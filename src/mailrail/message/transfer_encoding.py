"""Floor 1 · message — octets to seven bits: quoted-printable and base64 (RFC 2045 §6.7, §6.8).

Lines end with CRLF and are at most 76 octets. Decoding gives back the same octets; of a text
the same lines.
"""

import binascii
import re
from typing import Final

_LINE_OCTETS: Final = 76
_BASE64_IN: Final = 57  # octets that make one line of 76
# Everything but printable ASCII without "=", and space or tab where a line ends. A "." or
# "From " that begins a line is hidden too: some hops take them for something else.
_TO_QUOTE: Final = re.compile(rb"[^\x20-\x3c\x3e-\x7e\t]|[ \t]$|^\.|^F(?=rom )", re.MULTILINE)
_QUOTED: Final = tuple(b"=%02X" % octet for octet in range(256))


def quoted_printable(octets: bytes) -> bytes:
    """Encode a text with CRLF line ends; its line ends stay line ends.

    A CR or LF that is no line end is quoted, so nothing is lost of it either.
    """
    return b"\r\n".join(_wrap(_TO_QUOTE.sub(_quote, line)) for line in octets.split(b"\r\n"))


def _quote(found: re.Match[bytes]) -> bytes:
    return _QUOTED[found[0][0]]


def _wrap(line: bytes) -> bytes:
    """Cut an encoded line by soft line breaks, never inside an "=XX"."""
    if len(line) <= _LINE_OCTETS:
        return line
    pieces, start = [], 0
    while len(line) - start > _LINE_OCTETS:
        stop = start + _LINE_OCTETS - 1
        equals = line.rfind(b"=", stop - 2, stop)
        stop = equals if equals >= 0 else stop
        pieces.append(line[start:stop])
        start = stop
    pieces.append(line[start:])
    return b"=\r\n".join(pieces)


def base64_lines(octets: bytes) -> bytes:
    """Encode any octets; the result is empty or ends with CRLF."""
    lines = [
        binascii.b2a_base64(octets[start : start + _BASE64_IN], newline=False)
        for start in range(0, len(octets), _BASE64_IN)
    ]
    return b"\r\n".join([*lines, b""])
