"""Floor 4 · delivery — what a carrier asks of its courier, as Protocols: the courier makes carriers, and they know it by this alone."""

from typing import Protocol

from mailrail.client import ClientSession, SessionFailed, SessionTerms
from mailrail.delivery.parcel import Parcel
from mailrail.delivery.plans import DeadEndpoints
from mailrail.delivery.reverse_paths import LeavesAs
from mailrail.delivery.settings import DeliverySettings
from mailrail.model import Address, Attempt, Clock, Deferred, Failed, Message, Recipient
from mailrail.net import Endpoint
from mailrail.routing import Host, Plan, Route


class Hand(Protocol):
    """As much of any carrier as is needed to hand something over."""

    async def carry(self, parcel: Parcel, /) -> Attempt:
        """Try *parcel* once."""
        ...

    async def close(self) -> None:
        """End its session."""
        ...


class Dispatch(Protocol):
    """What a carrier asks of its courier."""

    settings: DeliverySettings
    dead: DeadEndpoints
    leaves_as: LeavesAs
    clock: Clock

    def route(self, recipient: Recipient) -> Route:
        """Return where *recipient* goes by the settings: by its target, or without one by its domain; always the same."""
        ...

    def rewritten(self, message: Message, leaves_as: Address) -> None:
        """Tell that some of *message* leaves with another reverse-path."""
        ...

    def carrier_for(self, route: Route) -> Hand:
        """Return a new carrier for *route*, which may lead to an agent on this machine."""
        ...

    async def plan(self, route: Route) -> Plan | Deferred | Failed:
        """Return the hosts of *route*."""
        ...

    def terms(self, route: Route, host: Host, endpoint: Endpoint) -> SessionTerms:
        """Return what a session with *host* is to be like."""
        ...

    async def open(self, route: Route, host: Host, endpoint: Endpoint, terms: SessionTerms) -> ClientSession:
        """Open a session."""
        ...

    def fell_back(self, route: Route, host: Host, error: SessionFailed) -> None:
        """Tell that TLS failed and the session goes on in the clear."""
        ...
