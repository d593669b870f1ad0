"""Floor 4 · receive — the facts about who comes in."""

from typing import ClassVar

from mailrail.observe import Event, Level


class LoggedIn(Event, frozen=True, kw_only=True):
    """A client has logged in.

    Attributes:
        mechanism: how.
        user: as whom.
    """

    client: str
    mechanism: str
    user: str


class MailReturned(Event, frozen=True, kw_only=True):
    """Mail is offered to a reverse-path that we signed, by SRS or BATV: it goes to whose that is.

    Attributes:
        address: what was written to.
        goes_to: who sent what we forwarded, or one of our own people.
    """

    client: str
    address: str
    goes_to: str


class LoginRefused(Event, frozen=True, kw_only=True):
    """A client has not logged in.

    Attributes:
        claimed: whom it says it is, "" where it has not said.
        reason: why, which the client is not told.
        reply: what it was told.
    """

    client: str
    mechanism: str
    claimed: str
    reason: str
    reply: str


class LoginLocked(Event, frozen=True, kw_only=True):
    """A client, or an account for it, is locked out after many failed logins; told when the lock begins and at each try in it.

    `mailrail user unlock` ends it before its time.

    Attributes:
        account: what is locked, "" where it is the client or its network.
        seconds: for how long.
    """

    level: ClassVar[Level] = Level.WARNING
    client: str
    account: str
    seconds: float
