"""Floor 4 · agents — what an agent is: the last station of a message, on this machine.

An agent takes a message for some recipients and says for each what came of it. What it does blocks, and is done in threads
(`threads.py`); how many at one time is the business of the queue, for which an agent is a destination like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailrail.client import Source
from mailrail.model import Message, Outcome, Recipient


@dataclass(frozen=True, slots=True)
class Letter:
    """What is delivered to whom.

    Attributes:
        indexes: the recipients that are meant, by their places in the envelope.
    """

    message: Message
    content: Source
    indexes: tuple[int, ...]

    @property
    def recipients(self) -> list[Recipient]:
        """The recipients that are meant."""
        recipients = self.message.envelope.recipients
        return [recipients[index] for index in self.indexes]


class Agent(Protocol):
    """Delivers."""

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Deliver *letter* once to each of its recipients; expected troubles are outcomes, in the same order.

        Raises:
            StoreError: the content cannot be read.

        *Cancel-safe:* yes: what has begun may still be delivered.
        """
        ...

    def explain(self, recipient: Recipient) -> list[str]:
        """Say in lines what would become of mail for *recipient*."""
        ...

    def close(self) -> None:
        """Free what it holds; nothing is delivered any more."""
        ...
