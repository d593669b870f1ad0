"""Floor 3 · addresses — what an address is written as: canonical maps and masquerade. Pure.

For an address its tables are asked for `user@domain`, for the same without the detail of a sub-address, for `user` alone in a domain of ours, and
for `@domain`. The first that is there counts, once: what it names is not looked up again. Then hosts are hidden, where it is a sender's, or stands in
a header.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mailrail.addresses.api import NotKnownNowError
from mailrail.addresses.local_domain import LocalDomain
from mailrail.addresses.questions import LookUp, Values
from mailrail.addresses.targets import BrokenTargetError, ToAddress, parse_target
from mailrail.model import Address
from mailrail.model import reply as say

# Postfix's classes header_sender and header_recipient, in lower case.
SENDERS: Final = frozenset(
    {
        b"from", b"sender", b"reply-to", b"errors-to", b"return-receipt-to", b"disposition-notification-to",
        b"resent-from", b"resent-sender", b"resent-reply-to",
    }
)  # fmt: skip
RECIPIENTS: Final = frozenset(
    {b"to", b"cc", b"bcc", b"apparently-to", b"resent-to", b"resent-cc", b"resent-bcc"}
)
Rewriting = Generator[LookUp, Values, Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewritingRules:
    """Which addresses are rewritten.

    Attributes:
        sender, recipient: tables.
        masquerade: domains whose hosts are hidden; with "!" before it a host that is not.
        shown: local parts that keep their host, in lower case.
        domains: those that know details, by name.
        ours: every domain of ours.
    """

    sender: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    masquerade: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()
    domains: Mapping[str, LocalDomain] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()

    def sender_of(self, address: Address) -> Rewriting:
        """Return what a sender is written as."""
        return self.masked((yield from self._mapped(address, self.sender)))

    def recipient_of(self, address: Address) -> Rewriting:
        """Return what a recipient of the envelope is written as."""
        return (yield from self._mapped(address, self.recipient))

    def shown_recipient_of(self, address: Address) -> Rewriting:
        """Return what a recipient in a header is written as."""
        return self.masked((yield from self._mapped(address, self.recipient)))

    def _mapped(self, address: Address, tables: tuple[str, ...]) -> Rewriting:
        for key, detail in self._keys(address) if tables else ():
            for table in tables:
                if values := (yield LookUp(table, key)):
                    return _written(address, values[0], detail, f"{key} in table {table}")
        return address

    def _keys(self, address: Address) -> list[tuple[str, str]]:
        """Return what to ask for *address*, each with the detail that it leaves out."""
        local_part, domain = address.local_part, address.domain
        known = self.domains.get(domain)
        end = None if known is None else known.detail_at(local_part)
        names = (
            [(local_part, "")] if end is None else [(local_part, ""), (local_part[:end], local_part[end:])]
        )
        keys = [(f"{name}@{domain}", detail) for name, detail in names]
        if domain in self.ours:
            keys += names
        return [*keys, (f"@{domain}", "")]

    def masked(self, address: Address) -> Address:
        """Return *address* without the host that is not shown."""
        if address.local_part.lower() in self.shown:
            return address
        for mask in self.masquerade:
            domain = mask.removeprefix("!")
            if address.domain == domain or address.domain.endswith(f".{domain}"):
                return address if mask.startswith("!") else Address(address.local_part, domain)
        return address


def _written(address: Address, text: str, detail: str, rule: str) -> Address:
    try:
        target = parse_target(text, address, ())
    except BrokenTargetError as error:
        raise NotKnownNowError(f"{rule}: {error}", say.ALIAS_BROKEN) from None
    if not isinstance(target, ToAddress):
        raise NotKnownNowError(f"{rule}: {text} is no address", say.ALIAS_BROKEN)
    found = target.address
    return Address(found.local_part + detail, found.domain) if detail and not text.startswith("@") else found
