"""Floor 4 · pickup — what a message that was handed in is to become: its envelope, or why it is not taken. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from mailrail.directory import User
from mailrail.intake import Treatment
from mailrail.maildrop import Handed
from mailrail.model import (
    Address,
    AddressError,
    Body,
    Envelope,
    Notify,
    Recipient,
    Reply,
    Ret,
    parse_address,
    parse_local_part,
)
from mailrail.model import reply as say
from mailrail.pickup.people import Person
from mailrail.pickup.settings import MaildropSettings, Senders
from mailrail.policy import Rights, rights_of

_NOTIFY: Final = {
    "SUCCESS": Notify.SUCCESS,
    "FAILURE": Notify.FAILURE,
    "DELAY": Notify.DELAY,
    "NEVER": Notify.NEVER,
}
_COMPLETED: Final = Treatment(completes=True)


@dataclass(frozen=True, slots=True)
class Judged:
    """A message that may be taken.

    Attributes:
        treatment: what is done to it.
        author: whom a From field names that must be added.
        name: of the author, for people; "" for none.
    """

    envelope: Envelope
    treatment: Treatment
    author: Address
    name: str


class Rules:
    """Decides about what is handed in.

    Args:
        settings: of the maildrop.
        hostname: ours.
        ourselves: name of the user that the server runs as.
    """

    def __init__(self, settings: MaildropSettings, hostname: str, ourselves: str) -> None:
        self.origin = settings.origin or hostname
        self._settings = settings
        self._trusted = frozenset({"root", ourselves, *settings.trusted})

    def judge(self, handed: Handed, person: Person) -> Judged | Reply:
        """Return what the message is to become, or why it is not taken.

        Args:
            person: who handed it in.
        """
        settings = self._settings
        if settings.users and person.name not in settings.users:
            return say.NOT_ALLOWED.with_text(f"{person.name} may not hand in mail here: see maildrop.users")
        own = Address(person.name, self.origin)
        try:
            sender = self._sender(handed.sender, own)
            recipients = tuple(map(self._address, handed.recipients))
        except AddressError as error:
            return say.BAD_RECIPIENT.with_text(str(error))
        treatment = _COMPLETED
        rights = self.rights(person)
        if rights is not None:
            refusal = rights.judge_sender(sender)
            if refusal is not None:
                return refusal
            treatment = replace(treatment, judge_authors=rights.judge_authors)
        name = handed.name or person.full_name
        return Judged(self._envelope(handed, sender, recipients), treatment, sender or own, name)

    def rights(self, person: Person) -> Rights | None:
        """Return as whom *person* may send; None: as anybody."""
        if self._settings.senders is Senders.ANY or person.name in self._trusted:
            return None
        return rights_of(User(Address(person.name, self.origin).text), ())

    def _sender(self, text: str | None, own: Address) -> Address | None:
        if text is None:
            return own
        return self._address(text) if text else None

    def _address(self, text: str) -> Address:
        """Read an address; without a domain it is of ours (RFC 6409 §8.1)."""
        try:
            return parse_address(text)
        except AddressError:
            if "@" in text:
                raise
            return Address(parse_local_part(text), self.origin)

    def _envelope(self, handed: Handed, sender: Address | None, recipients: tuple[Address, ...]) -> Envelope:
        notify = Notify.DEFAULT
        for word in filter(None, handed.notify.split(",")):
            notify |= _NOTIFY.get(word, Notify.DEFAULT)
        return Envelope(
            reverse_path=sender,
            recipients=tuple(Recipient(path, notify) for path in dict.fromkeys(recipients)),
            body=Body.EIGHT_BIT,
            ret=Ret(handed.ret) if handed.ret in ("FULL", "HDRS") else None,
            envid=handed.envid,
        )
