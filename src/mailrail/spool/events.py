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
    """A write failed: nothing of it is stored, and later ones may succeed."""

    level: ClassVar[Level] = Level.ERROR

    text: str


class SpoolBroken(Event, frozen=True, kw_only=True):
    """A sync failed, or the database is not sound: no more is written until the disk is cured (A68).

    That is looked for every minute, more rarely in the course of time. What is stored stays.
    """

    level: ClassVar[Level] = Level.ERROR

    text: str


class SpoolCured(Event, frozen=True, kw_only=True):
    """The disk works again, all that was acknowledged is written on it anew, and mail is taken.

    Attributes:
        broken_s: for how long it was not.
    """

    level: ClassVar[Level] = Level.WARNING

    broken_s: float


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
