"""Floor 3 · spool — the facts that the store tells."""

from typing import ClassVar

from mailrail.observe import Event, Level


class SpoolOpened(Event, frozen=True, kw_only=True):
    """The spool is open; *recovered* items had been leased by the process before."""

    path: str
    recovered: int


class SpoolFull(Event, frozen=True, kw_only=True):
    """The disk has no room: nothing of the failed writes is stored, and later ones may succeed."""

    level: ClassVar[Level] = Level.ERROR

    text: str


class SpoolCrowded(Event, frozen=True, kw_only=True):
    """As many items are stored as `spool.most_items` allows: new mail is refused while that is so.

    Told again when there were fewer than nine tenths of that meanwhile.
    """

    level: ClassVar[Level] = Level.WARNING

    items: int
    most: int


class SpoolFailed(Event, frozen=True, kw_only=True):
    """A write failed; when *is_broken*, no more is written until the spool is opened anew."""

    level: ClassVar[Level] = Level.ERROR

    text: str
    is_broken: bool


class ContentDamaged(Event, frozen=True, kw_only=True):
    """A message does not read back: it was set aside, for the operator to look at."""

    level: ClassVar[Level] = Level.ERROR

    why: str


class StrayReaped(Event, frozen=True, kw_only=True):
    """Files of messages that were never acknowledged, or are done, were removed."""

    files: int


class StrangeFile(Event, frozen=True, kw_only=True):
    """Something that mailrail did not put there was found in the spool, and moved out of the way."""

    level: ClassVar[Level] = Level.WARNING

    path: str
    why: str
