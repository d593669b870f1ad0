"""Mail that is to be delivered in time (RFC 2852), against next hops in memory."""

import asyncio
from dataclasses import replace

import pytest
from tests.unit.client.toy_server import ToyServer
from tests.unit.delivery.world import ONE, TWO, World, one_try, run

from mailrail.model import SECOND_US, Blame, DeliverBy, Delivered, Failed, Notify, Recipient, parse_address
from mailrail.routing import RouteSettings

MAIL = "MAIL FROM:<ann@example.com>"
OFFER = ("PIPELINING", "DSN", "DELIVERBY 30")


@pytest.mark.parametrize("traces", [False, True])
@pytest.mark.parametrize(
    ("by_s", "returns", "left"), [(120, True, "120;R"), (120, False, "120;N"), (-7, False, "-7;N")]
)
def test_a_hop_that_offers_it_is_told_how_much_is_left(
    by_s: int, returns: bool, left: str, traces: bool
) -> None:
    server = ToyServer(keywords=OFFER)
    (outcome,) = one_try(World({ONE: server}), deliver_by=DeliverBy(by_s, returns, traces)).outcomes
    assert isinstance(outcome, Delivered)
    assert outcome.passed_by
    assert f"{MAIL} BY={left}{'T' if traces else ''}" in server.heard
    assert any(line == "RCPT TO:<bob@example.org>" for line in server.heard)


def test_the_time_in_the_queue_is_taken_off_and_each_message_has_its_own() -> None:
    server = ToyServer(keywords=("PIPELINING", "DELIVERBY"))

    async def scenario(world: World) -> None:
        first = world.part(deliver_by=DeliverBy(120, returns=True))
        second = world.part(deliver_by=DeliverBy(300, returns=False))
        carrier = world.carrier(first)
        await asyncio.sleep(22.5)
        await carrier.carry(first, lambda: second)
        await asyncio.sleep(10)
        await carrier.carry(second)
        await carrier.carry(world.part())
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert [line for line in server.heard if line.startswith("MAIL")] == [
        f"{MAIL} BY=98;R", f"{MAIL} BY=268;N", MAIL,
    ]  # fmt: skip
    assert len(server.sessions) == 1


@pytest.mark.parametrize(
    ("keywords", "by_s", "words"),
    [
        (("PIPELINING",), 120, "it offers no DELIVERBY"),
        (("PIPELINING", "DELIVERBY 121"), 120, "120 s are left, and it wants 121"),
    ],
)
def test_mode_r_goes_to_no_hop_that_does_not_promise_the_same_and_no_other_is_asked(
    keywords: tuple[str, ...], by_s: int, words: str
) -> None:
    """RFC 2852 §4.1.4.1, §7."""
    one, two = ToyServer(keywords=keywords), ToyServer(keywords=OFFER)
    (outcome,) = one_try(World({ONE: one, TWO: two}), deliver_by=DeliverBy(by_s, returns=True)).outcomes
    assert isinstance(outcome, Failed)
    assert outcome.blame is Blame.MESSAGE
    assert outcome.reply.text.endswith(words)
    assert not any(line.startswith("MAIL") for line in one.heard)
    assert two.sessions == []


def test_mode_r_whose_time_ran_out_on_the_way_to_the_hop_goes_back() -> None:
    server = ToyServer(keywords=OFFER)

    async def scenario(world: World) -> None:
        part = world.part(deliver_by=DeliverBy(10, returns=True))
        await asyncio.sleep(10)
        carrier = world.carrier(part)
        (outcome,) = (await carrier.carry(part)).outcomes
        assert isinstance(outcome, Failed)
        assert outcome.reply.enhanced_code == "5.4.7"
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert server.contents == []


@pytest.mark.parametrize("returns", [True, False])
def test_a62_a_step_of_the_clock_takes_nothing_off_the_time_that_is_left(returns: bool) -> None:
    server = ToyServer(keywords=OFFER)

    async def scenario(world: World) -> None:
        part = world.part(deliver_by=DeliverBy(120, returns))
        world.clock.step(86_400)
        carrier = world.carrier(part)
        await asyncio.sleep(10)
        (outcome,) = (await carrier.carry(replace(part, stepped_us=86_400 * SECOND_US))).outcomes
        assert isinstance(outcome, Delivered)
        await carrier.close()

    run(World({ONE: server}), scenario)
    assert f"{MAIL} BY=110;{'R' if returns else 'N'}" in server.heard


def test_a_mailbox_need_not_promise_what_it_does_anyway() -> None:
    server = ToyServer(is_lmtp=True)
    route = RouteSettings.model_validate({"match": "*", "next_hop": "192.0.2.1:25", "lmtp": True})
    world = World({ONE: server}, routes=(route,))
    (outcome,) = one_try(world, deliver_by=DeliverBy(120, returns=True)).outcomes
    assert isinstance(outcome, Delivered)
    assert outcome.is_final


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        (Notify.DEFAULT, " NOTIFY=FAILURE,DELAY"),
        (Notify.SUCCESS, " NOTIFY=SUCCESS,DELAY"),
        (Notify.FAILURE | Notify.DELAY, " NOTIFY=FAILURE,DELAY"),
        (Notify.NEVER, " NOTIFY=NEVER"),
    ],
)
def test_mode_n_goes_to_any_hop_which_is_asked_for_notices_of_delay_instead(
    notify: Notify, told: str
) -> None:
    """RFC 2852 §4.1.4.2."""
    server = ToyServer(keywords=("PIPELINING", "DSN"))
    recipient = Recipient(parse_address("bob@example.org"), notify)
    by = DeliverBy(120, returns=False)
    (outcome,) = one_try(World({ONE: server}), recipients=(recipient,), deliver_by=by).outcomes
    assert isinstance(outcome, Delivered)
    assert not outcome.passed_by
    assert MAIL in server.heard
    assert f"RCPT TO:<bob@example.org>{told}" in server.heard
