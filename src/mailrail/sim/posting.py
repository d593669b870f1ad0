"""Floor 5 · sim — a message that an honest client wants to send, made so that it can be followed.

Its content can be made again at any time from its number, so nobody has to keep it: whoever receives a copy
compares it octet by octet. Each time a client sends it anew it has another key, so that a copy that was answered
450 and one that was answered 250 are never taken for one another.
"""

import re
from dataclasses import dataclass
from typing import Final

FIELD: Final = "X-Mailrail-Sim"
NOBODY: Final = "nobody"  # a mailbox whose name begins so does not exist, at any stranger
_KEY: Final = re.compile(rb"^X-Mailrail-Sim: (\d+\.\d+)\r$", re.MULTILINE)
_LINE: Final = "The quick brown fox jumps over the lazy dog, and the mail arrives all the same."
# What a line may begin with that a careless program changes.
_TROUBLESOME: Final = ("", ".", "..", ".. two dots", "From the beginning", " a space", "-- ", "\t")
_SCARCELY_BYTES: Final = 400  # of header fields


def key_of(content: bytes) -> str | None:
    """Return the key that *content*, a copy or a notice that returns one, bears; the first if several."""
    found = _KEY.search(content)
    return found[1].decode() if found else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One recipient.

    Attributes:
        address: the forward-path.
        notify: value of NOTIFY, "" for none.
    """

    address: str
    notify: str = ""

    @property
    def is_owed_bounce(self) -> bool:
        """Tell whether a failure must be told (RFC 3461 §4.1)."""
        return not self.notify or "FAILURE" in self.notify.split(",")


@dataclass(frozen=True, slots=True)
class Posting:
    """One message.

    Attributes:
        number: its name.
        sender: reverse-path; "" is the null one.
        size_bytes: about how long it is.
        is_8bit: it has octets above 127.
    """

    number: int
    sender: str
    recipients: tuple[Wanted, ...]
    size_bytes: int = 1000
    is_8bit: bool = False

    def key(self, trial: int) -> str:
        """Return the key of the copy that is sent at the *trial*-th time."""
        return f"{self.number}.{trial}"

    def content(self, trial: int) -> bytes:
        """Return the content of that copy, dots not doubled."""
        kind = "utf-8\r\nContent-Transfer-Encoding: 8bit" if self.is_8bit else "us-ascii"
        header = (
            f"From: <{self.sender or 'nobody@sim.invalid'}>\r\n"
            f"Subject: message {self.number} of a simulation\r\n"
            f"Date: Sun, 15 Jun 2025 15:06:40 +0000\r\n"
            f"Message-ID: <{self.number}@sim.invalid>\r\n"
            f"{FIELD}: {self.key(trial)}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset={kind}\r\n\r\n"
        )
        lines = [f"{start}{self.number}" for start in _TROUBLESOME]
        if self.is_8bit:
            lines.append("Grüße aus Köln")
        head = (header + "\r\n".join(lines) + "\r\n").encode()
        filler = (_LINE + "\r\n").encode()
        return head + filler * max((self.size_bytes - _SCARCELY_BYTES) // len(filler), 0)
