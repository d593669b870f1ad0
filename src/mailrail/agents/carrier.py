"""Floor 4 · agents — a lane to an agent: the queue's Carrier, without a session.

Where the settings have changed since the mail was queued, some recipients may belong to another agent by now, or to the
network; those are handed to a carrier that goes their way.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from mailrail.agents.api import Agent, Letter
from mailrail.client import Source
from mailrail.model import Attempt, Outcome, Recipient
from mailrail.routing import Route
from mailrail.spool import Lease


class Parcel(Protocol):
    """A leased item and its content; the queue's Job fits."""

    @property
    def lease(self) -> Lease:
        """The item."""
        ...

    @property
    def content(self) -> Source:
        """Its content."""
        ...

    @property
    def stepped_us(self) -> int:
        """By how much the wall clock was stepped since the message may leave, microseconds (A62)."""
        ...


class _Part:
    """A parcel for some of a parcel's recipients."""

    def __init__(self, parcel: Parcel, places: Sequence[int]) -> None:
        lease = parcel.lease
        pending = tuple(lease.item.pending[place] for place in places)
        self.lease = Lease(lease.message, replace(lease.item, pending=pending), lease.fence)
        self.content = parcel.content
        self.stepped_us = parcel.stepped_us


class OtherCarrier(Protocol):
    """As much of any carrier as is needed to hand something over."""

    async def carry(self, parcel: Parcel, /) -> Attempt:
        """Try *parcel* once."""
        ...

    async def close(self) -> None:
        """End its session."""
        ...


class Desk(Protocol):
    """What a carrier asks of its courier."""

    def route(self, recipient: Recipient) -> Route:
        """Return where *recipient* goes by the settings."""
        ...

    def agent(self, name: str) -> Agent:
        """Return the agent *name*."""
        ...

    def other(self, route: Route) -> OtherCarrier:
        """Return a carrier for *route*."""
        ...


class AgentCarrier:
    """Brings messages to one agent."""

    is_open = False
    has_gone_ahead = False

    def __init__(self, desk: Desk, route: Route) -> None:
        self._desk = desk
        self._route = route

    async def close(self) -> None:
        """Have nothing to end."""

    def try_begin(self, parcel: Parcel, ahead: Callable[[], object], came: Callable[[], None], /) -> bool:
        """Begin nothing: it is carried."""
        return False

    def attempt(self) -> Attempt | None:
        """Have nothing that was begun."""
        return None

    async def carry(self, parcel: Parcel, ahead: Callable[[], object] | None = None) -> Attempt:
        """Try *parcel* once.

        Args:
            ahead: not asked: there is no session that could be saved a round trip.

        Raises:
            StoreError: its content cannot be read.

        *Cancel-safe:* yes: it may still be delivered.
        """
        lease = parcel.lease
        recipients = [lease.message.envelope.recipients[one.index] for one in lease.item.pending]
        groups: dict[str, tuple[Route, list[int]]] = {}
        for place, recipient in enumerate(recipients):
            route = self._desk.route(recipient)
            groups.setdefault(route.destination, (route, []))[1].append(place)
        if groups.keys() == {self._route.destination}:
            indexes = tuple(one.index for one in lease.item.pending)
            return await self._deliver(Letter(lease.message, parcel.content, indexes))
        return await self._split(parcel, groups)

    async def _deliver(self, letter: Letter) -> Attempt:
        name = self._route.agent
        return Attempt(tuple(await self._desk.agent(name).deliver(letter)), host=name)

    async def _split(self, parcel: Parcel, groups: dict[str, tuple[Route, list[int]]]) -> Attempt:
        """Carry each group its own way: mail queued under a route that is no more."""
        outcomes: dict[int, Outcome] = {}
        attempt = Attempt(())
        for route, places in groups.values():
            carrier = self._desk.other(route)
            try:
                attempt = await carrier.carry(_Part(parcel, places))
            finally:
                await carrier.close()
            outcomes.update(zip(places, attempt.outcomes, strict=True))
        ordered = tuple(outcomes[place] for place in sorted(outcomes))
        return Attempt(ordered, attempt.host, attempt.remote, attempt.tls)
