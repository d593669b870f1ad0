"""A66, A67: a day of crashes, power cuts and failing disks on a node that keeps mail in a Maildir and in an mbox of its own."""

import asyncio

import pytest

from mailrail.agents import classify
from mailrail.agents.maildir import MaildirDeposit
from mailrail.model import Outcome
from mailrail.net import Endpoint
from mailrail.sim import faults, seeded, simulate
from mailrail.sim.fleet import SMTP, Fleet
from mailrail.sim.link import Link
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Place, Stranger
from mailrail.sim.traffic import Kind, Traffic

HOUR_S = 3600.0
MX = Endpoint("192.0.2.1", SMTP)


async def _main(seed: int, hours: float) -> Fleet:
    fleet = Fleet(seed, Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6), is_told=False)
    place = Place("mail.good.example", fleet.ledger, seeded(f"good {seed}"))
    fleet.stranger(Stranger(place), "192.0.2.31", "good.example")
    fleet.node(
        "mx",
        MX.host,
        domain={
            "kept.example": {"deliver": "maildir"},
            "old.example": {"deliver": "mbox"},
            "void.example": {"deliver": "discard"},
            "gone.example": {"deliver": "error"},
        },
        agent={
            "maildir": {"kind": "maildir", "path": "/vmail/{domain}", "quota": "1 GiB"},
            "mbox": {"kind": "mbox", "path": "/mbox/{domain}"},
        },
    )
    fleet.watch()
    plan = faults.draw(seeded(f"faults {seed}"), hours / 24, ("mx",), (place.name,), crashes_a_day=40.0)
    faults.carry_out(plan, fleet)
    traffic = Traffic(fleet.ledger, seeded(f"traffic {seed}"))
    route = Route(fleet.clients("others", "198.51.100.7"), (("mx", MX),))
    kind = Kind(
        ("good.example", "kept.example"),
        {"kept.example": 4.0, "old.example": 2.0, "void.example": 0.5, "gone.example": 0.5},
        most_recipients=4,
        null_share=0.05,
        dsn_share=0.3,
        size_bytes=(600, 600_000),
    )
    await asyncio.sleep(1)
    await traffic.people(kind, route, 30.0, hours * HOUR_S)
    await fleet.finish()
    return fleet


def words(fleet: Fleet) -> str:
    return "\n".join(f"{one.rule}: {one.words} {one.history}" for one in fleet.ledger.violations[:3])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_mail_in_mailboxes_is_whole_there_once_and_told_of(seed: int) -> None:
    fleet = simulate(_main(seed, 8.0), seed)
    assert fleet.ledger.violations == [], words(fleet)
    counts = fleet.ledger.books.counts
    assert counts["crashes"] > 3
    assert counts["delivered"] > 100
    assert counts["bounced"] > 5


@pytest.mark.slow
def test_the_books_notice_mail_that_is_only_said_to_be_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(self: MaildirDeposit) -> Outcome:
        self.abort()
        return classify.delivered()

    monkeypatch.setattr(MaildirDeposit, "finish", finish)
    fleet = simulate(_main(1, 2.0), 1)
    assert "lost" in {one.rule for one in fleet.ledger.violations}
