"""Floor 4 · queue — what the queue asks of the rooms beside it, as Protocols.

Siblings never import one another: `delivery` implements Courier and Carrier, `report`
implements Notifier, and `daemon/assembly.py` joins them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from mailrail.model import Attempt, Message, Outcome
from mailrail.spool import Content, Lease, NewMessage


class Job(Struct, frozen=True):
    """One try: a leased item and its content. One object from when it comes into memory until its end is stored.

    Attributes:
        stepped_us: by how much the wall clock was stepped since the message may leave, microseconds; its age is less by that (A62).
    """

    lease: Lease
    content: Content
    stepped_us: int = 0


class Carrier(Protocol):
    """One lane to a destination: it carries one message at a time and keeps its session open between."""

    async def carry(self, job: Job, ahead: Callable[[], Job | None]) -> Attempt:
        """Try *job* once, over the session at hand or a new one; expected troubles are outcomes, not exceptions.

        Args:
            ahead: gives the job that will be carried next; asked at most once, when that job could be begun
                before this one has ended. What comes of it is told when it is carried.

        *Cancel-safe:* yes: the session is aborted, the message may have been taken by the peer.
        """
        ...

    def try_begin(self, job: Job, ahead: Callable[[], Job | None], came: Callable[[], None]) -> bool:
        """Begin to try *job* over the session at hand, if it needs no more than that; no task waits for it.

        Args:
            ahead: as for `carry`.
            came: called once, from the loop and not from here: now ask `attempt`.

        Returns:
            False: `carry` it.
        """
        ...

    def attempt(self) -> Attempt | None:
        """Return what came of the job that `try_begin` began; None: it is not over, `carry` it."""
        ...

    @property
    def is_open(self) -> bool:
        """Tell whether a session stands ready for the next message."""
        ...

    @property
    def has_gone_ahead(self) -> bool:
        """Tell whether the job that `ahead` gave has been begun and can go on."""
        ...

    async def close(self) -> None:
        """Say QUIT if a session is open (bounded in time), and forget it."""
        ...


class Courier(Protocol):
    """Makes lanes."""

    def carrier(self, destination: str, lease: Lease) -> Carrier:
        """Return a new lane to *destination*; *lease* is a first message for it, from whose recipients the route is found."""
        ...


class Notifier(Protocol):
    """Knows whom we owe a word (`report`)."""

    async def notices(
        self,
        message: Message,
        content: Content,
        outcomes: Sequence[tuple[int, Outcome]],
        *,
        delayed: Sequence[int] = (),
        retry_until_us: int = 0,
        is_late: bool = False,
    ) -> tuple[NewMessage, ...]:
        """Build the notices owed for final *outcomes* (recipient index, outcome) and for *delayed* recipients.

        *is_late*: the time that the sender gave for the delivery is over, steps of the wall clock taken off.
        The Deferred outcomes of *delayed* recipients stand in *outcomes* too: the notice says why they wait.
        Returns an empty tuple when nobody is owed one: null sender, NOTIFY=NEVER, the hop owes it.
        """
        ...

    def is_owed(self, message: Message, outcomes: Sequence[tuple[int, Outcome]]) -> bool:
        """Tell cheaply, without content and time, whether `notices` may have anything to build for *outcomes*, or to tell of."""
        ...
