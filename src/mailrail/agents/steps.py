"""Floor 4 · agents — a deposit, step by step, whose troubles are outcomes. Blocks."""

import threading

from mailrail.agents import classify
from mailrail.agents.deposit import Deposit, LockedError, NotTakenError, Order
from mailrail.agents.grounds import Grounds
from mailrail.agents.maildir import MaildirDeposit
from mailrail.agents.mbox import MboxDeposit
from mailrail.model import Outcome


def deposit_for(order: Order, grounds: Grounds) -> Deposit:
    """Return the deposit that *order* asks for."""
    return MaildirDeposit(order, grounds) if order.kind == "maildir" else MboxDeposit(order, grounds)


class Steps:
    """A deposit whose troubles are outcomes: the step that returns one was the last. One step at a time, from any thread."""

    def __init__(self, order: Order, grounds: Grounds) -> None:
        self._path = order.path
        self._deposit = deposit_for(order, grounds)
        self._turn = threading.Lock()
        self._is_over = False

    def all_of(self, content: bytes) -> Outcome:
        """Do all of it."""
        outcome = self.begin() or self.write(content) or self.finish()
        assert outcome is not None
        return outcome

    def begin(self) -> Outcome | None:
        """Begin.

        Raises:
            LockedError: the mailbox is locked now.
        """
        with self._turn:
            try:
                outcome = self._deposit.begin()
            except LockedError:
                self._abort()
                raise
            except (OSError, NotTakenError) as error:
                return self._failed(error)
            self._is_over = outcome is not None
            return outcome

    def write(self, piece: bytes) -> Outcome | None:
        """Take content."""
        with self._turn:
            try:
                self._deposit.write(piece)
            except OSError as error:
                return self._failed(error)
            return None

    def finish(self) -> Outcome | None:
        """End it."""
        with self._turn:
            try:
                outcome = self._deposit.finish()
            except OSError as error:
                return self._failed(error)
            self._is_over = True
            return outcome

    def abort(self) -> None:
        """Take back what was written, unless it has come to an end."""
        with self._turn:
            self._abort()

    def _failed(self, error: OSError | NotTakenError) -> Outcome:
        self._abort()
        return (
            error.outcome if isinstance(error, NotTakenError) else classify.from_os_error(error, self._path)
        )

    def _abort(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._deposit.abort()
