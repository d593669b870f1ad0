"""Floor 2 · tables — the facts about lookup tables."""

from typing import ClassVar

from mailrail.observe import Event, Level


class TableLoaded(Event, frozen=True, kw_only=True):
    """The file of a table was read: at the start, and after it has changed.

    Attributes:
        table: its name in the settings.
        keys: how many there are; of patterns, the patterns.
    """

    table: str
    file: str
    keys: int


class TableRefused(Event, frozen=True, kw_only=True):
    """The file of a table has changed and cannot be used: what it held before is still answered.

    Attributes:
        reason: what is wrong with it.
    """

    level: ClassVar[Level] = Level.ERROR
    table: str
    file: str
    reason: str


class TableFailed(Event, frozen=True, kw_only=True):
    """A table does not answer: what needs it is told to come later. Told once, until it answers again.

    Attributes:
        reason: what was the matter with the first question that it did not answer.
    """

    level: ClassVar[Level] = Level.ERROR
    table: str
    reason: str


class TableRestored(Event, frozen=True, kw_only=True):
    """A table answers again.

    Attributes:
        failed: questions that it did not answer meanwhile.
    """

    level: ClassVar[Level] = Level.WARNING
    table: str
    failed: int
