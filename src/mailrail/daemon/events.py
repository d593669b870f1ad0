"""Floor 5 · daemon — the facts of the whole process."""

from typing import ClassVar

from mailrail.observe import Event, Level


class DaemonStarted(Event, frozen=True, kw_only=True):
    """The daemon takes mail."""

    version: str
    hostname: str
    listeners: tuple[str, ...]
    spool: str
    admin: str
    waiting: int


class DaemonStopping(Event, frozen=True, kw_only=True):
    """The daemon was asked to stop: running transactions and tries may finish."""

    reason: str


class DaemonStopped(Event, frozen=True, kw_only=True):
    """The daemon has stopped in good order."""


class HousekeepingFailed(Event, frozen=True, kw_only=True):
    """The spool could not be tidied; it will be tried again."""

    level: ClassVar[Level] = Level.WARNING
    reason: str
