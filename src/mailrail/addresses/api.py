"""Floor 3 · addresses — what is asked, and what the answer may be."""

from collections.abc import Awaitable
from typing import Protocol

from mailrail.model import Address, MailrailError, Recipient, Reply, value
from mailrail.model import reply as say


class NotKnownNowError(MailrailError):
    """Whether an address exists cannot be known now: "try again later", never "no".

    Attributes:
        reply: what is said to who asked.
    """

    def __init__(self, text: str, reply: Reply = say.ADDRESS_UNAVAILABLE) -> None:
        super().__init__(text)
        self.reply = reply


class People(Protocol):
    """Who has a mailbox because he has a login: the directory, joined in the assembly."""

    async def has(self, name: str) -> bool:
        """Tell whether there is a user *name*.

        Raises:
            NotKnownNowError: it cannot be known now.
        """
        ...


class NextHop(Protocol):
    """Whoever asks the next hop of a domain whether it takes mail for an address."""

    async def takes(self, address: Address) -> bool:
        """Tell whether it would.

        Raises:
            NotKnownNowError: it cannot be asked now.
        """
        ...


@value
class Step:
    """One step of an expansion, for people.

    Attributes:
        address: what was looked at.
        rule: which rule of the settings decided, in words.
        targets: what it led to, as written there; empty where it ended.
        depth: how many aliases were passed before.
    """

    address: str
    rule: str
    targets: tuple[str, ...]
    depth: int


@value
class Expansion:
    """Whom mail for an address goes to.

    Attributes:
        recipients: with every wish as RFC 3461 §5.2.7 hands it on; at least one.
        steps: how it came about.
    """

    recipients: tuple[Recipient, ...]
    steps: tuple[Step, ...] = ()


@value
class Refusal:
    """Nobody, or nobody now.

    Attributes:
        reply: for who asked.
        reason: for the operator, and for our own people: what is wrong and where; may name others than were written to.
        steps: how it came about.
    """

    reply: Reply
    reason: str
    steps: tuple[Step, ...] = ()


Resolved = Expansion | Refusal
Answer = Resolved | Awaitable[Resolved]
