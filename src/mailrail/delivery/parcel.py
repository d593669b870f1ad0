"""Floor 4 · delivery — what is carried, and what became of it so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mailrail.client import Source
from mailrail.model import Attempt, Failed, Message, Outcome, Recipient
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


@dataclass(frozen=True, slots=True)
class Part:
    """A parcel for some of a parcel's recipients."""

    lease: Lease
    content: Source
    stepped_us: int = 0


def part_of(parcel: Parcel, places: Sequence[int]) -> Part:
    """Return *parcel* for the pending recipients at *places* only."""
    lease = parcel.lease
    pending = tuple(lease.item.pending[place] for place in places)
    item = replace(lease.item, pending=pending)
    return Part(Lease(lease.message, item, lease.fence), parcel.content, parcel.stepped_us)


def pending_of(parcel: Parcel) -> tuple[Recipient, ...]:
    """Return the pending recipients of *parcel*, in the item's order."""
    recipients, pending = parcel.lease.message.envelope.recipients, parcel.lease.item.pending
    if len(pending) == 1:  # nearly every item
        return (recipients[pending[0].index],)
    return tuple([recipients[one.index] for one in pending])


def by_route(
    recipients: Sequence[Recipient], route_of: Callable[[Recipient], Route]
) -> list[tuple[Route, list[int]]]:
    """Return where *recipients* go, and the places of those who go there."""
    groups: dict[str, tuple[Route, list[int]]] = {}
    for place, recipient in enumerate(recipients):
        route = route_of(recipient)
        groups.setdefault(route.destination, (route, []))[1].append(place)
    return list(groups.values())


def in_order(outcomes: dict[int, Outcome], last: Attempt) -> Attempt:
    """Return one attempt for several: *outcomes* by place; *last* tells whom we talked to last."""
    ordered = tuple(outcomes[place] for place in sorted(outcomes))
    return Attempt(ordered, last.host, last.remote, last.tls)


class Progress:
    """One try in the making.

    Attributes:
        message: what is carried.
        content: its content.
        recipients: the pending ones, in the item's order.
        open: places (in *recipients*) that may still be tried at another host.
        host, remote, tls: whom we talked to last, see `Attempt`.
        is_unclean: the content has a bare CR or LF and must be encoded before it is sent.
        stepped_us: see `Parcel`.
    """

    __slots__ = (
        "_outcomes", "content", "host", "is_unclean", "message", "open", "recipients", "remote", "stepped_us",
        "tls",
    )  # fmt: skip

    def __init__(self, parcel: Parcel) -> None:
        lease = parcel.lease
        self.message: Message = lease.message
        self.content = parcel.content
        self.stepped_us = parcel.stepped_us
        self.recipients = pending_of(parcel)
        self.open = list(range(len(self.recipients)))
        self.host = self.remote = self.tls = ""
        self.is_unclean = False
        self._outcomes: list[Outcome | None] = [None] * len(self.recipients)

    def note(self, outcomes: Sequence[Outcome], *, goes_on: Callable[[Outcome], bool]) -> None:
        """Take an outcome for each open place; those that *goes_on* accepts stay open.

        As long as one host may take the mail later, another's "never" ends nothing; and that a
        later host did not answer tells the sender less than what an earlier one said.
        """
        still = []
        for place, outcome in zip(self.open, outcomes, strict=True):
            is_open = goes_on(outcome)
            if is_open:
                still.append(place)
            tells_less = isinstance(outcome, Failed) or outcome.reply.enhanced_code == "4.4.1"
            if not (is_open and tells_less and self._outcomes[place] is not None):
                self._outcomes[place] = outcome
        self.open = still

    def note_all(self, outcome: Outcome, *, goes_on: bool = False) -> None:
        """Take the same outcome for every open place."""
        self.note([outcome] * len(self.open), goes_on=lambda _: goes_on)

    def attempt(self, default: Outcome) -> Attempt:
        """Return how it ended; *default* for whom nothing was noted."""
        outcomes = [default if one is None else one for one in self._outcomes]
        return Attempt(tuple(outcomes), self.host, self.remote, self.tls)
