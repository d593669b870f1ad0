"""Floor 2 · net — the one fact that nobody else can tell."""

from typing import ClassVar

from mailrail.observe import Event, Level


class AcceptRested(Event, frozen=True, kw_only=True):
    """The system has no descriptors or memory left: a listener stops accepting for a moment (A73).

    Attributes:
        endpoint: the listener.
        reason: the system's words.
        wait_s: how long it rests; waiting connections stay in the system's backlog.
    """

    level: ClassVar[Level] = Level.ERROR

    endpoint: str
    reason: str
    wait_s: float
