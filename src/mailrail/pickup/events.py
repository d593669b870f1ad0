"""Floor 4 · pickup — what becomes of what was handed in; a message that is taken is `MessageAccepted`, by protocol "local"."""

from typing import ClassVar

from mailrail.observe import Event, Level


class HandedInRefused(Event, frozen=True, kw_only=True):
    """Mail that was handed in is not taken, and whoever handed it in was there to be told so.

    Attributes:
        user: who handed it in.
        reply: what was said.
    """

    user: str
    reply: str


class HandedInSetAside(Event, frozen=True, kw_only=True):
    """A file in the maildrop is no mail, or mail that cannot be taken and whose sender is not there to be told. It is kept.

    Attributes:
        file: where it is now.
        user: who made it, "" where that is not known.
        reason: what is wrong with it.
    """

    level: ClassVar[Level] = Level.WARNING
    file: str
    user: str
    reason: str


class MaildropFailed(Event, frozen=True, kw_only=True):
    """The maildrop cannot be used now; what is in it waits, and it is tried again.

    Attributes:
        directory: the maildrop.
        reason: what the system says, and how to mend it where that is known.
    """

    level: ClassVar[Level] = Level.ERROR
    directory: str
    reason: str


class HandedInFaulted(Event, frozen=True, kw_only=True):
    """A fault in mailrail met a file in the maildrop; the file is set aside.

    Attributes:
        stack: where in the program.
    """

    level: ClassVar[Level] = Level.ERROR
    stack: str
