"""Floor 5 · sim — strangers: peers that are not mailrail, with a reading of SMTP of their own.

Servers: `Stranger` behaves well; each other class misbehaves in one way. Clients: `Dialogue` is the honest
half of a session, `Abuser` the other kind.
"""

from mailrail.sim.strangers.abuser import SMUGGLED, Abuse, Abuser
from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.broken_tls import Breakage, BrokenTls
from mailrail.sim.strangers.dialogue import Dialogue
from mailrail.sim.strangers.dropper import Dropper
from mailrail.sim.strangers.greylister import Greylister
from mailrail.sim.strangers.letter import Letter
from mailrail.sim.strangers.liar import Liar, Lie
from mailrail.sim.strangers.moody import Moody, Step
from mailrail.sim.strangers.store import Store
from mailrail.sim.strangers.stranger import Stranger, Tally
from mailrail.sim.strangers.tarpit import Tarpit
from mailrail.sim.strangers.throttler import Throttler
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import MODERN, Fate, Handover, Place, Witness

__all__ = [
    "MODERN",
    "SMUGGLED",
    "Abuse",
    "Abuser",
    "Answer",
    "Breakage",
    "BrokenTls",
    "Dialogue",
    "Dropper",
    "Fate",
    "Greylister",
    "Handover",
    "Letter",
    "Liar",
    "Lie",
    "Moody",
    "Place",
    "Step",
    "Store",
    "Stranger",
    "Tally",
    "Tarpit",
    "Then",
    "Throttler",
    "Visit",
    "Witness",
]
