"""Floor 3 · acme — when a certificate is fetched anew, and how: the one task of this room.

A third of its life before it ends, with jitter, so that hosts that were set up together do not come together; after a
failure later and later, for authorities count failures. Whatever happens, what is in force stays in force: the new
certificate only takes the place of the old one whole, with its key, on the disk.
"""

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailrail.acme.api import AcmeError, Authority, Proof
from mailrail.acme.events import CertificateNotObtained, CertificateObtained
from mailrail.acme.settings import AcmeSettings
from mailrail.model import SECOND_US, Clock, Rng, SettingsError, utc
from mailrail.net import CertificateFacts, certificate_facts, write_private
from mailrail.observe import Bus

FIRST_WAIT_S: Final = 900.0  # ours; Let's Encrypt allows 5 failures an hour for a name
LONGEST_WAIT_S: Final = 86_400.0
VERDICT_S: Final = 180.0  # ours; until the proofs are looked at and the certificate is signed
_LOOK_S: Final = 6 * 3600.0  # the wall clock may be set meanwhile
_SPREAD: Final = 0.1


def due_us(facts: CertificateFacts, uniform: Callable[[float, float], float]) -> int:
    """Return when a certificate is to be renewed: a third of its life before its end, or up to a tenth of that earlier."""
    third_us = (facts.ends_us - facts.begins_us) / 3
    return int(facts.ends_us - third_us * (1 + uniform(0, _SPREAD)))


def wait_s(failures: int, uniform: Callable[[float, float], float]) -> float:
    """Return how long to wait after so many *failures* in a row, at least one."""
    wait_s = min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 16), LONGEST_WAIT_S)
    return wait_s * (1 + uniform(-_SPREAD, _SPREAD))


class Renewal:
    """Fetches one certificate, and sees to it that there is always one.

    Args:
        settings: with at least one name.
        file: where key and chain are kept.
        authority: signs.
        proof: shows that the names are ours.
        changed: called after a new certificate stands in *file*.
    """

    def __init__(
        self,
        settings: AcmeSettings,
        file: Path,
        authority: Authority,
        proof: Proof,
        *,
        clock: Clock,
        rng: Rng,
        bus: Bus,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.file = file
        self._settings = settings
        self._authority = authority
        self._proof = proof
        self._clock = clock
        self._rng = rng
        self._bus = bus
        self._changed = changed
        self._failures = 0
        self._one_at_a_time = asyncio.Lock()
        self._again = asyncio.Event()

    async def run(self) -> None:
        """Renew whenever it is time, until cancelled."""
        while True:
            await self._until_due()
            try:
                await self._fetch()
            except AcmeError as error:
                self._failures += 1
                later_s = wait_s(self._failures, self._rng.uniform)
                self._tell_failure(str(error), later_s)
                await self._rest(later_s)

    async def renew(self) -> CertificateFacts:
        """Fetch one now, because somebody asks for it.

        Raises:
            AcmeError: it could not be done.
        """
        try:
            facts = await self._fetch()
        except AcmeError as error:
            self._tell_failure(str(error), 0.0)
            raise
        self._again.set()  # whoever waits for the old one's end, or after a failure, counts anew
        return facts

    # --- When -----------------------------------------------------------------------------------

    async def _until_due(self) -> None:
        while True:
            facts = await asyncio.get_running_loop().run_in_executor(None, self._known)
            if facts is None:
                return
            left_s = (due_us(facts, self._rng.uniform) - self._clock.now_us()) / SECOND_US
            if left_s <= 0:
                return
            await self._rest(min(left_s, _LOOK_S))

    def _known(self) -> CertificateFacts | None:
        """Return the certificate that we have, None if there is none or it is for other names."""
        try:
            facts = certificate_facts(self.file)
        except SettingsError:
            return None
        return facts if set(facts.names) == set(self._settings.domains) else None

    async def _rest(self, seconds: float) -> None:
        self._again.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._again.wait()

    # --- How ------------------------------------------------------------------------------------

    async def _fetch(self) -> CertificateFacts:
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            key_pem, csr_pem = await loop.run_in_executor(None, _request, self._settings.domains)
            try:
                chain_pem = await self._signed(csr_pem)
                facts = await loop.run_in_executor(None, self._keep, key_pem, chain_pem)
            except AcmeError:
                raise
            except Exception as error:  # the library meets what no authority should send
                raise AcmeError(f"a fault of ours: {traceback.format_exc()}") from error
            self._failures = 0
            self._bus.emit(
                CertificateObtained(
                    names=facts.names,
                    file=str(self.file),
                    ends=utc(facts.ends_us).strftime("%Y-%m-%d"),
                )
            )
            await self._changed()
            return facts

    async def _signed(self, csr_pem: bytes) -> bytes:
        loop, authority = asyncio.get_running_loop(), self._authority
        order = await loop.run_in_executor(None, authority.order, csr_pem, self._settings.challenge)
        try:
            await self._proof.show(order.challenges)
            await loop.run_in_executor(None, authority.answer, order)
            async with asyncio.timeout(VERDICT_S):
                while (chain := await loop.run_in_executor(None, authority.look, order)) is None:
                    await asyncio.sleep(1)
        except TimeoutError:
            raise AcmeError(f"the authority has not decided within {VERDICT_S:.0f} s") from None
        finally:
            await self._proof.hide()
        return chain

    def _keep(self, key_pem: bytes, chain_pem: bytes) -> CertificateFacts:
        try:
            write_private(self.file, key_pem + chain_pem)
            return certificate_facts(self.file)
        except OSError as error:
            raise AcmeError(f"{self.file} cannot be written: {error.strerror}") from error

    def _tell_failure(self, reason: str, later_s: float) -> None:
        self._bus.emit(
            CertificateNotObtained(names=self._settings.domains, reason=reason, wait_s=round(later_s))
        )


def _request(domains: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Make a new key, ECDSA P-256, and a request for a certificate for it; both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, domains[0])] if len(domains[0]) <= 64 else []
    )
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem, request.public_bytes(Encoding.PEM)
