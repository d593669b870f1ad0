"""Floor 4 · agents — those that need nothing: discard takes all, error refuses all."""

from collections.abc import Sequence
from typing import Final

from mailrail.agents.api import Letter
from mailrail.model import Blame, Deferred, Delivered, Failed, Outcome, Recipient, Reply
from mailrail.model import reply as say


class Discard:
    """Takes every message and keeps none; to its sender it is delivered."""

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Say that all is well."""
        return [Delivered(say.DISCARDED, "", is_final=True)] * len(letter.indexes)

    def explain(self, recipient: Recipient) -> list[str]:
        """Say so."""
        return ["thrown away; the sender is not told"]

    def close(self) -> None:
        """Hold nothing."""


class Stand:
    """Ends the address of ours that others stood for when the message was taken: they have it, and only its sender is still to be told."""

    def __init__(self, outcome: Delivered) -> None:
        self._outcome = outcome

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Say what has become of it."""
        return [self._outcome] * len(letter.indexes)

    def explain(self, recipient: Recipient) -> list[str]:
        """Say so."""
        return ["it stands for other addresses, which have a copy each"]

    def close(self) -> None:
        """Hold nothing."""


# What `Recipient.target` may say besides paths and programs (RFC 3461 §5.2.7.3: an alias, §5.2.7.1: a list).
EXPANDED: Final = Stand(Delivered(say.EXPANDED, "", is_expanded=True))
LIST: Final = Stand(Delivered(say.EXPANDED, "", is_final=True))


class Refuse:
    """Refuses every message with one reply; with a 4yz it waits, until it is too old."""

    def __init__(self, reply: Reply) -> None:
        self._outcome: Outcome = (
            Failed(Blame.RECIPIENT, reply) if reply.is_permanent else Deferred(Blame.RECIPIENT, reply)
        )

    async def deliver(self, letter: Letter) -> Sequence[Outcome]:
        """Say no."""
        return [self._outcome] * len(letter.indexes)

    def explain(self, recipient: Recipient) -> list[str]:
        """Say with which words."""
        return [f"answered with {self._outcome.reply}"]

    def close(self) -> None:
        """Hold nothing."""
