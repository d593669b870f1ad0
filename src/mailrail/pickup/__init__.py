"""Floor 4 · pickup — takes up what programs on this machine have handed in at the maildrop; one more door before `intake`."""

from mailrail.pickup.correspondence import Correspondence
from mailrail.pickup.door import Door
from mailrail.pickup.ground import Ground
from mailrail.pickup.judging import Rules
from mailrail.pickup.people import Person, person_of
from mailrail.pickup.pickup import Pickup
from mailrail.pickup.release import Releaser
from mailrail.pickup.settings import Access, MaildropSettings, Senders
from mailrail.pickup.waiting import HandedIn, Waiting, nothing_waits

__all__ = [
    "Access",
    "Correspondence",
    "Door",
    "Ground",
    "HandedIn",
    "MaildropSettings",
    "Person",
    "Pickup",
    "Releaser",
    "Rules",
    "Senders",
    "Waiting",
    "nothing_waits",
    "person_of",
]
