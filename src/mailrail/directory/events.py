"""Floor 3 · directory — the facts about the store of users."""

from typing import ClassVar

from mailrail.observe import Event, Level


class UsersLoaded(Event, frozen=True, kw_only=True):
    """The user file was read: at the start, and after it has changed.

    Attributes:
        users: how many there are.
    """

    file: str
    users: int


class UsersRefused(Event, frozen=True, kw_only=True):
    """The user file has changed and cannot be used: the users from before may still log in.

    Attributes:
        reason: the file, and what is wrong with it.
    """

    level: ClassVar[Level] = Level.ERROR
    file: str
    reason: str
