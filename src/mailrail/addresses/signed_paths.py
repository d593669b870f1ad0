"""Floor 3 · addresses — which reverse-path a recipient's mail leaves with, and whose one of ours is when mail comes back to it. Pure.

Three rules, looked at in this order, decide what leaves; whatever they say, our own notices go to who sent the message:
- Mail that stays within our domains, and mail from nobody, leaves as it came.
- What an alias forwards out of our domains, and only that, goes by SRS, unless the sender is one of our domains already.
- What our own people send, and what a list of ours sends, is signed by BATV, where that is on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mailrail.addresses import batv, srs
from mailrail.addresses.signing_keys import SigningKeys
from mailrail.addresses.srs import Flaw
from mailrail.addresses.tag_settings import BatvSettings, SrsSettings
from mailrail.model import ROLE_MAILBOXES, SECOND_US, Address, Clock, Message, Recipient, Reply
from mailrail.model import reply as say

DAY_US: Final = 86_400 * SECOND_US
_ANY_AGE: Final = 998
_BATV: Final = b"prvs"


@dataclass(frozen=True, slots=True)
class Returned:
    """Whose a reverse-path of ours is.

    Attributes:
        address: where its mail goes.
        leads_out: to who sent what we forwarded, for whom everybody may write through us.
    """

    address: Address
    leads_out: bool


class SignedPaths:
    """Signs what leaves and checks what comes back.

    Args:
        domains: those that mail is taken for, canonical; the first is SRS's, unless the settings name another.
        keys: None: there never were any, so nothing is signed and nothing recognised.

    Attributes:
        domains: those in whose name a reverse-path may be signed, that of SRS included.
    """

    def __init__(
        self,
        srs_settings: SrsSettings,
        batv_settings: BatvSettings,
        domains: Collection[str],
        keys: SigningKeys | None,
        clock: Clock,
    ) -> None:
        self._srs = srs_settings
        self._batv = batv_settings
        self._domains = frozenset(domains)
        self._clock = clock
        self.domain = srs_settings.domain or next(iter(domains), "")
        self.domains = self._domains | {self.domain}
        self._keys = self._batv_keys = keys
        self.use_keys(keys)

    def use_keys(self, keys: SigningKeys | None) -> None:
        """Sign and check by *keys* from now on."""
        self._keys = keys
        self._batv_keys = None if keys is None else keys.derived(_BATV)

    @property
    def keep_us(self) -> int:
        """How long what is signed now is good, microseconds."""
        return max(self._srs.max_age_days, self._batv.max_age_days) * DAY_US

    def leaving(self, message: Message, recipient: Recipient) -> Address | None:
        """Return the reverse-path with which the mail to *recipient* leaves us.

        There may be no room for a longer one; then it leaves as it is.
        """
        path = recipient.returns_to or message.envelope.reverse_path
        if path is None or self._keys is None or recipient.forward_path.domain in self._domains:
            return path
        if path.domain not in self._domains:
            is_strange = recipient.is_forwarded and recipient.returns_to is None
            return (self.forwarded(path) or path) if is_strange and self._srs.rewrite else path
        is_own = message.origin.is_local or recipient.returns_to is not None
        return (self.tagged(path) or path) if is_own and self._batv.sign else path

    def forwarded(self, sender: Address) -> Address | None:
        """Return the reverse-path that leads back to *sender*; None: there is no room, no domain or no key for it."""
        if self._keys is None or not self.domain:
            return None
        now_us = self._clock.now_us()
        key = self._keys.signing(now_us)
        length = self._srs.hash_length
        return srs.forward(sender, self.domain, key, day=now_us // DAY_US, hash_length=length)

    def tagged(self, path: Address) -> Address | None:
        """Return *path* under a tag; None: there is no room or no key for it."""
        if self._batv_keys is None:
            return None
        if is_signed(path):  # once is enough
            return path
        now_us = self._clock.now_us()
        key = self._batv_keys.signing(now_us)
        return batv.sign(path, key, day=now_us // DAY_US, max_age_days=self._batv.max_age_days)

    def arriving(
        self, address: Address, *, is_notice: bool, is_trusted: bool = False
    ) -> Returned | Reply | None:
        """Find out whose *address* is.

        Args:
            is_notice: its mail has the null reverse-path.
            is_trusted: the client is one of ours, who may return what never left our domains and so is not signed.

        Returns:
            The refusal, where it is a reverse-path of ours no longer, or never was; None: it is an address like any other.
        """
        if address.domain == self.domain and srs.is_srs(address) and self._keys is not None:
            return self._returned(address, is_notice=is_notice)
        if address.domain not in self._domains:
            return None
        if batv.is_tagged(address):
            return self._untagged(address, is_notice=is_notice)
        is_exempt = is_trusted or not is_notice or address.local_part.lower() in ROLE_MAILBOXES
        return say.UNSIGNED_BOUNCE if self._batv.refuse_unsigned and not is_exempt else None

    def reverse(self, address: Address) -> Address | Flaw:
        """Return whom an address made by SRS leads back to."""
        return srs.reverse(
            address,
            () if self._keys is None else self._keys.verifying,
            day=self._clock.now_us() // DAY_US,
            max_age_days=self._srs.max_age_days,
            hash_length=self._srs.hash_length,
        )

    def _returned(self, address: Address, *, is_notice: bool) -> Returned | Reply:
        """Let notices go back to who sent what we forwarded; nobody else has any business there."""
        found = self.reverse(address)
        if isinstance(found, Flaw):
            return say.BAD_RETURN_PATH.with_text(f"This return address {found.value}")
        return Returned(found, leads_out=True) if is_notice else say.NOTICES_ONLY

    def _untagged(self, address: Address, *, is_notice: bool) -> Returned | Reply | None:
        """Take the tag off. Mail that is no notice may come late: some write to whatever stands in Return-Path."""
        is_on = self._batv.sign or self._batv.refuse_unsigned
        found = batv.verify(
            address,
            () if self._batv_keys is None else self._batv_keys.verifying,
            day=self._clock.now_us() // DAY_US,
            max_age_days=self._batv.max_age_days if is_notice else _ANY_AGE,
        )
        if not isinstance(found, Flaw):
            return Returned(found, leads_out=False)
        return say.BAD_RETURN_PATH.with_text(f"This return address {found.value}") if is_on else None


def is_signed(address: Address) -> bool:
    """Tell whether *address* has the form of a reverse-path that is signed, by us or by others."""
    return srs.is_srs(address) or batv.is_tagged(address)
