"""Floor 4 · receive — the facts about who comes in."""

from mailrail.observe import Event


class LoggedIn(Event, frozen=True, kw_only=True):
    """A client has logged in.

    Attributes:
        mechanism: how.
        user: as whom.
    """

    client: str
    mechanism: str
    user: str


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
