"""A64, A66: hours of crashes and outages on a node that expands aliases and lists: everybody gets his copy, and who should hears of trouble."""

import asyncio
from collections.abc import Iterator

import pytest

from mailrail.delivery import reverse_paths
from mailrail.model import Address, Message, Recipient
from mailrail.net import Endpoint
from mailrail.sim import faults, seeded, simulate
from mailrail.sim.fleet import SMTP, Fleet
from mailrail.sim.ledger import Meant
from mailrail.sim.link import Link
from mailrail.sim.posting import Wanted
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Dropper, Greylister, Place, Stranger
from mailrail.sim.traffic import Kind, Traffic

HOUR_S = 3600.0
MX, HOME = Endpoint("192.0.2.1", SMTP), Endpoint("192.0.2.30", SMTP)
NAME = "[a-z]+[0-9]+-[0-9]+"
RULES = {
    f"^owner-{NAME}@list\\.example$": "keeper@good.example",
    f"^({NAME})@list\\.example$": ["$1@good.example", "$1@dropping.example", "$1@home.example"],
    "^bob": "",
}
DOMAINS = {
    "team.example": {"catch_all": ["@good.example", "@grey.example", "@home.example"]},
    "list.example": {"aliases": ["rules"]},
    "home.example": {"relay_to": str(HOME), "mailboxes": ["rules"]},
}


def stands_for(one: Wanted) -> Iterator[Meant]:
    """Say the same as the settings, in other words (RFC 3461 §5.2.7)."""
    name, _, domain = one.address.partition("@")
    words = one.notify.split(",") if one.notify else []
    if domain not in ("team.example", "list.example"):
        yield Meant(one)
        return
    if "SUCCESS" in words:
        yield Meant(Wanted(one.address, "SUCCESS"), is_answered=True)
    if domain == "team.example":
        rest = ",".join(word for word in words if word != "SUCCESS") or ("NEVER" if words else "")
        for other in ("good.example", "grey.example", "home.example"):
            yield Meant(Wanted(f"{name}@{other}", rest))
        return
    for other in ("good.example", "dropping.example", "home.example"):
        yield Meant(Wanted(f"{name}@{other}"), sender=f"owner-{one.address}", told="keeper@good.example")


async def _main(seed: int, hours: float) -> Fleet:
    fleet = Fleet(seed, Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6), is_told=False)
    fleet.ledger.stands_for = stands_for

    def place(name: str) -> Place:
        return Place(f"{name}.example", fleet.ledger, seeded(f"{name} {seed}"))

    fleet.stranger(Stranger(place("mail.good")), "192.0.2.31", "good.example")
    fleet.stranger(Greylister(place("mail.grey")), "192.0.2.32", "grey.example")
    fleet.stranger(Dropper(place("mail.dropping")), "192.0.2.34", "dropping.example")
    fleet.stranger(Stranger(place("mail.home")), HOME.host)
    fleet.node("mx", MX.host, domain=DOMAINS, table={"rules": {"kind": "regex", "rules": RULES}})
    fleet.watch()
    names = ("mail.good.example", "mail.grey.example", "mail.dropping.example", "mail.home.example")
    plan = faults.draw(seeded(f"faults {seed}"), hours / 24, ("mx",), names, crashes_a_day=40.0)
    faults.carry_out(plan, fleet)
    traffic = Traffic(fleet.ledger, seeded(f"traffic {seed}"))
    route = Route(fleet.clients("others", "198.51.100.7"), (("mx", MX),))
    kind = Kind(
        ("good.example",),
        {"team.example": 2.0, "list.example": 2.0, "home.example": 1.0},
        most_recipients=3,
        bad_share=0.15,
        null_share=0.05,
        dsn_share=0.4,
    )
    await asyncio.sleep(1)
    await traffic.people(kind, route, 20.0, hours * HOUR_S)
    await fleet.finish()
    return fleet


def words(fleet: Fleet) -> str:
    return "\n".join(f"{one.rule}: {one.words} {one.history}" for one in fleet.ledger.violations[:3])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_everybody_for_whom_an_address_stands_gets_his_copy(seed: int) -> None:
    fleet = simulate(_main(seed, 6.0), seed)
    assert fleet.ledger.violations == [], words(fleet)
    counts = fleet.ledger.books.counts
    assert counts["crashes"] > 3
    assert counts["delivered"] > 200
    fortunes = [one for copy in fleet.ledger.books.copies.values() for one in copy.fortunes.values()]
    assert any(one.told and one.bounces for one in fortunes), "an owner heard of trouble"
    assert any(not one.told and one.bounces for one in fortunes), "and so did writers"
    assert any(one.is_gone and one.successes for one in fortunes), "an address answered for itself"


@pytest.mark.slow
def test_the_books_notice_a_list_whose_mail_comes_from_its_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves_as(message: Message, recipient: Recipient) -> Address | None:
        return message.envelope.reverse_path

    monkeypatch.setattr(reverse_paths, "as_it_came", leaves_as)
    monkeypatch.setattr("mailrail.addresses.SignedPaths.leaving", lambda _, *facts: leaves_as(*facts))
    assert "sender" in {one.rule for one in simulate(_main(1, 1.0), 1).ledger.violations}
