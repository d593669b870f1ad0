"""Floor 1 · smtp — the bounds that the server core keeps, handed in by its caller.

`server.ServerSettings` is the one that people set, with units, bounds and sources.
"""

from typing import Protocol


class Limits(Protocol):
    """What the core needs to know; every buffer is bounded by one of these."""

    @property
    def command_line_bytes(self) -> int:
        """Octets of a command line, CRLF included (RFC 5321 §4.5.3.1.4: at least 512)."""
        ...

    @property
    def auth_line_bytes(self) -> int:
        """Octets of a line in a SASL exchange (RFC 4954 §4: 12288)."""
        ...

    @property
    def text_line_bytes(self) -> int:
        """Octets of a line of content, CRLF not counted (RFC 5321 §4.5.3.1.6: at least 998)."""
        ...

    @property
    def message_bytes(self) -> int:
        """Octets of a message (RFC 5321 §4.5.3.1.7: at least 64 KiB)."""
        ...

    @property
    def recipients(self) -> int:
        """Recipients of one message (RFC 5321 §4.5.3.1.8: at least 100)."""
        ...

    @property
    def errors(self) -> int:
        """Bad commands before 421."""
        ...

    @property
    def junk(self) -> int:
        """Commands that move no mail (NOOP, RSET, VRFY, EHLO ...) before 421."""
        ...

    @property
    def repair_line_ends(self) -> bool:
        """Make bare CR and LF in content CRLF instead of refusing the message."""
        ...
