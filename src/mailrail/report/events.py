"""Floor 4 · report — the facts of this room."""

from typing import ClassVar

from mailrail.observe import Event, Level


class NoticeMade(Event, frozen=True, kw_only=True):
    """A sender is owed a word, and the notice is written; it is stored with the outcome it tells.

    Attributes:
        notice_id: queue id of the notice.
        kind: "failed", "delayed" or "delivered".
        recipients: how many it tells of.
    """

    notice_id: str
    kind: str
    recipients: int


class NoticeSuppressed(Event, frozen=True, kw_only=True):
    """Recipients failed and nobody is told.

    Attributes:
        reason: "null reverse-path" or "NOTIFY".
    """

    reason: str
    recipients: int


class DoubleBounce(Event, frozen=True, kw_only=True):
    """A notice of ours could not be delivered.

    Attributes:
        to: the postmaster who gets it instead, or "" where it is dropped.
    """

    level: ClassVar[Level] = Level.WARNING

    to: str = ""
