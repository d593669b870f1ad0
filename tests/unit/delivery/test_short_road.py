"""Which parcels go by call-backs over the session at hand, and which are carried."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.client.toy_server import CUT, SILENCE, ToyServer
from tests.unit.delivery.world import ONE, TWO, World, run

from mailrail.delivery import DeliverySettings, SmtpCarrier
from mailrail.delivery.parcel import Part
from mailrail.model import Attempt, DeliverBy, Delivered, Failed, Recipient, TlsLevel, parse_address

OTHER = Recipient(parse_address("bob@example.org"), returns_to=parse_address("owner-news@example.com"))
PROGRAM = Recipient(parse_address("bob@example.org"), target="|/usr/bin/program")
OPTIONAL = b"Subject: x\r\nTLS-Required: No\r\n\r\nhello\r\n"


def nothing() -> None:
    """What follows the parcel."""


async def begun(carrier: SmtpCarrier, part: Part) -> Attempt | None:
    """Try *part* by the short road; it must lead there."""
    came = asyncio.Event()
    assert carrier.try_begin(part, nothing, came.set)
    await came.wait()
    return carrier.attempt()


@pytest.mark.parametrize(
    ("make", "keywords", "is_begun"),
    [
        (lambda world: world.part(), ("PIPELINING",), True),
        (lambda world: world.part(), (), True),
        (lambda world: world.part(), ("PIPELINING", "CHUNKING"), True),
        (lambda world: world.part(content=b"Subject: x\r\n\r\n\xc3\xa4\r\n"), ("8BITMIME",), True),
        (lambda world: world.part(content=b"Subject: x\r\n\r\n\xc3\xa4\r\n"), (), False),
        (lambda world: world.part(content=b"Subject: x\r\n\r\na\nb\r\n"), (), False),
        (lambda world: world.part(content=b"x" * 70 + b"\r\n"), ("SIZE 50",), False),
        (lambda world: world.part("a@example.org", "b@example.org"), (), False),
        (lambda world: world.part(recipients=(OTHER,)), (), False),
        (lambda world: world.part(requiretls=True), ("REQUIRETLS",), False),
        (lambda world: world.part(deliver_by=DeliverBy(600, returns=True)), ("DELIVERBY",), False),
        (lambda world: world.part("bob@elsewhere.example"), (), False),
        (lambda world: world.part(recipients=(PROGRAM,)), (), False),
    ],
)
def test_what_needs_no_more_than_the_session_at_hand_goes_the_short_road(
    make: Callable[[World], Part], keywords: tuple[str, ...], is_begun: bool
) -> None:
    server = ToyServer(keywords=keywords)

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        part, came = make(world), asyncio.Event()
        assert not carrier.try_begin(part, nothing, came.set), "there is no session yet"
        await carrier.carry(world.part(content=b"Subject: 1\r\n\r\n1\r\n"))
        heard = len(server.heard)
        assert carrier.try_begin(part, nothing, came.set) == is_begun
        if is_begun:
            await came.wait()
            attempt = carrier.attempt()
            assert attempt is not None
            assert isinstance(attempt.outcomes[0], Delivered)
            assert attempt.host == "mx1.example.org"
        else:
            await asyncio.sleep(1)
            assert len(server.heard) == heard, "nothing of it was sent"
        await carrier.close()

    run(World({ONE: server}), scenario)


@pytest.mark.parametrize("tls", [TlsLevel.MAY, TlsLevel.ENCRYPT])
def test_what_may_do_without_tls_goes_the_short_road_only_where_it_is_not_demanded(tls: TlsLevel) -> None:
    """RFC 8689 §3: the lane's session would be under TLS, if there were one."""

    async def scenario(world: World) -> None:
        route = world.courier.route(world.part().lease.message.envelope.recipients[0])
        carrier = SmtpCarrier(world.courier, route)
        await carrier.carry(world.part())
        assert carrier.is_open
        carrier._route = replace(route, tls=tls)
        assert carrier.try_begin(world.part(content=OPTIONAL), nothing, nothing) == (tls is TlsLevel.MAY)
        await carrier.close()

    run(World({ONE: ToyServer()}), scenario)


def test_where_a_recipient_goes_is_asked_again_behind_one_of_another_domain() -> None:
    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        for name in ("bob@example.org", "bob@elsewhere.example", "bob@example.org"):
            is_here = name == "bob@example.org"
            assert (await carrier.carry(world.part(name))).host == ("mx1.example.org" if is_here else "")
            if is_here:
                assert await begun(carrier, world.part(name))
            else:
                assert not carrier.try_begin(world.part(name), nothing, nothing)
        await carrier.close()

    run(World({ONE: ToyServer()}), scenario)


def test_what_went_ahead_and_was_refused_before_its_turn_is_told_so_and_not_tried_twice() -> None:
    """Also where the session has had enough, so that another try would open a new one."""
    server = ToyServer()

    async def scenario(world: World) -> None:
        first, second, third = [world.part() for _ in range(3)]
        carrier, came = world.carrier(first), asyncio.Event()
        await carrier.carry(first)
        server.script |= {"RCPT": ["250 2.1.5 ok", "550 5.1.1 nobody"], "DATA": ["354 go", "554 5.5.1 no"]}
        assert carrier.try_begin(second, lambda: third, came.set)
        await came.wait()
        assert carrier.attempt() is not None
        await asyncio.sleep(1)
        assert not carrier.try_begin(third, None, nothing), "its end is there"
        (outcome,) = (await carrier.carry(third)).outcomes
        assert isinstance(outcome, Failed)
        await carrier.close()

    run(World({ONE: server}, settings=DeliverySettings(session_messages=3)), scenario)
    assert len(server.sessions) == 1


def test_a_session_that_has_had_enough_begins_nothing() -> None:
    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        await carrier.carry(world.part())
        assert not carrier.try_begin(world.part(), nothing, lambda: None)
        await carrier.close()

    run(World({ONE: ToyServer()}, settings=DeliverySettings(session_messages=1)), scenario)


@pytest.mark.parametrize("end", [CUT, "421 4.3.2 idle too long", "raw ???\r\n", "451 4.3.0 full"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
def test_what_does_not_end_well_is_carried_on_or_told(verb: str, end: str) -> None:
    """A58, A59, A61: the same as by the long road."""

    def told(is_short: bool) -> tuple[Attempt, int]:
        server, found = ToyServer(), list[Attempt]()

        async def scenario(world: World) -> None:
            carrier = world.carrier(world.part())
            await carrier.carry(world.part())
            server.script[verb] = [end]
            part = world.part()
            attempt = await begun(carrier, part) if is_short else None
            found.append(attempt or await carrier.carry(part))
            await carrier.close()

        other = ToyServer()
        run(World({ONE: server, TWO: other}), scenario)
        return found[0], len(server.contents) + len(other.contents)

    assert told(True) == told(False)


def test_who_is_refused_is_told_so_at_once() -> None:
    server = ToyServer()

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        await carrier.carry(world.part())
        server.script["RCPT"] = ["550 5.1.1 no such user"]
        attempt = await begun(carrier, world.part())
        assert attempt is not None
        (outcome,) = attempt.outcomes
        assert isinstance(outcome, Failed)
        assert attempt.remote == "192.0.2.1:25"
        assert isinstance((await carrier.carry(world.part())).outcomes[0], Delivered)
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert len(server.sessions) == 1


def test_a_carrier_that_is_closed_calls_nobody_any_more() -> None:
    server = ToyServer(script={"END": ["250 first", CUT]})

    async def scenario(world: World) -> None:
        carrier, came = world.carrier(world.part()), asyncio.Event()
        await carrier.carry(world.part())
        assert carrier.try_begin(world.part(), nothing, came.set)
        await carrier.close()
        await asyncio.sleep(700)
        assert not came.is_set()

    run(World({ONE: server}), scenario)


def test_a_peer_that_says_nothing_is_waited_for_no_longer_than_by_the_long_road() -> None:
    """A61."""
    server = ToyServer()

    async def scenario(world: World) -> None:
        carrier = world.carrier(world.part())
        await carrier.carry(world.part())
        server.script["MAIL"] = [SILENCE]
        part, begun_s = world.part(), asyncio.get_running_loop().time()
        assert await begun(carrier, part) is None
        assert asyncio.get_running_loop().time() - begun_s == pytest.approx(300, abs=1)
        assert isinstance((await carrier.carry(part)).outcomes[0], Delivered)
        await carrier.close()

    run(World({ONE: server, TWO: ToyServer()}), scenario)
