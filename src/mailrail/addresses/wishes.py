"""Floor 3 · addresses — what a sender wished to hear, through an alias and a list (RFC 3461 §5.2.7). Pure.

An alias is the sender's business: what goes wrong behind it is told to him. One with a single target hands everything on (§5.2.7.2). One with several hands on
everything but SUCCESS, and answers that itself by an "expanded" notice (§5.2.7.3, the third way). A list is a mailbox to the sender: mail has
arrived there (§5.2.7.1), and what goes wrong behind it is told to the list's owner.
"""

from dataclasses import replace
from typing import Final

from mailrail.message import typed_address
from mailrail.model import Address, Notify, Recipient, value

EXPANDED: Final = "expanded"  # agents that answer for an address of which only a notice is left
LIST: Final = "list"


@value
class Wishes:
    """What goes with an address on its way to those whom it stands for.

    Attributes:
        notify, orcpt, returns_to: see `Recipient`.
    """

    notify: Notify = Notify.DEFAULT
    orcpt: str = ""
    returns_to: Address | None = None

    @classmethod
    def of(cls, recipient: Recipient) -> "Wishes":
        """Return those of *recipient*."""
        return cls(recipient.notify, recipient.orcpt, recipient.returns_to)

    def recipient(self, address: Address, *, target: str = "", is_forwarded: bool = False) -> Recipient:
        """Return *address* with these wishes."""
        return Recipient(address, self.notify, self.orcpt, target, self.returns_to, is_forwarded)

    def behind_alias(self, address: Address, targets: int) -> tuple["Wishes", Recipient | None]:
        """Return the wishes for those whom the alias *address* names, and who answers for the alias itself, if anybody must."""
        # RFC 3461 §5.2.1 (d): who hands an address on may add what it was when it came.
        # DEVIATES RFC 3461 §6.3 (d): our own notices have it then as Original-Recipient, though the sender gave no ORCPT: who hears of an
        # address that he never wrote to must see which of his it was.
        own = self if self.orcpt else replace(self, orcpt=typed_address(address))
        if targets == 1 or Notify.SUCCESS not in self.notify:
            return own, None
        # Who asked for success alone wants to hear of nothing else.
        rest = self.notify & ~Notify.SUCCESS or Notify.NEVER
        return replace(own, notify=rest), self._answering(address, EXPANDED)

    def behind_list(self, address: Address, owner: Address | None) -> tuple["Wishes", Recipient | None]:
        """Return the wishes for the members of the list *address*, and who answers for the list itself, if anybody must.

        Args:
            owner: None where the reverse-path is the null one, which stays.
        """
        answering = self._answering(address, LIST) if Notify.SUCCESS in self.notify else None
        # Nobody is told of trouble with what has a null reverse-path.
        return Wishes(Notify.DEFAULT if owner else Notify.NEVER, returns_to=owner), answering

    def _answering(self, address: Address, target: str) -> Recipient:
        return replace(self, notify=Notify.SUCCESS).recipient(address, target=target)
