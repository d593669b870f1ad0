"""Floor 4 · pickup — whom a message that was handed in goes to, and as whose: what `receive` asks at MAIL and RCPT, asked at once."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from mailrail.addresses import UNKNOWN, Addresses, Expansion, NotKnownNowError, Rewriter, SignedPaths
from mailrail.model import Address, Envelope, Recipient, Reply


@dataclass(frozen=True, slots=True)
class Resolved:
    """An envelope with those whom its recipients stand for.

    Attributes:
        refusal: why one of them cannot be written to now, or ever; None if all can.
    """

    envelope: Envelope
    refusal: Reply | None = None


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Who can be written to, and whom it goes to.

    Attributes:
        addresses: of our domains; None where every name is taken as it is.
        signed_paths: whose the reverse-paths are that we signed; None where we sign none.
        rewriter: writes addresses in another way; None where they stay.
    """

    addresses: Addresses | None = None
    signed_paths: SignedPaths | None = None
    rewriter: Rewriter | None = None

    async def sender(self, address: Address) -> Address:
        """Return what the sender *address* is written as.

        Raises:
            NotKnownNowError: a table does not say now.
        """
        if self.rewriter is None:
            return address
        written = self.rewriter.sender(address)
        return await written if isinstance(written, Awaitable) else written

    async def resolve(self, envelope: Envelope) -> Resolved:
        """Find out whom the recipients stand for, and whether one of them cannot be written to."""
        resolved: list[Recipient] = []
        refusal: Reply | None = None
        try:
            sender = envelope.reverse_path and await self.sender(envelope.reverse_path)
            for recipient in envelope.recipients:
                found = await self._resolve(recipient, has_sender=sender is not None)
                if isinstance(found, tuple):
                    resolved += found
                    continue
                refusal = found
                if found.is_temporary:
                    return Resolved(envelope, found)
                # Should nobody be there to hear it, its delivery fails, and the sender gets a notice.
                resolved.append(replace(recipient, target=UNKNOWN))
        except NotKnownNowError as error:
            return Resolved(envelope, error.reply)
        paths = (sender, *(one.forward_path for one in resolved))
        needs_smtputf8 = any(path is not None and path.needs_smtputf8 for path in paths)
        distinct = tuple(resolved) if self.addresses is None else self.addresses.distinct(resolved)
        whole = replace(envelope, reverse_path=sender, recipients=distinct, smtputf8=needs_smtputf8)
        return Resolved(whole, refusal)

    async def _resolve(self, recipient: Recipient, *, has_sender: bool) -> tuple[Recipient, ...] | Reply:
        if self.signed_paths is not None:
            returned = self.signed_paths.arriving(
                recipient.forward_path, is_notice=not has_sender, is_trusted=True
            )
            if isinstance(returned, Reply):
                return returned
            if returned is not None:
                recipient = replace(recipient, forward_path=returned.address)
        addresses = self.addresses
        if addresses is None or not addresses.concerns(recipient.forward_path):
            return (recipient,)
        answer = addresses.resolve(recipient, has_sender=has_sender)
        found = await answer if isinstance(answer, Awaitable) else answer
        return found.recipients if isinstance(found, Expansion) else found.reply.with_text(found.reason)
