"""Floor 2 · net — one turn of the loop: all that came is read, then handed on, and what is to be said for it leaves at the end.

To send wakes whoever waits for it, and that is the dearest part of a send. Who sends after each thing that came wakes a peer, which
answers, sleeps, and is woken again by the next; who sends at the end of a turn wakes it once, for all of its sessions. Nor do threads take the
interpreter's lock from one another as often when the system is asked many things in a row. A turn with one event is over at once: nothing waits for others.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Party(Protocol):
    """A connection, as a turn sees it.

    Attributes:
        take: takes what was read; None: it cannot be handed on now.
    """

    take: Callable[[bytes], None] | None

    def find(self, data: bytes, /) -> None:
        """Know what was read and was not for `take`: it cannot be handed on now, or it is the end (no bytes)."""
        ...

    def send_due(self) -> None:
        """Send what was written in this turn."""
        ...


class Turn:
    """What the present turn of *loop* has still to do.

    Attributes:
        came: what was read, in the order in which it goes on.
        due: to whom something was written.
        is_ending: `end` will be called; whoever adds to the lists, and finds that it will not be, calls `end_soon`.
    """

    __slots__ = ("_loop", "came", "due", "is_ending")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.is_ending = False
        self.came: list[tuple[Party, bytes]] = []
        self.due: list[Party] = []

    def end_soon(self) -> None:
        """End the turn when those who are called by the loop now have been called."""
        self.is_ending = True
        self._loop.call_soon(self.end)

    def end(self) -> None:
        """Hand on what came, and send what is due by then."""
        came, due = self.came, self.due
        try:
            for party, data in came:  # and whatever another's receiver lets in meanwhile
                try:
                    if data and (take := party.take) is not None:
                        take(data)
                    else:
                        party.find(data)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # as the loop does; what the others sent has been read already
                    self._tell(party, error)
            for party in due:
                try:
                    party.send_due()
                except Exception as error:
                    self._tell(party, error)
        finally:
            came.clear()
            due.clear()
            self.is_ending = False

    def _tell(self, party: Party, error: BaseException) -> None:
        """Do as the loop does for a callback of its own, so that nobody else's turn is lost."""
        self._loop.call_exception_handler({"message": f"what came for {party} failed", "exception": error})
