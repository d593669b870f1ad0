"""Mail to reverse-paths that we signed: bounces go back to whose they are, and nothing else may leave by them (A31)."""

from ipaddress import ip_network
from random import Random

import pytest
from tests.unit.addresses.golden import read_site
from tests.unit.intake.door import Doorway, make_doorway
from tests.unit.receive.test_reception import answers, envelopes
from tests.unit.server.lobby import FRIEND, STRANGER, Lobby, make_lobby, play

from mailrail.addresses import (
    Addresses,
    BatvSettings,
    SignedPaths,
    SigningKey,
    SigningKeys,
    Sources,
    SrsSettings,
    new_secret,
)
from mailrail.model import Address, SystemClock, parse_address
from mailrail.observe import Bus, Event
from mailrail.policy import RelayRules
from mailrail.receive import Duty, Reception
from mailrail.receive.events import MailReturned

DOMAINS = ("example.net", "plain.example")
NOTICE, LETTER = b"MAIL FROM:<>", b"MAIL FROM:<ann@example.com>"
END = (b"DATA", b"Subject: x\r\n\r\ntext\r\n.")
SUE, INFO = parse_address("sue+%x@far.example"), parse_address("info@example.net")
KEYS = SigningKeys.of([SigningKey(0, new_secret(Random(1)))])
BATV = BatvSettings(sign=True, refuse_unsigned=True)
SIGNED = SignedPaths(SrsSettings(), BATV, DOMAINS, KEYS, SystemClock())


def make_site(*, has_addresses: bool = True, signed: SignedPaths = SIGNED) -> tuple[Lobby, Doorway]:
    doorway = make_doorway()
    site = read_site(
        {"domain": {"example.net": {"alias": {"info": ["bob@plain.example"]}}, "plain.example": {}}}
    )
    duty = Duty(
        intake=doorway.intake,
        rules=RelayRules((ip_network("10.0.0.0/8"),), DOMAINS),
        hostname="mx.example",
        addresses=Addresses(site.expander, Sources(tables={}), Bus(), message_recipients=100)
        if has_addresses
        else None,
        signed_paths=signed,
    )
    return make_lobby(Reception.for_duty(duty)), doorway


def to(address: Address | None) -> bytes:
    return f"RCPT TO:<{address}>".encode()


@pytest.mark.parametrize("has_addresses", [True, False])
def test_a_bounce_goes_back_through_us_to_who_sent_what_we_forwarded(has_addresses: bool) -> None:
    async def scenario() -> None:
        lobby, doorway = make_site(has_addresses=has_addresses)
        events: list[Event] = []
        doorway.intake.bus.listen(events.append, (MailReturned,))
        path = SIGNED.forwarded(SUE)
        said = await answers(lobby.greeted(STRANGER), NOTICE, to(path), to(path), *END)
        assert [answer[:3] for answer in said] == ["250", "250", "250", "354", "250"]
        (envelope,) = envelopes(doorway)
        assert envelope.reverse_path is None
        assert [one.forward_path for one in envelope.recipients] == [SUE]
        (first, _) = events
        assert isinstance(first, MailReturned)
        assert (first.address, first.goes_to) == (str(path), str(SUE))
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    ("host", "mail", "address", "reply"),
    [
        (STRANGER, NOTICE, Address("SRS0=AAAAAA=22=far.example=sue", "example.net"), "550 5.1.1 This return address was not made here"),
        (FRIEND, NOTICE, Address("SRS0=AAAAAA=22=far.example=sue", "example.net"), "550 5.1.1 This return address was not made here"),
        (STRANGER, LETTER, SIGNED.forwarded(SUE), "550 5.7.1 This return address takes delivery notices only"),
        (STRANGER, NOTICE, SUE, "550 5.7.1 Relaying denied"),
        (STRANGER, NOTICE, INFO, "550 5.7.1 That message was not from here"),
        (STRANGER, NOTICE, Address("prvs=0123abcdef=info", "example.net"), "550 5.1.1 This return address was not made here"),
        (FRIEND, NOTICE, INFO, "250"),
        (STRANGER, LETTER, INFO, "250"),
        (STRANGER, NOTICE, SIGNED.tagged(INFO), "250"),
        (STRANGER, LETTER, SIGNED.tagged(INFO), "250"),
        (STRANGER, NOTICE, parse_address("Postmaster@example.net"), "250"),
        (STRANGER, NOTICE, SIGNED.tagged(parse_address("nobody@example.net")), "550 5.1.1 No such user here"),
    ],
)  # fmt: skip
def test_a31_a63_forged_late_and_unsigned_bounces_are_refused_where_they_come_in(
    host: str, mail: bytes, address: Address, reply: str
) -> None:
    async def scenario() -> None:
        lobby, _ = make_site()
        _, answer = await answers(lobby.greeted(host), mail, to(address))
        assert answer.startswith(reply)
        await lobby.server.stop(0)

    play(scenario)


def test_a_return_address_in_a_domain_kept_for_them_is_looked_at_whoever_writes_to_it() -> None:
    async def scenario() -> None:
        signed = SignedPaths(SrsSettings(domain="bounces.example"), BATV, DOMAINS, KEYS, SystemClock())
        lobby, doorway = make_site(signed=signed)
        forged = Address("SRS0=AAAAAA=22=far.example=sue", "bounces.example")
        client = lobby.greeted(FRIEND)
        said = await answers(client, NOTICE, to(forged), to(signed.forwarded(SUE)), *END)
        assert said[1].startswith("550 5.1.1 This return address was not made here")
        assert [one.forward_path for one in envelopes(doorway)[0].recipients] == [SUE]
        await lobby.server.stop(0)

    play(scenario)


def test_a_bounce_to_one_of_our_own_is_resolved_like_any_other_mail() -> None:
    async def scenario() -> None:
        lobby, doorway = make_site()
        await answers(lobby.greeted(STRANGER), NOTICE, to(SIGNED.tagged(INFO)), *END)
        (envelope,) = envelopes(doorway)
        assert [str(one.forward_path) for one in envelope.recipients] == ["bob@plain.example"]
        await lobby.server.stop(0)

    play(scenario)
