"""Floor 0 · observe — what an event is.

A room defines the events of its own facts, each a frozen subclass of Event, in a file
`events.py` of its own. The level belongs to the type: the peer's fault is INFO, ours is ERROR.
An event never carries message bytes or secrets.
"""

from enum import IntEnum
from typing import ClassVar

import msgspec


class Level(IntEnum):
    """How loud an event is."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all events; the class name is the event's name in the log.

    Attributes:
        session: id of the SMTP session it belongs to, "" if none.
        queue_id: the message it belongs to, "" if none.
    """

    level: ClassVar[Level] = Level.INFO

    session: str = ""
    queue_id: str = ""
