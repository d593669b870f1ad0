"""Floor 3 · addresses — the one who writes addresses in another way: senders at MAIL, and the fields of a header section."""

from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Final

from mailrail.addresses.api import NotKnownNowError
from mailrail.addresses.questions import LookUp, Values
from mailrail.addresses.rewriting import RECIPIENTS, SENDERS, Rewriting, RewritingRules
from mailrail.message import Field, MailboxError, fields, mailboxes, replace_mailboxes
from mailrail.model import Address
from mailrail.tables import Table, TableError

_ADDRESS_FIELDS: Final = SENDERS | RECIPIENTS
_Written = Mapping[tuple[bool, Address], Address]  # by whether it stands in a sender's field


class Rewriter:
    """Drives the rules of `rewriting`; waits only where a table must be asked."""

    def __init__(self, rules: RewritingRules, tables: Mapping[str, Table]) -> None:
        self._rules = rules
        self._tables = tables

    def sender(self, address: Address) -> Address | Awaitable[Address]:
        """Return what the sender *address* is written as; waited for, it may raise.

        Raises:
            NotKnownNowError: a table does not say now, or says nonsense.

        *Cancel-safe:* yes.
        """
        if self._rules.sender:
            return self._answered(self._rules.sender_of(address))
        return self._rules.masked(address)

    async def header(self, octets: bytes) -> bytes:
        """Return a header section with its addresses rewritten; a field that cannot be read for sure stays as it is.

        Args:
            octets: the section, the CRLF of its last field included.

        Raises:
            NotKnownNowError: see `sender`.

        *Cancel-safe:* yes.
        """
        rules, written = self._rules, dict[tuple[bool, Address], Address]()
        for field in _address_fields(octets):
            is_sender = field.name in SENDERS
            for address in _mailboxes(field.raw):
                if (is_sender, address) not in written:
                    walk = rules.sender_of(address) if is_sender else rules.shown_recipient_of(address)
                    written[is_sender, address] = await self._answered(walk)
        return b"".join(_rewritten(octets, written))

    async def _answered(self, walk: Rewriting) -> Address:
        try:
            question = next(walk)
            while True:
                question = walk.send(await self._look_up(question))
        except StopIteration as done:
            written: Address = done.value
            return written
        finally:
            walk.close()

    async def _look_up(self, question: LookUp) -> Values:
        try:
            return await self._tables[question.table].look_up(question.key)
        except TableError as error:
            raise NotKnownNowError(str(error)) from None


def _address_fields(octets: bytes) -> Iterator[Field]:
    return (field for field in fields(octets) if field.name in _ADDRESS_FIELDS)


def _mailboxes(raw: bytes) -> Iterable[Address]:
    try:
        return mailboxes(raw)
    except MailboxError:
        return ()


def _rewritten(octets: bytes, written: _Written) -> Iterator[bytes]:
    """Go through *octets* in pieces, those of addresses as *written* says."""
    at = 0
    for field in _address_fields(octets):
        is_sender = field.name in SENDERS

        def other(address: Address, is_sender: bool = is_sender) -> Address:
            new = written.get((is_sender, address), address)
            # What came in ASCII must not need SMTPUTF8 because of us.
            return address if new.needs_smtputf8 and octets.isascii() else new

        try:
            raw = replace_mailboxes(field.raw, other)
        except MailboxError:
            continue
        start = octets.index(b":", field.start) + 1
        yield octets[at:start]
        yield raw
        at = start + len(field.raw)
    yield octets[at:]
