"""Floor 4 · queue — when: what is tried, how often, how many at once, and when it is given up."""

from mailrail.model import Attempt
from mailrail.queue.api import Carrier, Courier, Job, Notifier
from mailrail.queue.control import Control, DestinationView
from mailrail.queue.events import (
    AttemptCrashed,
    ClockStepped,
    DestinationAsleep,
    DestinationAwake,
    MessageDamaged,
    RecipientDeferred,
    RecipientDelivered,
    RecipientExpired,
    RecipientFailed,
    ResultNotStored,
    SpoolUnreadable,
)
from mailrail.queue.manager import Manager
from mailrail.queue.settings import DestinationSettings, QueueSettings, RetrySettings, WindowSettings

__all__ = [
    "Attempt",
    "AttemptCrashed",
    "Carrier",
    "ClockStepped",
    "Control",
    "Courier",
    "DestinationAsleep",
    "DestinationAwake",
    "DestinationSettings",
    "DestinationView",
    "Job",
    "Manager",
    "MessageDamaged",
    "Notifier",
    "QueueSettings",
    "RecipientDeferred",
    "RecipientDelivered",
    "RecipientExpired",
    "RecipientFailed",
    "ResultNotStored",
    "RetrySettings",
    "SpoolUnreadable",
    "WindowSettings",
]
