"""Floor 2 · server — what the sessions of one listener share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from mailrail.server.handler import Handler
from mailrail.server.port import Port, offer_at
from mailrail.server.session import Session
from mailrail.server.settings import LimitSettings
from mailrail.smtp import Offers

HandlerFactory = Callable[[Session], Handler]


@dataclass(frozen=True, slots=True)
class Line:
    """A listener's port, its offers and its handlers; certificates may come and go meanwhile.

    Attributes:
        offers_in_clear: as long as there are no certificates.
    """

    port: Port
    offers: Offers
    offers_in_clear: Offers
    handler: HandlerFactory

    @classmethod
    def of(
        cls, port: Port, handler: HandlerFactory, hostname: str, limits: LimitSettings, *, can_bind: bool
    ) -> Self:
        """Prepare what sessions at *port* are offered (see `offer_at`)."""
        offer = offer_at(port, hostname, limits, can_bind=can_bind)
        return cls(port, Offers.of(offer), Offers.of(replace(offer, has_tls=False)), handler)
