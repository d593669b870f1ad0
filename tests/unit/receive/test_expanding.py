"""Addresses are resolved at RCPT: nobody is refused there, and what is kept is whom the mail goes to."""

import asyncio
from ipaddress import ip_network

import pytest
from tests.unit.addresses.golden import read_site, text_of
from tests.unit.intake.door import Doorway, make_doorway
from tests.unit.receive.test_reception import answers, envelopes
from tests.unit.server.lobby import FRIEND, STRANGER, Lobby, make_lobby, play

from mailrail.addresses import Addresses, Expander, Rewriter, RewritingRules, Sources
from mailrail.intake import RELAYED, Treatment
from mailrail.model import Envelope, parse_address
from mailrail.observe import Bus
from mailrail.policy import RelayRules
from mailrail.receive import Duty, Reception
from mailrail.tables import Table, TableError

DOMAINS = {
    "example.net": {
        "alias": {
            "info": ["ann@example.org", "bob"],
            "team": ["bob", "carol@example.org", "dan@example.org"],
            "loop": ["loop2"],
            "loop2": ["loop", "bob"],
            "far": "grü@example.org",
        },
        "mailboxes": ["people"],
        "aliases": ["slow"],
    },
    "plain.example": {},
}
MAIL = b"MAIL FROM:<ann@example.com>"
END = (b"DATA", b"Subject: x\r\n\r\ntext\r\n.")


class Slow:
    """A table of another server."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        self.asked.append(key)
        await asyncio.sleep(0.001)
        if key == "down@example.net":
            raise TableError("table slow: no connection to db.internal")
        return ("ann@example.org",) if key in self.keys else None

    def describe(self) -> str:
        return "slow"

    async def close(self) -> None:
        pass


class Names(Slow):
    """What people are called."""

    is_down = False

    async def look_up(self, key: str) -> tuple[str, ...] | None:
        await asyncio.sleep(0.001)
        if self.is_down:
            raise TableError("table names: no connection to db.internal")
        named = {"ann@example.com": "Ann.Example@example.com", "old@example.com": "new@example.com"}
        return (named[key],) if key in named else None


def make_site(most: int = 100, names: Names | None = None) -> tuple[Lobby, Doorway, Slow]:
    doorway, slow = make_doorway(), Slow("slow")
    site = read_site({"domain": {name: dict(table) for name, table in DOMAINS.items()}})
    tables: dict[str, Table] = {"people": Slow("bob"), "slow": slow}
    expander, rewriter = site.expander, None
    if names is not None:
        tables["names"] = names
        rules = RewritingRules(sender=("names",), recipient=("names",))
        rewriter = Rewriter(rules, tables)
        expander = Expander(expander.domains, expander.ours, expander.bounds, rewriting=rules)
    duty = Duty(
        intake=doorway.intake,
        rules=RelayRules((ip_network("10.0.0.0/8"),), tuple(DOMAINS)),
        hostname="mx.example",
        postmaster=parse_address("postmaster@example.net"),
        addresses=Addresses(expander, Sources(tables=tables), Bus(), message_recipients=most),
        rewriter=rewriter,
        treatment=Treatment(completes=True, rewrite=rewriter.header) if rewriter else RELAYED,
    )
    return make_lobby(Reception.for_duty(duty)), doorway, slow


def sent_to(envelope: Envelope) -> list[str]:
    return [text_of(one) for one in envelope.recipients]


def test_what_is_kept_is_whom_the_mail_goes_to_each_once() -> None:
    async def scenario() -> None:
        lobby, doorway, _ = make_site()
        client = lobby.greeted()
        names = [
            b"Info@example.net",
            b"bob@example.net",
            b"slow@example.net",
            b"BOB@example.net",
            b"x@plain.example",
        ]
        said = await answers(client, MAIL, *(b"RCPT TO:<" + name + b">" for name in names), *END)
        assert said[1:6] == ["250 2.1.5 Recipient ok"] * 5
        (envelope,) = envelopes(doorway)
        assert sent_to(envelope) == [
            "ann@example.org orcpt=rfc822;Info@example.net forwarded",
            "bob@example.net orcpt=rfc822;Info@example.net",
            "x@plain.example",
        ]
        await lobby.server.stop(0)

    play(scenario)


def test_the_trace_names_the_address_that_was_written_to() -> None:
    """RFC 5321 §4.4: whom it stands for is not for the world to read."""

    async def scenario() -> None:
        lobby, doorway, _ = make_site()
        await answers(lobby.greeted(), MAIL, b"RCPT TO:<info@example.net>", *END)
        (content,) = doorway.stored()
        assert b"\tfor <info@example.net>;" in content
        assert b"ann@example.org" not in content
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize(
    ("host", "address", "reply"),
    [
        (STRANGER, b"nobody@example.net", "550 5.1.1 No such user here"),
        (STRANGER, b"loop@example.net", "554 5.4.6 The address leads back to itself"),
        (
            FRIEND,
            b"loop@example.net",
            "554 5.4.6 loop: loop@example.net -> loop2@example.net -> loop@example.net",
        ),
        (STRANGER, b"down@example.net", "451 4.3.0 The address cannot be looked up now, try again later"),
        (STRANGER, b"postmaster@example.net", "250 2.1.5 Recipient ok"),
        (STRANGER, b"Abuse@example.net", "250 2.1.5 Recipient ok"),
        (STRANGER, b"Postmaster", "250 2.1.5 Recipient ok"),
    ],
)
def test_a64_a74_what_is_said_at_rcpt(host: str, address: bytes, reply: str) -> None:
    """A32, A63: nobody is refused while the sender listens, so that no notice is owed to a forged one."""

    async def scenario() -> None:
        lobby, _, _ = make_site()
        said = await answers(lobby.greeted(host), MAIL, b"RCPT TO:<" + address + b">")
        assert said[1] == reply
        await lobby.server.stop(0)

    play(scenario)


def test_nobody_is_asked_about_a_domain_that_takes_every_name() -> None:
    async def scenario() -> None:
        lobby, _, slow = make_site()
        said = await answers(lobby.greeted(), MAIL, b"RCPT TO:<who@plain.example>")
        assert said[1].startswith("250")
        assert slow.asked == []
        await lobby.server.stop(0)

    play(scenario)


def test_more_than_a_message_may_have_comes_in_another_transaction() -> None:
    async def scenario() -> None:
        lobby, doorway, _ = make_site(most=4)
        names = [b"info@example.net", b"team@example.net", b"bob@example.net"]
        said = await answers(lobby.greeted(), MAIL, *(b"RCPT TO:<" + name + b">" for name in names), *END)
        assert [line[:9] for line in said[1:4]] == ["250 2.1.5", "452 4.5.3", "250 2.1.5"]
        assert len(envelopes(doorway)[0].recipients) == 2
        await lobby.server.stop(0)

    play(scenario)


def test_an_address_that_is_not_ascii_makes_the_message_need_smtputf8() -> None:
    """A29."""

    async def scenario() -> None:
        lobby, doorway, _ = make_site()
        await answers(lobby.greeted(), MAIL, b"RCPT TO:<far@example.net>", *END)
        (envelope,) = envelopes(doorway)
        assert envelope.smtputf8
        await lobby.server.stop(0)

    play(scenario)


def test_each_transaction_has_its_own_recipients() -> None:
    async def scenario() -> None:
        lobby, doorway, _ = make_site()
        client = lobby.greeted()
        await answers(client, MAIL, b"RCPT TO:<info@example.net>", b"RSET")
        await answers(client, MAIL, b"RCPT TO:<x@plain.example>", *END)
        await answers(client, MAIL, b"RCPT TO:<slow@example.net>", *END)
        assert [sent_to(one) for one in envelopes(doorway)] == [
            ["x@plain.example"],
            ["ann@example.org orcpt=rfc822;slow@example.net forwarded"],
        ]
        await lobby.server.stop(0)

    play(scenario)


def test_a_sender_is_written_as_the_settings_call_him_and_the_header_likewise() -> None:
    async def scenario() -> None:
        lobby, doorway, _ = make_site(names=Names())
        client = lobby.greeted(FRIEND)
        header = b"From: Ann <ann@example.com>\r\nTo: old@example.com\r\n"
        for end in (b"\r\ntext ann@example.com\r\n.", b"."):
            said = await answers(client, MAIL, b"RCPT TO:<old@example.com>", b"DATA", header + end)
            assert said[-1].startswith("250 2.0.0 Queued")
        for envelope, content in zip(envelopes(doorway), doorway.stored(), strict=True):
            assert str(envelope.reverse_path) == "Ann.Example@example.com"
            assert sent_to(envelope) == ["new@example.com orcpt=rfc822;old@example.com"]
            assert b"From: Ann <Ann.Example@example.com>\r\nTo: new@example.com\r\n" in content
        assert doorway.stored()[0].endswith(b"\r\n\r\ntext ann@example.com\r\n")
        await lobby.server.stop(0)

    play(scenario)


@pytest.mark.parametrize("end", [b"\r\ntext\r\n.", b"."])
def test_a74_where_a_name_cannot_be_known_nothing_is_kept(end: bytes) -> None:
    async def scenario() -> None:
        names = Names()
        lobby, doorway, _ = make_site(names=names)
        client = lobby.greeted(FRIEND)
        await answers(client, MAIL, b"RCPT TO:<old@example.com>", b"DATA")
        names.is_down = True
        said = await answers(client, b"From: ann@example.com\r\n" + end, MAIL)
        assert said == [
            "451 4.3.0 The address cannot be looked up now, try again later",
            "451 4.3.0 The address cannot be looked up now, try again later",
        ]
        assert doorway.stored() == []
        names.is_down = False
        assert (await answers(client, MAIL))[0].startswith("250")
        await lobby.server.stop(0)

    play(scenario)
