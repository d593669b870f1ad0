"""Each kind of stranger does the one thing that it is there for."""

import asyncio
import itertools

import pytest
from tests.unit.sim.strangers.parlour import Parlour, meet

from mailrail.model import NetError
from mailrail.sim.strangers import (
    Breakage,
    BrokenTls,
    Dropper,
    Fate,
    Greylister,
    Liar,
    Lie,
    Moody,
    Place,
    Step,
    Store,
    Tarpit,
    Throttler,
)


def test_a_greylister_opens_to_the_same_triple_after_its_time_and_stays_open() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        assert (await parlour.give(dialogue)).startswith("450 4.7.1")
        await dialogue.say("RSET")
        await asyncio.sleep(100)
        assert (await parlour.give(dialogue)).startswith("450")
        await dialogue.say("RSET")
        await asyncio.sleep(250)
        assert (await parlour.give(dialogue, "eve@b.example")).startswith("450")
        await dialogue.say("RSET")
        assert (await parlour.give(dialogue)).startswith("250")
        assert (await parlour.give(dialogue)).startswith("250")

    meet(Greylister, scenario)


def test_a_greylister_forgets_who_comes_too_late() -> None:
    async def scenario(parlour: Parlour) -> None:
        for _ in range(2):
            dialogue = await parlour.greeted()
            assert (await parlour.give(dialogue)).startswith("450")
            dialogue.abort()
            await asyncio.sleep(15_000)

    meet(Greylister, scenario)


def test_a_store_answers_for_each_recipient_and_keeps_it_for_those_it_grants() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.client()
        await dialogue.reply()
        assert (await dialogue.say("LHLO client.example")).startswith("250")
        assert (await parlour.give(dialogue, "a@b.example", "b@b.example", "c@b.example")).startswith("452")
        assert (await dialogue.reply()).startswith("250")
        assert (await dialogue.reply()).startswith("452")

    notes = meet(Moment, scenario).notes
    assert [handover.recipients for handover, _ in notes.taken] == [(("b@b.example", ""),)]
    assert notes.complaints == []


class Moment(Store):
    """Busy for every other recipient."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._asked = itertools.count()

    def happens(self, share: float) -> bool:
        return next(self._asked) % 2 == 0


def test_a_store_speaks_no_smtp() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.client()
        await dialogue.reply()
        assert (await dialogue.say("EHLO client.example")).startswith("500")

    meet(Store, scenario)


def test_a_throttler_counts_the_connections_of_each_client() -> None:
    async def scenario(parlour: Parlour) -> None:
        open_ones = [await parlour.greeted() for _ in range(2)]
        surplus = await parlour.client()
        assert (await surplus.reply()).startswith("421")
        await parlour.greeted("198.51.100.10")
        await open_ones[0].quit()
        await asyncio.sleep(1)
        await parlour.greeted()

    tally = meet(lambda place: Throttler(place, connections=2), scenario).stranger.tally
    assert tally.most_by_client["198.51.100.9"] == 3


def test_a_throttler_counts_the_messages_of_the_last_hour() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        for _ in range(3):
            assert (await parlour.give(dialogue)).startswith("250")
        assert (await parlour.give(dialogue)).startswith("421 4.7.28")
        await asyncio.sleep(3600)
        assert (await parlour.give(await parlour.greeted())).startswith("250")

    meet(lambda place: Throttler(place, per_hour=3), scenario)


@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_a_dropper_vanishes_after_the_final_dot(kept: float) -> None:
    async def scenario(parlour: Parlour) -> None:
        with pytest.raises(NetError):
            await parlour.give(await parlour.greeted())

    taken = meet(lambda place: Dropper(place, share=1.0, kept=kept), scenario).notes.taken
    assert [handover.fate for handover, _ in taken] == [Fate.UNSAID] * int(kept)


def test_a_tarpit_is_slow_and_the_last_reply_is_said_only_after_its_wait() -> None:
    async def scenario(parlour: Parlour) -> None:
        began_s = asyncio.get_running_loop().time()
        dialogue = await parlour.greeted()
        assert (await parlour.give(dialogue)).startswith("250")
        assert asyncio.get_running_loop().time() - began_s > 30
        for line in ("MAIL FROM:<>", "RCPT TO:<b@b.example>", "DATA"):
            await dialogue.say(line)
        await dialogue.send(b".\r\n")
        await asyncio.sleep(0.1)
        dialogue.abort()
        await asyncio.sleep(100)
        assert [handover.fate for handover, _ in parlour.notes.taken] == [Fate.READ, Fate.UNSAID]

    assert meet(Tarpit, scenario).notes.complaints == []


@pytest.mark.parametrize(
    ("breakage", "heard"),
    [
        (Breakage.REFUSED, "454"),
        (Breakage.GARBAGE, "500"),
        (Breakage.ALERT, "\x15\x03\x03"),
    ],
)
def test_broken_tls_is_broken_as_it_was_told(breakage: Breakage, heard: str) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        reply = await dialogue.say("STARTTLS")
        if reply.startswith("220"):
            await dialogue.send(b"\x16\x03\x01 hello")
            reply = await dialogue.reply()
        assert reply.startswith(heard)

    meet(lambda place: BrokenTls(place, breakage=breakage), scenario)


@pytest.mark.parametrize("breakage", [Breakage.CLOSE, Breakage.SILENCE])
def test_broken_tls_may_also_say_nothing(breakage: Breakage) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        assert (await dialogue.say("STARTTLS")).startswith("220")
        await dialogue.send(b"\x16\x03\x01 hello")
        with pytest.raises(NetError):
            await dialogue.reply(60)

    meet(lambda place: BrokenTls(place, breakage=breakage), scenario)


async def _say_all(parlour: Parlour, *lines: str) -> str:
    dialogue = await parlour.greeted()
    reply = ""
    for line in lines:
        reply = await dialogue.say(line)
    return reply


@pytest.mark.parametrize(
    ("lie", "lines", "heard"),
    [
        (Lie.EIGHT_BIT, ("MAIL FROM:<> BODY=8BITMIME",), "501"),
        (Lie.DSN, ("MAIL FROM:<>", "RCPT TO:<b@b.example> NOTIFY=NEVER"), "501"),
        (Lie.LIMITS, ("MAIL FROM:<>", "RCPT TO:<a@b>", "RCPT TO:<b@b>", "RCPT TO:<c@b>"), "452"),
    ],
)
def test_a_liar_refuses_what_it_offers(lie: Lie, lines: tuple[str, ...], heard: str) -> None:
    async def scenario(parlour: Parlour) -> None:
        assert (await _say_all(parlour, *lines)).startswith(heard)

    meet(lambda place: Liar(place, lie=lie), scenario)


def test_a_liar_finds_a_message_too_big_that_is_not() -> None:
    async def scenario(parlour: Parlour) -> None:
        reply = await parlour.give(await parlour.greeted(), content=b"x" * 60 + b"\r\n" + b"yy\r\n" * 4000)
        assert reply.startswith("552")

    assert meet(Liar, scenario).notes.taken == []


@pytest.mark.parametrize("step", list(Step))
def test_a_moody_one_refuses_at_the_step_it_was_told(step: Step) -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.client()
        replies = [await dialogue.reply()]
        for line in ("EHLO a", "MAIL FROM:<>", "RCPT TO:<b@b.example>", "DATA", "\r\n."):
            if replies[-1][0] in "45":
                break
            replies.append(await dialogue.say(line))
        assert len(replies) == list(Step).index(step) + 1
        assert replies[-1].startswith("5")

    meet(lambda place: Moody(place, temporary={}, permanent={step: 1.0}), scenario)


def test_a_moody_one_refuses_about_as_often_as_it_was_told() -> None:
    async def scenario(parlour: Parlour) -> None:
        dialogue = await parlour.greeted()
        await dialogue.say("MAIL FROM:<>")
        replies = [await dialogue.say("RCPT TO:<b@b.example>") for _ in range(500)]
        refused = sum(reply.startswith("450") for reply in replies)
        assert 60 < refused < 140

    def make(place: Place) -> Moody:
        return Moody(place)

    meet(make, scenario)
