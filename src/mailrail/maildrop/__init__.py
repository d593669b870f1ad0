"""Floor 2 · maildrop — mail handed in as files: what is in such a file, and how one is written.

Whoever hands in and whoever takes up share this room and nothing else. It knows the standard library only, and of that
only what is imported in no time, for the program `sendmail` starts anew for each message.
"""

from mailrail.maildrop.dropfile import (
    HEAD_BYTES,
    TRAILER_BYTES,
    DropError,
    Handed,
    format_head,
    format_trailer,
    parse_head,
    parse_trailer,
)
from mailrail.maildrop.place import ASIDE, DOOR, LIMIT, NAME_LETTERS, NEW, TAKING, is_name
from mailrail.maildrop.writer import DropWriter

__all__ = [
    "ASIDE",
    "DOOR",
    "HEAD_BYTES",
    "LIMIT",
    "NAME_LETTERS",
    "NEW",
    "TAKING",
    "TRAILER_BYTES",
    "DropError",
    "DropWriter",
    "Handed",
    "format_head",
    "format_trailer",
    "is_name",
    "parse_head",
    "parse_trailer",
]
