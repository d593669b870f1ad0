"""Floor 5 · sim — a host that offers STARTTLS and cannot do it."""

from dataclasses import replace
from enum import Enum
from typing import Final

from mailrail.sim.strangers.answer import Answer, Then
from mailrail.sim.strangers.stranger import Stranger
from mailrail.sim.strangers.visit import Visit
from mailrail.sim.strangers.witness import Place

# RFC 8446 §6: an alert of level fatal, handshake_failure, as a record.
_HANDSHAKE_FAILURE: Final = "\x15\x03\x03\x00\x02\x02\x28"


class Breakage(Enum):
    """What happens where the handshake should begin."""

    GARBAGE = "garbage"
    ALERT = "alert"  # a handshake that is refused in good form
    CLOSE = "close"  # hangs up after the 220
    SILENCE = "silence"
    REFUSED = "refused"  # 454 instead of 220 (RFC 3207 §4)


class BrokenTls(Stranger):
    """Offers STARTTLS; *breakage* is what comes of it. In the clear it takes everything."""

    def __init__(self, place: Place, *, breakage: Breakage = Breakage.GARBAGE) -> None:
        super().__init__(replace(place, offer=(*place.offer, "STARTTLS"), tls=None))
        self._breakage = breakage

    def starttls(self, visit: Visit) -> Answer:
        """Promise it, or not even that."""
        match self._breakage:
            case Breakage.REFUSED:
                return Answer("454 4.7.0 TLS not available")
            case Breakage.CLOSE:
                return Answer("220 2.0.0 Go ahead", Then.CLOSE)
            case _:
                return Answer("220 2.0.0 Go ahead", Then.NOISE)

    def noise(self, visit: Visit, data: bytes) -> Answer:
        """Answer the ClientHello."""
        match self._breakage:
            case Breakage.GARBAGE:
                return Answer("500 5.5.2 What was that?")
            case Breakage.ALERT:
                return Answer(_HANDSHAKE_FAILURE, Then.CLOSE)
            case _:
                return Answer("")
