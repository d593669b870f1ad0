"""A carrier against next hops in memory."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.net_world import make_tls
from tests.unit.client.toy_server import CUT, SILENCE, ToyServer, ToySession
from tests.unit.delivery.world import DNS, ONE, TWO, World, one_try, run

from mailrail.client import ClientSettings
from mailrail.delivery import DeliverySettings, ReversePathRewritten, SessionOpenedOut, TlsFellBack
from mailrail.delivery.reverse_paths import as_it_came
from mailrail.model import (
    Address,
    Blame,
    Body,
    Deferred,
    Delivered,
    Failed,
    Message,
    Notify,
    Outcome,
    Recipient,
    Ret,
    parse_address,
)
from mailrail.net import Connection, Endpoint, ServerContexts
from mailrail.routing import RouteSettings
from mailrail.spool import Lease

OURS = Address("SRS0=abcd=22=example.com=ann", "ours.example")


def blame(outcome: Outcome) -> Blame:
    assert not isinstance(outcome, Delivered)
    return outcome.blame


def test_a_message_goes_to_the_best_mx() -> None:
    one, two = ToyServer(), ToyServer()
    attempt = one_try(World({ONE: one, TWO: two}))
    (outcome,) = attempt.outcomes
    assert isinstance(outcome, Delivered)
    assert (outcome.host, str(outcome.reply)) == ("mx1.example.org", "250 2.0.0 taken")
    assert (attempt.host, attempt.remote, attempt.tls) == ("mx1.example.org", "192.0.2.1:25", "")
    assert one.contents == [b"Subject: x\r\n\r\nhello\r\n"]
    assert two.heard == []


@pytest.mark.usefixtures("road")
def test_one_session_carries_many_messages() -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        part = world.part()
        carrier = world.carrier(part)
        for _ in range(10):
            await carrier.carry(world.part())
            assert carrier.is_open
        await carrier.close()
        assert not carrier.is_open

    run(World({ONE: server}), scenario)
    assert len(server.contents) == 10
    assert len(server.sessions) == 1
    assert server.heard[-1] == "QUIT"


def test_each_reverse_path_has_a_transaction_of_its_own_in_one_session() -> None:
    """RFC 5321 §3.9.2; for the list the message has arrived: neither ENVID nor RET go on (RFC 3461 §5.2.7.1)."""
    server = ToyServer(
        keywords=("PIPELINING", "DSN"), script={"RCPT TO:<c@example.org>": ["550 5.1.1 no such user"]}
    )
    owner = parse_address("owner-news@example.com")

    async def scenario(world: World) -> None:
        part = world.part("a@example.org", "b@example.org", "c@example.org", envid="E1", ret=Ret.HDRS)
        envelope = part.lease.message.envelope
        a, b, c = envelope.recipients
        several = replace(
            envelope, recipients=(replace(a, returns_to=owner), b, replace(c, returns_to=owner))
        )
        message = replace(part.lease.message, envelope=several)
        carrier = world.carrier(part)
        attempt = await carrier.carry(replace(part, lease=Lease(message, part.lease.item, 1)))
        assert [type(outcome) for outcome in attempt.outcomes] == [Delivered, Delivered, Failed]
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert len(server.sessions) == 1
    envelopes = [line for line in server.heard if line.startswith(("MAIL", "RCPT"))]
    assert envelopes == [
        "MAIL FROM:<owner-news@example.com>",
        "RCPT TO:<a@example.org>",
        "RCPT TO:<c@example.org>",
        "MAIL FROM:<ann@example.com> RET=HDRS ENVID=E1",
        "RCPT TO:<b@example.org>",
    ]


def test_what_is_forwarded_leaves_with_a_reverse_path_of_its_own_and_all_wishes_of_the_sender() -> None:
    server = ToyServer(keywords=("PIPELINING", "DSN"))

    def leaves_as(message: Message, recipient: Recipient) -> Address | None:
        return OURS if recipient.is_forwarded else as_it_came(message, recipient)

    async def scenario(world: World) -> None:
        world.courier.leaves_as = leaves_as
        part = world.part("a@example.org", "b@example.org", ret=Ret.HDRS, envid="E1")
        envelope = part.lease.message.envelope
        a, b = envelope.recipients
        forwarded = replace(envelope, recipients=(a, replace(b, is_forwarded=True, notify=Notify.NEVER)))
        message = replace(part.lease.message, envelope=forwarded)
        carrier = world.carrier(part)
        attempt = await carrier.carry(replace(part, lease=Lease(message, part.lease.item, 1)))
        assert [type(outcome) for outcome in attempt.outcomes] == [Delivered, Delivered]
        await carrier.close()
        (told,) = [event for event in world.events if isinstance(event, ReversePathRewritten)]
        assert (told.sender, told.leaves_as) == ("ann@example.com", str(OURS))

    run(World({ONE: server}), scenario)
    assert len(server.sessions) == 1
    assert [line for line in server.heard if line.startswith(("MAIL", "RCPT"))] == [
        "MAIL FROM:<ann@example.com> RET=HDRS ENVID=E1",
        "RCPT TO:<a@example.org>",
        f"MAIL FROM:<{OURS}> RET=HDRS ENVID=E1",
        "RCPT TO:<b@example.org> NOTIFY=NEVER",
    ]


@pytest.mark.usefixtures("road")
def test_a_session_is_given_up_after_enough_messages_and_when_it_is_old() -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        for _ in range(4):
            await carrier.carry(world.part())
        assert len(server.sessions) == 2
        await asyncio.sleep(400)
        assert not carrier.is_open
        await carrier.carry(world.part())
        assert len(server.sessions) == 3
        await carrier.close()

    run(World({ONE: server}, settings=DeliverySettings(session_messages=2)), scenario)


@pytest.mark.usefixtures("road")
@pytest.mark.parametrize("end", [CUT, "421 4.3.2 idle too long"])
def test_a_session_that_was_closed_while_it_rested_is_no_failure(end: str) -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        await carrier.carry(world.part())
        server.script["MAIL"] = [end]
        attempt = await carrier.carry(world.part())
        assert isinstance(attempt.outcomes[0], Delivered)
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert len(server.sessions) == 2


def test_a60_recipients_are_answered_one_by_one_in_order() -> None:
    server = ToyServer(
        script={
            "RCPT TO:<b@example.org>": ["550 5.1.1 no such user"],
            "RCPT TO:<c@example.org>": ["451 4.7.1 greylisted"],
        }
    )
    attempt = one_try(World({ONE: server}), "a@example.org", "b@example.org", "c@example.org")
    assert [type(outcome) for outcome in attempt.outcomes] == [Delivered, Failed, Deferred]
    assert [blame(outcome) for outcome in attempt.outcomes[1:]] == [Blame.RECIPIENT, Blame.RECIPIENT]


def test_a60_surplus_recipients_go_in_another_transaction_at_once() -> None:
    server = ToyServer(keywords=("PIPELINING", "LIMITS RCPTMAX=2"))
    attempt = one_try(World({ONE: server}), *(f"r{n}@example.org" for n in range(5)))
    assert all(isinstance(outcome, Delivered) for outcome in attempt.outcomes)
    assert len(server.contents) == 3


@pytest.mark.parametrize("greeting", ["554 5.7.1 go away", "421 4.3.2 busy", "521 no mail", CUT])
def test_a_host_that_does_not_welcome_us_means_the_next_mx(greeting: str) -> None:
    one, two = ToyServer(script={"GREETING": [greeting]}), ToyServer()
    attempt = one_try(World({ONE: one, TWO: two}))
    assert isinstance(attempt.outcomes[0], Delivered)
    assert attempt.host == "mx2.example.org"


def test_a75_a_host_that_does_not_answer_is_passed_over_and_then_tried_last() -> None:
    two = ToyServer()

    async def scenario(world: World) -> None:
        world.network.black_hole(ONE)
        loop = asyncio.get_running_loop()
        assert isinstance((await world.carry()).outcomes[0], Delivered)
        assert loop.time() == pytest.approx(30, abs=1)
        assert isinstance((await world.carry()).outcomes[0], Delivered)
        assert loop.time() == pytest.approx(30, abs=1), "the dead address was not waited for again"

    run(World({TWO: two}), scenario)


def test_when_no_host_answers_the_mail_waits_and_the_host_is_blamed() -> None:
    attempt = one_try(World({}))
    (outcome,) = attempt.outcomes
    assert isinstance(outcome, Deferred)
    assert (outcome.blame, outcome.reply.enhanced_code) == (Blame.HOST, "4.4.1")


def test_only_so_many_addresses_are_tried() -> None:
    """A53: try <= N addresses."""
    many = {f"mx{n}.many.example": [f"A 192.0.2.{n + 10}"] for n in range(9)}
    dns = {"many.example": [f"MX {n} mx{n}.many.example" for n in range(9)], **many}

    async def scenario(world: World) -> None:
        for n in range(9):
            world.network.black_hole(Endpoint(f"192.0.2.{n + 10}", 25))
        await world.carry("bob@many.example")
        assert asyncio.get_running_loop().time() <= 3 * 30 + 1

    run(World({}, dns=dns, settings=DeliverySettings(max_endpoints=3)), scenario)


def test_521_from_every_host_is_an_answer() -> None:
    """RFC 7504 §4."""
    one = ToyServer(script={"GREETING": ["521 this host takes no mail"]})
    (outcome,) = one_try(World({ONE: one}), "bob@single.example").outcomes
    assert isinstance(outcome, Failed)
    two = ToyServer(script={"GREETING": ["451 busy"]})
    one.script["GREETING"] = ["521 this host takes no mail"]
    for servers in ({ONE: one, TWO: two}, {ONE: two, TWO: one}):
        one.script["GREETING"], two.script["GREETING"] = ["521 never"], ["451 busy"]
        (outcome,) = one_try(World(servers)).outcomes
        assert isinstance(outcome, Deferred), "as long as one host may take it later, nobody is failed"


def test_a59_a_connection_cut_after_the_dot_defers_and_asks_no_other_host() -> None:
    one, two = ToyServer(script={"END": [CUT]}), ToyServer()
    (outcome,) = one_try(World({ONE: one, TWO: two})).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.HOST
    assert two.heard == []


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("end", [CUT, "421 4.3.2 shutting down", "100 what", "999 ?", "what is this"])
def test_a58_garbage_421_and_cuts_mean_another_host_or_a_deferral(stage: str, end: str) -> None:
    one, two = ToyServer(script={stage: [end]}), ToyServer()
    assert isinstance(one_try(World({ONE: one, TWO: two})).outcomes[0], Delivered)
    one = ToyServer(script={stage: [end]})
    (outcome,) = one_try(World({ONE: one}), "bob@single.example").outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.HOST


def test_a75_a_host_that_falls_silent_ends_by_its_deadline() -> None:
    one = ToyServer(script={"END": [SILENCE]})

    async def scenario(world: World) -> None:
        attempt = await world.carry("bob@single.example")
        assert isinstance(attempt.outcomes[0], Deferred)
        assert asyncio.get_running_loop().time() <= 700

    run(World({ONE: one}), scenario)


def test_a53_truths_of_the_dns_fail_and_troubles_defer() -> None:
    dns = {"null.example": ["MX 0 ."], **DNS}

    async def scenario(world: World) -> None:
        gone = (await world.carry("bob@no-such.example")).outcomes[0]
        null = (await world.carry("bob@null.example")).outcomes[0]
        assert isinstance(gone, Failed)
        assert isinstance(null, Failed)
        assert (gone.reply.enhanced_code, null.reply.enhanced_code) == ("5.1.2", "5.1.10")
        world.resolver.broken.add("example.org")
        assert isinstance((await world.carry()).outcomes[0], Deferred)

    run(World({}, dns=dns), scenario)


def test_a_plan_is_asked_for_once_and_kept_for_its_time() -> None:
    async def scenario(world: World) -> None:
        for _ in range(5):
            await world.carry()
        assert world.resolver.asked["example.org", "MX"] == 1
        await asyncio.sleep(100_000)
        await world.carry()
        assert world.resolver.asked["example.org", "MX"] == 2

    run(World({ONE: ToyServer()}), scenario)


@pytest.mark.parametrize("reply", ["454 4.7.0 not now", "501 no"])
def test_a55_an_opportunistic_session_goes_on_where_starttls_is_refused(reply: str) -> None:
    server = ToyServer(keywords=("PIPELINING", "STARTTLS"), script={"STARTTLS": [reply]})
    assert isinstance(one_try(World({ONE: server})).outcomes[0], Delivered)


class NoTls(ToyServer):
    """Offers STARTTLS, agrees to it, and then talks no TLS."""

    def accept(self, connection: Connection) -> None:
        self.sessions.append(NoTlsSession(self, connection))


class NoTlsSession(ToySession):
    def start_tls(self) -> None:
        self.connection.write(b"this is not TLS\r\n")
        self.hang_up()


def with_starttls(contexts: ServerContexts | None = None) -> ToyServer:
    kind = ToyServer if contexts else NoTls
    return kind(keywords=("PIPELINING", "STARTTLS"), contexts=contexts)


def test_a55_a_handshake_that_fails_is_followed_by_a_plain_session_where_tls_is_only_wished_for() -> None:
    server = with_starttls()
    world = World({ONE: server})
    assert isinstance(one_try(world).outcomes[0], Delivered)
    assert len(server.sessions) == 2
    assert [type(event) for event in world.events] == [TlsFellBack, SessionOpenedOut]


def test_a55_the_next_mx_with_tls_comes_before_the_best_in_the_clear(tmp_path: Path) -> None:
    broken, good = with_starttls(), with_starttls(make_tls(tmp_path).server)
    world = World({ONE: broken, TWO: good})
    attempt = one_try(world)
    assert isinstance(attempt.outcomes[0], Delivered)
    assert (attempt.host, attempt.tls[:3]) == ("mx2.example.org", "TLS")
    assert len(broken.sessions) == 1
    assert [type(event) for event in world.events] == [SessionOpenedOut]


def test_a55_where_no_mx_can_do_tls_the_best_is_the_first_in_the_clear() -> None:
    first, second = with_starttls(), with_starttls()
    attempt = one_try(World({ONE: first, TWO: second}))
    assert isinstance(attempt.outcomes[0], Delivered)
    assert (attempt.host, attempt.tls) == ("mx1.example.org", "")
    assert (len(first.sessions), len(second.sessions)) == (2, 1)


def test_a55_the_fall_back_can_be_forbidden() -> None:
    world = World({ONE: with_starttls()}, settings=DeliverySettings(plain_fallback=False))
    (outcome,) = one_try(world).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.reply.enhanced_code == "4.7.5"


@pytest.mark.parametrize("level", ["encrypt", "verify"])
def test_a55_a_handshake_that_fails_defers_where_tls_is_required(level: str) -> None:
    server = with_starttls()
    route = RouteSettings.model_validate({"match": "*", "tls": level})
    (outcome,) = one_try(World({ONE: server}, routes=(route,))).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.reply.enhanced_code == "4.7.5"
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("level", "kind"), [("may", Delivered), ("encrypt", Delivered), ("verify", Deferred)]
)
def test_a_certificate_that_nobody_vouches_for_matters_only_to_verify(
    tmp_path: Path, level: str, kind: type
) -> None:
    server = with_starttls(make_tls(tmp_path).server)
    route = RouteSettings.model_validate({"match": "*", "tls": level})
    attempt = one_try(World({ONE: server}, routes=(route,)))
    assert type(attempt.outcomes[0]) is kind
    assert attempt.tls.startswith("TLSv1.3") is (kind is Delivered)


@pytest.mark.parametrize("level", ["encrypt", "verify"])
def test_a55_where_tls_is_required_nothing_goes_in_the_clear(level: str) -> None:
    server = ToyServer(keywords=("PIPELINING",))
    route = RouteSettings.model_validate({"match": "*", "tls": level})
    (outcome,) = one_try(World({ONE: server}, routes=(route,))).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.reply.enhanced_code == "4.7.5"
    assert not any(line.startswith("MAIL") for line in server.heard)


def test_a29_an_address_that_needs_smtputf8_is_bounced_by_a_hop_without_it() -> None:
    server = ToyServer()
    (outcome,) = one_try(World({ONE: server}), "bøb@example.org", smtputf8=True).outcomes
    assert isinstance(outcome, Failed)
    assert (outcome.blame, outcome.reply.enhanced_code) == (Blame.MESSAGE, "5.6.7")
    assert not any(line.startswith("MAIL") for line in server.heard)


def test_a29_a_header_in_utf8_is_bounced_by_a_hop_without_smtputf8() -> None:
    content = "Subject: grüße\r\n\r\nhello\r\n".encode()
    server = ToyServer()
    (outcome,) = one_try(World({ONE: server}), content=content, smtputf8=True, body=Body.EIGHT_BIT).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code == "5.6.7"


def test_a29_smtputf8_that_was_declared_but_is_not_needed_stops_nobody() -> None:
    server = ToyServer()
    assert isinstance(one_try(World({ONE: server}), smtputf8=True).outcomes[0], Delivered)
    assert not any("SMTPUTF8" in line for line in server.heard)


def test_a29_smtputf8_goes_to_a_hop_that_offers_it() -> None:
    server = ToyServer(keywords=("PIPELINING", "8BITMIME", "SMTPUTF8"))
    assert isinstance(one_try(World({ONE: server}), "bøb@example.org", smtputf8=True).outcomes[0], Delivered)
    assert any("RCPT TO:<bøb@example.org>" in line for line in server.heard)


MIME = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)


@pytest.mark.parametrize("paragraphs", [1, 20_000])
def test_a30_8_bit_mail_is_encoded_for_a_hop_that_takes_7_bits_only(paragraphs: int) -> None:
    server = ToyServer(keywords=("PIPELINING",))
    content = MIME + "grüße\r\n".encode() * paragraphs
    attempt = one_try(World({ONE: server}), content=content, body=Body.EIGHT_BIT)
    assert isinstance(attempt.outcomes[0], Delivered)
    (received,) = server.contents
    assert received.isascii()
    assert b"gr=C3=BC=C3=9Fe" in received
    assert not any("BODY=8BITMIME" in line for line in server.heard)


def test_a30_8_bit_mail_passes_unaltered_where_8bitmime_is_offered_even_if_it_was_not_declared() -> None:
    server = ToyServer()
    content = MIME + "grüße\r\n".encode()
    assert isinstance(one_try(World({ONE: server}), content=content).outcomes[0], Delivered)
    assert server.contents == [content]
    assert any("BODY=8BITMIME" in line for line in server.heard)


def test_a30_what_cannot_be_encoded_is_bounced() -> None:
    sealed = (
        MIME.replace(b"text/plain", b'multipart/signed; boundary="x"') + b"--x\r\n\r\n\xc3\xbc\r\n--x--\r\n"
    )
    server = ToyServer(keywords=("PIPELINING",))
    (outcome,) = one_try(World({ONE: server}), content=sealed, body=Body.EIGHT_BIT).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code in ("5.6.3", "5.6.1")


def test_a5_a_bare_line_feed_never_goes_out_as_it_is() -> None:
    server = ToyServer()
    content = b"Subject: x\r\n\r\nsmuggle\n.\nMAIL FROM:<x>\r\n"
    assert isinstance(one_try(World({ONE: server}), content=content).outcomes[0], Delivered)
    (received,) = server.contents
    assert b"\n" not in received.replace(b"\r\n", b"")
    assert b"base64" in received


@pytest.mark.parametrize(("offer", "told"), [((), ""), (("MT-PRIORITY",), " MT-PRIORITY={}")])
@pytest.mark.parametrize("priority", [-9, 0, 9])
def test_every_priority_is_passed_on_to_a_hop_that_offers_it_and_held_back_nowhere(
    offer: tuple[str, ...], told: str, priority: int
) -> None:
    """RFC 6710 §4.2, §4.3."""
    server = ToyServer(keywords=offer)
    attempt = one_try(World({ONE: server}), "bob@single.example", priority=priority)
    assert isinstance(attempt.outcomes[0], Delivered)
    assert f"MAIL FROM:<ann@example.com>{told.format(priority)}" in server.heard


def test_a_message_beyond_the_hops_size_is_failed_without_sending_it() -> None:
    server = ToyServer(keywords=("PIPELINING", "SIZE 100"))
    (outcome,) = one_try(World({ONE: server}), content=b"x" * 200 + b"\r\n").outcomes
    assert isinstance(outcome, Failed)
    assert outcome.reply.enhanced_code == "5.3.4"
    assert not any(line.startswith("MAIL") for line in server.heard)


@pytest.mark.parametrize("offers", [True, False])
def test_wishes_for_notices_are_passed_on_where_dsn_is_offered(offers: bool) -> None:
    server = ToyServer(keywords=("PIPELINING", "DSN") if offers else ("PIPELINING",))
    recipient = Recipient(parse_address("bob@example.org"), Notify.SUCCESS, "rfc822;bob@example.org")
    (outcome,) = one_try(World({ONE: server}), recipients=(recipient,), envid="abc").outcomes
    assert isinstance(outcome, Delivered)
    assert outcome.passed_dsn is offers
    assert any("NOTIFY=SUCCESS" in line for line in server.heard) is offers


def test_lmtp_is_spoken_where_the_route_says_so_and_its_answers_are_final() -> None:
    server = ToyServer(is_lmtp=True, script={"END": ["250 2.0.0 a", "552 5.2.2 full"]})
    route = RouteSettings.model_validate({"match": "*", "next_hop": "192.0.2.1:25", "lmtp": True})
    attempt = one_try(World({ONE: server}, routes=(route,)), "a@example.org", "b@example.org")
    first, second = attempt.outcomes
    assert isinstance(first, Delivered)
    assert first.is_final
    assert isinstance(second, Failed)
    assert server.heard[0].startswith("LHLO")


def test_a_login_that_is_not_accepted_is_our_own_trouble() -> None:
    server = ToyServer(keywords=("PIPELINING", "AUTH PLAIN"), script={"AUTH": ["535 5.7.8 no"]})
    here = Endpoint("127.0.0.1", 25)
    route = RouteSettings.model_validate(
        {"match": "*", "next_hop": "127.0.0.1:25", "tls": "none", "login": {"user": "u", "password": "p"}}
    )
    (outcome,) = one_try(World({here: server}, routes=(route,))).outcomes
    assert isinstance(outcome, Deferred)
    assert outcome.blame is Blame.OURSELVES


def test_mail_queued_under_an_old_route_goes_where_the_settings_say_today() -> None:
    one, two = ToyServer(), ToyServer()
    dns = {"a.example": ["MX 1 mx1.example.org"], "b.example": ["MX 1 mx2.example.org"], **DNS}

    async def scenario(world: World) -> None:
        part = world.part("x@a.example", "y@b.example", "z@a.example")
        attempt = await world.carrier(part).carry(part)
        assert [isinstance(outcome, Delivered) for outcome in attempt.outcomes] == [True] * 3

    run(World({ONE: one, TWO: two}, dns=dns), scenario)
    assert sum(line.startswith("RCPT") for line in one.heard) == 2
    assert sum(line.startswith("RCPT") for line in two.heard) == 1


def test_a_cancelled_try_leaves_no_session_behind() -> None:
    server = ToyServer(script={"DATA": [SILENCE]})

    async def scenario(world: World) -> None:
        part = world.part()
        carrier = world.carrier(part)
        task = asyncio.create_task(carrier.carry(part))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert not carrier.is_open
        await carrier.close()

    run(World({ONE: server}), scenario)


def test_a_slow_address_is_bounded_by_the_connect_time_of_the_settings() -> None:
    async def scenario(world: World) -> None:
        world.network.black_hole(ONE)
        await world.carry("bob@single.example")
        assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.1)

    run(World({}, timeouts=ClientSettings(connect_s=3)), scenario)
