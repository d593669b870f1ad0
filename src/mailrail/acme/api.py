"""Floor 3 · acme — the two doors of a renewal: who signs, and how we prove that a name is ours."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mailrail.model import MailrailError


class AcmeError(MailrailError):
    """A certificate could not be fetched; the message says at which step, and why."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What must be shown for one name.

    Attributes:
        domain: the name, in A-labels.
        token: chosen by the authority, base64url.
        key_authorization: the answer (RFC 8555 §8.1).
    """

    domain: str
    token: str
    key_authorization: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the answer, as tls-alpn-01 and dns-01 show it."""
        return hashlib.sha256(self.key_authorization.encode()).digest()

    @property
    def dns_name(self) -> str:
        """Where dns-01 wants its TXT record (RFC 8555 §8.4)."""
        return f"_acme-challenge.{self.domain.removeprefix('*.')}"

    @property
    def dns_value(self) -> str:
        """What that record says."""
        return base64.urlsafe_b64encode(self.digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that was asked for.

    Attributes:
        challenges: what is still to be shown; none where the authority remembers an earlier proof.
        handle: the authority's own, to finish it with.
    """

    challenges: tuple[Challenge, ...]
    handle: Any


class Authority(Protocol):
    """Signs certificates. It waits for a network, so every call is made in a thread, and is short: none can be cancelled."""

    def order(self, csr_pem: bytes, kind: str) -> Order:
        """Ask for a certificate.

        Args:
            csr_pem: the request, with every name in it.
            kind: how names are to be proven: "http-01", "tls-alpn-01" or "dns-01".

        Raises:
            AcmeError: it was refused, or nobody answers.
        """
        ...

    def answer(self, order: Order) -> None:
        """Say that all is shown.

        Raises:
            AcmeError: nobody answers.
        """
        ...

    def look(self, order: Order) -> bytes | None:
        """Return the chain, PEM, or None while there is no verdict yet; called again after a moment.

        Raises:
            AcmeError: a proof was not accepted, or nobody answers.
        """
        ...


class Proof(Protocol):
    """Shows that names are ours, from `show` to `hide`."""

    async def show(self, challenges: Sequence[Challenge]) -> None:
        """Begin to show the answers.

        Raises:
            AcmeError: it cannot be done here.
        """
        ...

    async def hide(self) -> None:
        """Show them no more; called in any case, and never raises."""
        ...
