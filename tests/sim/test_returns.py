"""A64, A66: hours of crashes and outages on the way back: mail leaves by SRS and BATV, a server further on refuses it, and its bounces find the writers.

`mx` forwards what is for team.example and for a list to good.example, which takes it, and to away.example, which is at `out`: a mailrail that
knows no names and so takes all, until its own mailbox server refuses some. The bounces that `out` writes go to reverse-paths that `mx` has signed, and through
it to whom they are of: strangers, whom everybody may write to by SRS, people of home.example, who get no bounce without a signature, and
the owner of the list.
"""

import asyncio
from collections.abc import Iterator

import pytest

from mailrail.addresses import SignedPaths, SigningKeys
from mailrail.addresses.signing_keys import SigningKey
from mailrail.addresses.srs import Flaw
from mailrail.config import MailrailSettings
from mailrail.daemon.keyring import Keyring
from mailrail.model import Address
from mailrail.net import Endpoint
from mailrail.sim import faults, seeded, simulate
from mailrail.sim.fleet import SMTP, Fleet
from mailrail.sim.ledger import Meant
from mailrail.sim.link import Link
from mailrail.sim.posting import Wanted
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Place, Stranger
from mailrail.sim.traffic import Kind, Traffic

HOUR_S = 3600.0
MX, OUT = Endpoint("192.0.2.1", SMTP), Endpoint("192.0.2.2", SMTP)
HOME, AWAY = Endpoint("192.0.2.30", SMTP), Endpoint("192.0.2.31", SMTP)
NAME = "[a-z]+[0-9]+-[0-9]+"
RULES = {
    f"^owner-{NAME}@list\\.example$": "keeper@good.example",
    f"^({NAME})@list\\.example$": ["$1@good.example", "$1@away.example"],
    "^(bob|ann)": "",
}
DOMAINS = {
    "team.example": {"catch_all": ["@good.example", "@away.example"]},
    "list.example": {"aliases": ["rules"]},
    "home.example": {"relay_to": str(HOME), "mailboxes": ["rules"]},
}


@pytest.fixture(autouse=True)
def _keys_outlive_every_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie in a file that is read through no door of the simulator."""
    keys = SigningKeys((SigningKey(0, b"of a simulation, thirty-two octets"),))

    def begin(self: Keyring, settings: MailrailSettings) -> SigningKeys | None:
        self._keys = keys if settings.srs.rewrite else None
        return self._keys

    async def look(self: Keyring) -> SigningKeys | None:
        return self._keys

    monkeypatch.setattr(Keyring, "begin", begin)
    monkeypatch.setattr(Keyring, "look", look)


def stands_for(one: Wanted) -> Iterator[Meant]:
    """Say the same as the settings, in other words (RFC 3461 §5.2.7)."""
    name, _, domain = one.address.partition("@")
    words = one.notify.split(",") if one.notify else []
    if domain == "home.example":
        yield Meant(one)
        return
    if domain == "away.example":
        yield Meant(one, leads_back=True)
        return
    if "SUCCESS" in words:
        yield Meant(Wanted(one.address, "SUCCESS"), is_answered=True)
    rest = ",".join(word for word in words if word != "SUCCESS") or ("NEVER" if words else "")
    for other in ("good.example", "away.example"):
        if domain == "team.example":
            yield Meant(Wanted(f"{name}@{other}", rest), leads_back=True)
        else:
            owner = f"owner-{one.address}"
            yield Meant(Wanted(f"{name}@{other}"), sender=owner, told="keeper@good.example", leads_back=True)


def town(seed: int, hours: float) -> Fleet:
    fleet = Fleet(seed, Link(latency_s=0.02, jitter_s=0.03, bytes_per_s=1e6), is_told=False)
    fleet.ledger.stands_for = stands_for

    def place(name: str) -> Place:
        return Place(f"{name}.example", fleet.ledger, seeded(f"{name} {seed}"))

    fleet.stranger(Stranger(place("mail.good")), "192.0.2.32", "good.example")
    fleet.stranger(Stranger(place("mail.home")), HOME.host)
    fleet.stranger(Stranger(place("mail.away")), AWAY.host)
    fleet.zone.add(dict.fromkeys(DOMAINS, ("MX 10 mx.sim.example",)))
    fleet.zone.add({"away.example": ("MX 10 out.sim.example",)})
    fleet.node(
        "mx", MX.host,
        domain=DOMAINS, table={"rules": {"kind": "regex", "rules": RULES}}, relay={"networks": ["10.0.0.0/8"]},
        srs={"domain": "team.example"}, batv={"sign": True, "refuse_unsigned": True},
    )  # fmt: skip
    fleet.node("out", OUT.host, domain={"away.example": {"relay_to": str(AWAY)}})
    fleet.watch()
    names = ("mail.good.example", "mail.home.example", "mail.away.example")
    plan = faults.draw(seeded(f"faults {seed}"), hours / 24, ("mx", "out"), names, crashes_a_day=30.0)
    faults.carry_out(plan, fleet)
    return fleet


async def _main(seed: int, hours: float) -> Fleet:
    fleet = town(seed, hours)
    traffic = Traffic(fleet.ledger, seeded(f"traffic {seed}"))
    strangers = Kind(
        ("good.example",), {"team.example": 2.0, "list.example": 2.0, "home.example": 1.0},
        most_recipients=3, bad_share=0.3, null_share=0.05, dsn_share=0.4,
    )  # fmt: skip
    ours = Kind(
        ("home.example",), {"team.example": 1.0, "list.example": 1.0, "away.example": 2.0},
        most_recipients=3, bad_share=0.3, null_share=0.05, dsn_share=0.4,
    )  # fmt: skip
    await asyncio.sleep(1)
    async with asyncio.TaskGroup() as tasks:
        for kind, name, address in ((strangers, "others", "198.51.100.7"), (ours, "members", "10.0.0.7")):
            route = Route(fleet.clients(name, address), (("mx", MX),))
            tasks.create_task(traffic.people(kind, route, 12.0, hours * HOUR_S))
    await asyncio.sleep(4 * HOUR_S)  # so that what can come back has
    await fleet.finish()
    return fleet


def words(fleet: Fleet) -> str:
    return "\n".join(f"{one.rule}: {one.words} {one.history}" for one in fleet.ledger.violations[:3])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_every_bounce_of_mail_that_left_under_a_signed_path_finds_its_writer(seed: int) -> None:
    fleet = simulate(_main(seed, 5.0), seed)
    assert fleet.ledger.violations == [], words(fleet)
    books = fleet.ledger.books
    assert books.counts["crashes"] > 3
    assert books.counts["delivered"] > 100
    assert not [copy.history() for copy in books.copies.values() if copy.dead_notices], "every writer exists"
    returned = [
        (copy.posting.sender, path, fortune)
        for copy in books.copies.values()
        for path, fortune in copy.fortunes.items()
        if fortune.bounces and path.endswith("@away.example")
    ]
    assert any(sender.endswith("@good.example") and not one.told for sender, _, one in returned), "by SRS"
    assert any(sender.endswith("@home.example") and not one.told for sender, _, one in returned), "by BATV"
    assert any(one.told for _, _, one in returned), "to the owner of a list"


@pytest.mark.slow
@pytest.mark.parametrize("becomes", [Flaw.FORGED, Address("ann0", "home.example")])
def test_the_books_notice_a_way_back_that_leads_nowhere_or_to_somebody_else(
    becomes: Flaw | Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SignedPaths, "reverse", lambda _self, _address: becomes)
    books = simulate(_main(1, 1.0), 1).ledger.books
    if isinstance(becomes, Flaw):
        assert any(copy.dead_notices for copy in books.copies.values())
    else:
        assert "notice" in {one.rule for one in books.violations}


@pytest.mark.slow
def test_the_books_notice_forwarded_mail_that_leaves_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignedPaths, "forwarded", lambda _self, _sender: None)
    assert "sender" in {one.rule for one in simulate(_main(1, 1.0), 1).ledger.violations}
