"""Floor 5 · admin — the facts of the operator's door."""

from typing import ClassVar

from mailrail.observe import Event, Level


class OperatorActed(Event, frozen=True, kw_only=True):
    """An operator changed the queue.

    Attributes:
        verb: hold, release, retry, delete or bounce.
        wanted: which items were meant, in words.
        items: how many were changed.
    """

    verb: str
    wanted: str
    items: int


class AdminRequestFailed(Event, frozen=True, kw_only=True):
    """A request met a fault of ours.

    Attributes:
        stack: where.
    """

    level: ClassVar[Level] = Level.ERROR

    stack: str
