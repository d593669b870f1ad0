"""Floor 5 · sim — a message as it is brought to a stranger, and the end of DATA as a stranger sees it."""

import re
from dataclasses import dataclass, field
from typing import Final

from mailrail.sim.strangers.witness import Handover

_END: Final = b"\r\n.\r\n"
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@dataclass(slots=True)
class Letter:
    """One transaction.

    Attributes:
        reverse_path: as it stood between the angle brackets.
        parameters: those of MAIL, upper-case keyword to value.
        recipients: forward-paths granted so far, each with its parameters as written.
        content: as it will be kept.
        handover: what the stranger made of it, if it keeps it.
    """

    reverse_path: str
    parameters: dict[str, str]
    recipients: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""
    handover: Handover | None = None


class Dotted:
    """Reads what follows DATA (RFC 5321 §4.5.2)."""

    __slots__ = ("_pieces", "_scanned")

    def __init__(self) -> None:
        # The line before the first one has just ended, so that a dot at the very beginning is no exception.
        self._pieces = bytearray(b"\r\n")
        self._scanned = 0

    def feed(self, data: bytes | bytearray) -> tuple[bytes, bytes] | None:
        """Take *data*; return the content and what came behind it once the lone dot is there."""
        self._pieces += data
        end = self._pieces.find(_END, self._scanned)
        if end < 0:
            self._scanned = max(len(self._pieces) - len(_END), 0)
            return None
        content = bytes(self._pieces[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        return content, bytes(self._pieces[end + len(_END) :])


def has_bare_line_end(content: bytes) -> bool:
    """Tell whether a CR or LF stands alone (RFC 5321 §2.3.8)."""
    return _BARE.search(content) is not None
