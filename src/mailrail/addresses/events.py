"""Floor 3 · addresses — what became of an address."""

from typing import ClassVar

from mailrail.observe import Event, Level


class AddressExpanded(Event, frozen=True, kw_only=True):
    """An address that was written to stands for others.

    Attributes:
        address: as it was written to.
        recipients: whom the mail goes to, the first few of them.
        count: how many they are.
    """

    address: str
    recipients: tuple[str, ...]
    count: int


class AddressInTrouble(Event, frozen=True, kw_only=True):
    """An address could not be resolved because something is wrong with ours: its mail waits at the sender's, or is refused for a loop.

    Attributes:
        reason: what, and where; the client is not told.
        reply: what it was told.
    """

    level: ClassVar[Level] = Level.WARNING

    address: str
    reason: str
    reply: str
