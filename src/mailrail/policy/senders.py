"""Floor 3 · policy — who may send as whom (RFC 6409 §6.1, A37).

A login may be stolen or its owner curious; either way nobody writes in another's name. What counts is the envelope's sender and everybody that
From and Sender name, for that is what is shown. Addresses are compared after the one strict parser has read them, the local part without
regard to capitals. The null reverse-path names nobody and is everybody's: a mail program confirms with it that mail was read (RFC 8098 §3).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mailrail.directory import User
from mailrail.message import MailboxError, fields, mailboxes
from mailrail.model import Address, AddressError, Reply, parse_address, show_domain
from mailrail.model import reply as say

_AUTHORS: Final = (b"from", b"sender")


@dataclass(frozen=True, slots=True)
class Rights:
    """As whom one user may send.

    Attributes:
        user: the login.
        addresses: in small letters.
        domains: every address in them.
        is_anybody: as anybody.
    """

    user: str
    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    is_anybody: bool = False

    def covers(self, address: Address) -> bool:
        """Tell whether the user may send as *address*."""
        return self.is_anybody or address.domain in self.domains or address.text.lower() in self.addresses

    def judge_sender(self, sender: Address | None) -> Reply | None:
        """Return why the reverse-path *sender* is refused, or None."""
        if sender is None or self.covers(sender):
            return None
        return say.SENDER_NOT_YOURS.with_text(f"{self.user} may not send as {sender}")

    def judge_authors(self, header: bytes) -> Reply | None:
        """Return why a header section is refused for whom it names as its authors, or None."""
        for field in fields(header):
            if field.name not in _AUTHORS:
                continue
            name = field.name.decode().capitalize()
            try:
                found = mailboxes(field.raw)
            except MailboxError as error:
                return say.AUTHOR_NOT_YOURS.with_text(f"{name} cannot be read: {error}")
            for address in found:
                if not self.covers(address):
                    return say.AUTHOR_NOT_YOURS.with_text(f"{self.user} may not write as {address} in {name}")
        return None

    def explain(self) -> str:
        """Say in words as whom the user may send."""
        if self.is_anybody:
            return f"{self.user} may send as anybody"
        names = (
            *sorted(self.addresses),
            *(f"anybody at {show_domain(name)}" for name in sorted(self.domains)),
        )
        return f"{self.user} may send as {', '.join(names) or 'nobody'}"


def rights_of(user: User, our_domains: Collection[str]) -> Rights:
    """Return as whom *user* may send: what stands in its record, beside its own name.

    Whose name is no address and who has no record may use every address of our domains.
    """
    addresses: set[str] = set()
    domains: set[str] = set()
    try:
        addresses.add(parse_address(user.name).text.lower())
    except AddressError:
        if not user.may_send_as:
            domains.update(our_domains)
    for entry in user.may_send_as:
        if entry.startswith("@"):
            domains.add(entry[1:])
        elif entry != "*":
            addresses.add(entry)
    return Rights(user.name, frozenset(addresses), frozenset(domains), is_anybody="*" in user.may_send_as)
