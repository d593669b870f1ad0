"""When a certificate is fetched, and what becomes of every way in which that can fail; in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mailrail.acme import AcmeError, AcmeSettings, CertificateNotObtained, CertificateObtained, Order, Renewal
from mailrail.acme.renewal import FIRST_WAIT_S, LONGEST_WAIT_S, due_us, wait_s
from mailrail.model import SECOND_US, utc
from mailrail.net import CertificateFacts, certificate_facts
from mailrail.observe import Bus, Event
from mailrail.sim import SimClock, seeded, simulate

HOST = "mx.example.org"
DAY_S = 86_400
LIFE_DAYS = 90


class FakeAuthority:
    """Signs what it is asked to, or fails as it was told."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self.orders = 0
        self.looks_before_verdict = 2
        self.failing: Exception | None = None
        self._looks = 0

    def order(self, csr_pem: bytes, kind: str) -> Order:
        self.orders += 1
        self._looks = 0
        if self.failing is not None:
            raise self.failing
        return Order((), x509.load_pem_x509_csr(csr_pem))

    def answer(self, order: Order) -> None: ...

    def look(self, order: Order) -> bytes | None:
        self._looks += 1
        if self._looks <= self.looks_before_verdict:
            return None
        request: x509.CertificateSigningRequest = order.handle
        now = utc(self.clock.now_us())
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        certificate = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(x509.Name([]))
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=LIFE_DAYS))
            .add_extension(names, critical=False)
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM)


@dataclass
class FakeProof:
    """Writes down when it was shown and hidden."""

    calls: list[str] = field(default_factory=list)
    failing: AcmeError | None = None

    async def show(self, challenges: Sequence[object]) -> None:
        self.calls.append("show")
        if self.failing is not None:
            raise self.failing

    async def hide(self) -> None:
        self.calls.append("hide")


class Site:
    def __init__(self, folder: Path, *domains: str) -> None:
        self.clock, self.proof, self.events = SimClock(), FakeProof(), list[Event]()
        self.authority = FakeAuthority(self.clock)
        self.changes = 0
        bus = Bus()
        bus.listen(self.events.append)
        self.renewal = Renewal(
            AcmeSettings(domains=domains or (HOST,), agree_to_terms=True),
            folder / "tls" / "acme.pem",
            self.authority,
            self.proof,
            clock=self.clock,
            rng=seeded(),
            bus=bus,
            changed=self._changed,
        )

    async def _changed(self) -> None:
        self.changes += 1

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


def live(site: Callable[[], Site], scenario: Callable[[Site], Awaitable[None]]) -> None:
    """Let *scenario* see a renewal that runs."""

    async def main() -> None:
        made = site()
        running = asyncio.ensure_future(made.renewal.run())
        try:
            await scenario(made)
            assert not running.done()
        finally:
            running.cancel()

    simulate(main())


def test_without_a_certificate_one_is_fetched_at_once_and_put_in_force(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await asyncio.sleep(60)
        assert site.changes == 1
        assert site.proof.calls == ["show", "hide"]
        (obtained,) = site.told(CertificateObtained)
        assert obtained.names == (HOST,)
        assert certificate_facts(site.renewal.file).names == (HOST,)
        assert b"BEGIN PRIVATE KEY" in site.renewal.file.read_bytes()

    live(lambda: Site(tmp_path), scenario)


def test_it_is_renewed_when_a_third_of_its_life_is_left_and_not_before(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await asyncio.sleep(56 * DAY_S)
        assert site.authority.orders == 1
        await asyncio.sleep(5 * DAY_S)
        assert site.authority.orders == 2
        await asyncio.sleep(110 * DAY_S)
        assert site.authority.orders == 3
        assert site.told(CertificateNotObtained) == []

    live(lambda: Site(tmp_path), scenario)


def test_a_start_with_a_good_certificate_fetches_none(tmp_path: Path) -> None:
    async def wait(site: Site) -> None:
        await asyncio.sleep(60)

    async def again(site: Site) -> None:
        await asyncio.sleep(DAY_S)
        assert site.authority.orders == 0

    live(lambda: Site(tmp_path), wait)
    live(lambda: Site(tmp_path), again)


def test_other_names_in_the_settings_fetch_another(tmp_path: Path) -> None:
    async def wait(site: Site) -> None:
        await asyncio.sleep(60)
        assert site.authority.orders == 1

    live(lambda: Site(tmp_path), wait)
    live(lambda: Site(tmp_path, HOST, "mail.example.org"), wait)


def test_failures_are_told_and_tried_again_later_and_later(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.authority.failing = AcmeError("too busy")
        await asyncio.sleep(3600)
        waits = [event.wait_s for event in site.told(CertificateNotObtained)]
        assert waits == sorted(waits)
        assert len(waits) in (2, 3)
        await asyncio.sleep(5 * DAY_S)
        assert site.told(CertificateNotObtained)[-1].wait_s >= 0.9 * LONGEST_WAIT_S
        site.authority.failing = None
        await asyncio.sleep(1.2 * DAY_S)
        assert site.changes == 1

    live(lambda: Site(tmp_path), scenario)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("token")])
def test_what_no_authority_should_send_is_one_more_failure_and_no_end(
    tmp_path: Path, error: Exception
) -> None:
    async def scenario(site: Site) -> None:
        site.authority.failing = error
        await asyncio.sleep(60)
        assert "Traceback" in site.told(CertificateNotObtained)[0].reason

    live(lambda: Site(tmp_path), scenario)


def test_a_proof_that_cannot_be_shown_is_hidden_all_the_same(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.proof.failing = AcmeError("port 80 is taken")
        await asyncio.sleep(60)
        assert site.proof.calls == ["show", "hide"]
        assert "port 80 is taken" in site.told(CertificateNotObtained)[0].reason

    live(lambda: Site(tmp_path), scenario)


def test_an_authority_that_never_decides_is_given_up(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.authority.looks_before_verdict = 10_000
        await asyncio.sleep(300)
        assert "has not decided" in site.told(CertificateNotObtained)[0].reason

    live(lambda: Site(tmp_path), scenario)


def test_an_operator_gets_a_new_one_or_the_reason_why_not(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await asyncio.sleep(60)
        facts = await site.renewal.renew()
        assert facts.names == (HOST,)
        assert site.changes == 2
        site.authority.failing = AcmeError("too many certificates already")
        with pytest.raises(AcmeError, match="too many"):
            await site.renewal.renew()
        assert site.told(CertificateNotObtained)[-1].wait_s == 0

    live(lambda: Site(tmp_path), scenario)


def test_an_operators_success_ends_the_wait_after_a_failure(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        site.authority.failing = AcmeError("too busy")
        await asyncio.sleep(60)
        site.authority.failing = None
        await site.renewal.renew()
        await asyncio.sleep(DAY_S)
        assert site.authority.orders == 2

    live(lambda: Site(tmp_path), scenario)


def test_a_place_that_cannot_be_written_keeps_the_old_certificate(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await asyncio.sleep(60)
        assert "cannot be written" in site.told(CertificateNotObtained)[0].reason
        assert site.changes == 0

    live(lambda: Site(tmp_path / "no" / "such"), scenario)


# -- the two rules of time ---------------------------------------------------------------------------


@pytest.mark.parametrize(("draw", "days"), [(0.0, 60), (0.1, 57)])
def test_the_day_of_renewal_is_drawn_from_a_tenth_of_the_last_third(draw: float, days: int) -> None:
    facts = CertificateFacts(Path("/a"), (HOST,), "", 0, 90 * DAY_S * SECOND_US, is_self_signed=False)
    assert due_us(facts, lambda low, high: draw) == days * DAY_S * SECOND_US


def test_the_wait_doubles_up_to_a_day() -> None:
    def middle(low: float, high: float) -> float:
        return (low + high) / 2

    assert [wait_s(failures, middle) for failures in (1, 2, 3)] == [
        FIRST_WAIT_S,
        2 * FIRST_WAIT_S,
        4 * FIRST_WAIT_S,
    ]
    assert wait_s(1000, middle) == LONGEST_WAIT_S
