"""Logins in the daemon's handler: who guesses waits, hears the same each time, and is sent away (A34, A35).

Who is in may send as who it is, and so much (A37)."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Coroutine
from typing import Any

from tests.unit.directory.test_directory import FakeSource
from tests.unit.directory.test_tokens import FakeTokens
from tests.unit.intake.door import POSTMASTER, make_doorway
from tests.unit.receive.test_reception import RULES, answers
from tests.unit.server.lobby import FRIEND, HERE, STRANGER, Door, FakeConnection

from mailrail.directory import Directory, User
from mailrail.directory.tokens import Tokens
from mailrail.model import system_rng
from mailrail.observe import Bus, Event
from mailrail.policy import (
    AmountSettings,
    Buckets,
    Guessing,
    GuessingSettings,
    Members,
    Quotas,
    QuotaSettings,
    SubmissionSettings,
)
from mailrail.receive import Doorkeeper, Duty, LoggedIn, LoginLocked, LoginRefused, Reception
from mailrail.server import Port, Server
from mailrail.sim import SimClock, simulate


class Site:
    """A submission listener on which ann and bob may log in in clear.

    Attributes:
        events: what was told.
    """

    def __init__(
        self,
        submission: SubmissionSettings | None = None,
        quota: QuotaSettings | None = None,
        tokens: Tokens | None = None,
        **settings: Any,
    ) -> None:
        self.events: list[Event] = []
        bus, clock = Bus(), SimClock()
        bus.listen(self.events.append)
        buckets = Buckets(clock)
        guessing = Guessing(GuessingSettings(**settings), buckets, system_rng())
        members = Members(
            submission or SubmissionSettings(), Quotas(quota or QuotaSettings(), buckets), ("example.net",)
        )
        self.source = FakeSource()
        self.doorway = make_doorway()
        directory = Directory(self.source, secret=b"x" * 32, cache_s=0, rng=system_rng(), tokens=tokens)
        self.duty = Duty(
            intake=self.doorway.intake,
            rules=RULES,
            hostname="mx.example",
            is_submission=True,
            is_members_only=True,
            keeper=Doorkeeper(directory, guessing, members, bus),
            may_auth_in_clear=True,
            postmaster=POSTMASTER,
        )
        self.door = Door()
        server = Server(
            Reception.for_duty(self.duty), hostname="mx.example", network=self.door, clock=clock, bus=bus
        )
        server.start()
        server.listen_on(
            Port(
                endpoint=HERE,
                auth_mechanisms=("SCRAM-SHA-256", "XOAUTH2", "PLAIN", "LOGIN"),
                may_auth_in_clear=True,
            )
        )

    def arrive(self, host: str = STRANGER) -> FakeConnection:
        connection = FakeConnection(host)
        self.door.accept(connection)
        connection.say(b"EHLO client.example\r\n")
        connection.heard()
        return connection

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def plain(user: str, password: str) -> bytes:
    return b"AUTH PLAIN " + b64encode(f"\0{user}\0{password}".encode()) + b"\r\n"


async def timed(client: FakeConnection, line: bytes) -> tuple[str, float]:
    """Say a line; return the answer and how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    client.say(line)
    while True:
        if said := client.last():
            return said, round(loop.time() - began, 1)
        await asyncio.sleep(0.01)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    simulate(scenario())


def test_who_has_logged_in_may_send_anywhere_and_is_named_in_events() -> None:
    async def scenario() -> None:
        site = Site()
        client = site.arrive()
        said = await answers(client, b"MAIL FROM:<ann@example.org>")
        assert said[0].startswith("530 5.7.0")
        reply, took_s = await timed(client, plain("bob", "secret"))
        assert reply.startswith("235 2.7.0")
        assert took_s < 0.1
        assert isinstance(site.duty.keeper, Doorkeeper)
        (event,) = site.told(LoggedIn)
        assert isinstance(event, LoggedIn)
        assert (event.user, event.mechanism, event.client) == ("bob", "PLAIN", "198.51.100.7")

    play(scenario)


def test_a35_failures_are_answered_later_each_time_and_the_third_ends_the_session() -> None:
    async def scenario() -> None:
        site = Site()
        client = site.arrive()
        for late_s in (1, 2):
            reply, took_s = await timed(client, plain("bob", f"wrong {late_s}"))
            assert reply.startswith("535 5.7.8")
            assert took_s == late_s
        reply, _ = await timed(client, plain("bob", "wrong 3"))
        assert reply.startswith("421 4.7.0 Too many failed logins")
        assert client.is_closed
        assert len(site.told(LoginRefused)) == 3

    play(scenario)


def test_a34_nobody_and_a_wrong_password_hear_the_same_after_the_same_time() -> None:
    async def scenario() -> None:
        heard = set()
        for user in ("bob", "nobody", "a\u200bb"):
            reply, took_s = await timed(Site().arrive(), plain(user, "wrong"))
            heard.add((reply, took_s))
        assert len(heard) == 1

    play(scenario)


def test_a35_counters_survive_a_new_connection_and_a_locked_client_is_sent_away_unheard() -> None:
    async def scenario() -> None:
        site = Site(client_failures=4, session_failures=2)
        for n in range(4):
            client = site.arrive()
            await timed(client, plain("bob", f"wrong {n}"))
        asked = len(site.source.asked)
        reply, took_s = await timed(site.arrive(), plain("bob", "secret"))
        assert reply.startswith("421 4.7.0")
        assert took_s < 0.1
        assert len(site.source.asked) == asked
        assert [event.account for event in site.told(LoginLocked) if isinstance(event, LoginLocked)] == [
            "",
            "",
        ]
        reply, _ = await timed(site.arrive("203.0.113.9"), plain("bob", "secret"))
        assert reply.startswith("235")
        await asyncio.sleep(3600)
        reply, _ = await timed(site.arrive(), plain("bob", "secret"))
        assert reply.startswith("235")

    play(scenario)


def test_a35_a_locked_account_says_later_whatever_the_password_and_scram_too() -> None:
    async def scenario() -> None:
        site = Site(account_failures=3)
        for n in range(3):
            await timed(site.arrive(f"10.0.{n}.1"), plain("bob", f"wrong {n}"))
        heard = set()
        for password in ("secret", "wrong"):
            reply, took_s = await timed(site.arrive("10.9.9.9"), plain("bob", password))
            heard.add((reply, took_s))
        (said,) = heard
        assert said[0].startswith("454 4.7.0 Too many failed logins for this name")
        scram = b"AUTH SCRAM-SHA-256 " + b64encode(b"n,,n=bob,r=abcdefghijklmnop") + b"\r\n"
        reply, _ = await timed(site.arrive("10.9.9.9"), scram)
        assert reply.startswith("454 4.7.0")

    play(scenario)


def test_a_directory_that_is_down_is_nobody_s_failure() -> None:
    async def scenario() -> None:
        site = Site(client_failures=1)
        site.source.is_down = True
        for _ in range(2):
            reply, _ = await timed(site.arrive(), plain("bob", "secret"))
            assert reply.startswith("454 4.7.0 Logins cannot be checked now")
        assert {event.reason for event in site.told(LoginRefused) if isinstance(event, LoginRefused)} == {
            "it is down"
        }
        site.source.is_down = False
        reply, _ = await timed(site.arrive(), plain("bob", "secret"))
        assert reply.startswith("235")

    play(scenario)


def test_a_disabled_account_fails_like_any_other() -> None:
    async def scenario() -> None:
        site = Site()
        site.source.users["bob"] = User("bob", "{PLAIN}other")
        reply, _ = await timed(site.arrive(), plain("carol", "secret"))
        assert reply.startswith("535")

    play(scenario)


async def logged_in(site: Site, user: str = "ann@example.org", host: str = STRANGER) -> FakeConnection:
    client = site.arrive(host)
    assert (await timed(client, plain(user, "secret")))[0].startswith("235")
    return client


FROM_ANN = b"From: Ann <Ann@example.org>\r\n"


async def sent(client: FakeConnection, sender: bytes, header: bytes) -> str:
    """Send one message; return the last answer."""
    said = await answers(
        client,
        b"MAIL FROM:<" + sender + b">",
        b"RCPT TO:<bob@far.example>",
        b"DATA",
        header + b"\r\nhello\r\n.",
    )
    return said[-1] if said[0].startswith("250") else said[0]


def test_a37_who_is_logged_in_sends_as_itself_and_as_nobody_else() -> None:
    async def scenario() -> None:
        client = await logged_in(Site())
        assert (await sent(client, b"ANN@example.org", FROM_ANN)).startswith("250 2.0.0 Queued")
        assert (await sent(client, b"", FROM_ANN)).startswith("250 2.0.0 Queued")  # a confirmation of reading
        reply = await sent(client, b"eve@example.org", FROM_ANN)
        assert reply == "553 5.7.1 ann@example.org may not send as eve@example.org"

    play(scenario)


def test_a37_everybody_whom_from_and_sender_name_is_looked_at() -> None:
    async def scenario() -> None:
        client = await logged_in(Site())
        for header in (
            b"From: eve@example.org\r\n",
            b"From: Ann <ann@example.org>, Eve <eve@example.org>\r\n",
            b"From: Ann <ann@example.org>\r\nSender: <eve@example.org>\r\n",
            b'From: "<ann@example.org>" <eve@example.org>\r\n',
            b"From: (ann@example.org) eve@example.org\r\n",
            b"From: eve@example.org <ann@example.org>\r\n",
            b"From: friends: ann@example.org, eve@example.org;\r\n",
            b"From: ann@example.org\r\n ,eve@example.org\r\n",
            b"From: <@example.org:ann@example.org>\r\n",
            b"From: nobody\r\n",
        ):
            reply = await sent(client, b"ann@example.org", header)
            assert reply.startswith("550 5.7.1 "), header
        assert (await sent(client, b"ann@example.org", FROM_ANN)).startswith("250")

    play(scenario)


def test_a_name_that_is_no_address_may_use_those_of_our_domains() -> None:
    async def scenario() -> None:
        client = await logged_in(Site(), "bob")
        assert (await sent(client, b"any@example.net", b"From: other@example.net\r\n")).startswith("250")
        assert (await sent(client, b"any@example.org", b"From: other@example.net\r\n")).startswith("553")

    play(scenario)


def test_what_is_not_to_be_checked_is_not() -> None:
    async def scenario() -> None:
        site = Site(SubmissionSettings(check_sender=False, check_from=False))
        client = await logged_in(site)
        assert (await sent(client, b"eve@far.example", b"From: mallory@far.example\r\n")).startswith("250")

    play(scenario)


def test_quotas_say_when_to_come_again_and_count_over_sessions() -> None:
    async def scenario() -> None:
        quota = QuotaSettings(user=AmountSettings(messages_per_hour=2, recipients_per_day=5))
        site = Site(quota=quota)
        for _ in range(2):
            client = await logged_in(site)
            assert (await sent(client, b"ann@example.org", FROM_ANN)).startswith("250")
        reply = await sent(client, b"ann@example.org", FROM_ANN)
        assert reply == "450 4.7.1 ann@example.org may send 2 messages an hour; try again in 30 minutes"
        await asyncio.sleep(1800)
        client = await logged_in(site)
        said = await answers(
            client, b"MAIL FROM:<ann@example.org>", *[b"RCPT TO:<bob%d@far.example>" % n for n in range(5)]
        )
        assert [line[:9] for line in said] == [
            "250 2.1.0",
            *(4 * ["250 2.1.5"])[:3],
            "452 4.7.1",
            "452 4.7.1",
        ]
        assert "ann@example.org may send 5 recipients a day; try again in" in said[-1]

    play(scenario)


def test_who_logs_in_from_a_network_that_may_relay_is_counted_from_then_on() -> None:
    async def scenario() -> None:
        site = Site(quota=QuotaSettings(user=AmountSettings(recipients_per_day=2)))
        client = await logged_in(site, host=FRIEND)
        assert (await sent(client, b"ann@example.org", FROM_ANN)).startswith("250")
        said = await answers(
            client, b"MAIL FROM:<ann@example.org>", *[b"RCPT TO:<bob%d@far.example>" % n for n in range(2)]
        )
        assert [line[:9] for line in said] == ["250 2.1.0", "250 2.1.5", "452 4.7.1"]

    play(scenario)


def test_a_record_has_its_own_quota_and_a_domain_one_for_all() -> None:
    async def scenario() -> None:
        quota = QuotaSettings(
            user=AmountSettings(messages_per_hour=1), domain=AmountSettings(messages_per_day=3)
        )
        site = Site(quota=quota)
        site.source.users["ann@example.org"] = User("ann@example.org", quotas={"messages_per_hour": 0})
        client = await logged_in(site)
        for _ in range(3):
            assert (await sent(client, b"ann@example.org", FROM_ANN)).startswith("250")
        reply = await sent(client, b"ann@example.org", FROM_ANN)
        assert reply.startswith("450 4.7.1 All of example.org may send 3 messages a day; try again in ")

    play(scenario)


def xoauth2(user: str, token: str) -> bytes:
    return b"AUTH XOAUTH2 " + b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode()) + b"\r\n"


async def shown(site: Site, token: str) -> str:
    """Show a token; return the last reply, behind the account of a failure that the client confirms."""
    client = site.arrive()
    said, _ = await timed(client, xoauth2("bob", token))
    return (await timed(client, b"\r\n"))[0] if said.startswith("334") else said


def test_a_good_token_lets_in_and_a_bad_one_tells_only_the_operator_why() -> None:
    async def scenario() -> None:
        site = Site(tokens=FakeTokens("bob"))
        assert (await shown(site, "good")).startswith("235")
        (logged_in,) = site.told(LoggedIn)
        assert isinstance(logged_in, LoggedIn)
        assert logged_in.user == "bob"
        assert (await shown(site, "bad")).startswith("535")
        (refused,) = site.told(LoginRefused)
        assert isinstance(refused, LoginRefused)
        assert refused.reason == "it is bad"
        assert (await shown(site, "down")).startswith("454")

    play(scenario)


def test_an_old_token_shown_again_and_again_locks_out_nobody() -> None:
    async def scenario() -> None:
        site = Site(tokens=FakeTokens("bob"), client_failures=3, account_failures=2)
        for _ in range(10):
            assert (await shown(site, "bad")).startswith("535")
        assert (await shown(site, "good")).startswith("235")
        for n in range(2):
            assert (await shown(site, f"bad{n}")).startswith("535")
        assert (await shown(site, "good")).startswith("421")
        locked = site.told(LoginLocked)
        assert all(isinstance(event, LoginLocked) and not event.account for event in locked)

    play(scenario)
