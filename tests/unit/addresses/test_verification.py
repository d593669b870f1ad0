"""What next hops said about addresses is remembered: how long, how often asked, and what counts when they are silent."""

import asyncio
from dataclasses import dataclass, field

import pytest

from mailrail.addresses import NotKnownNowError, Verified, VerifySettings
from mailrail.model import Address, parse_address
from mailrail.sim import simulate

ANN, BOB = parse_address("ann@example.org"), parse_address("bob@example.org")
SETTINGS = VerifySettings(good_s=100, bad_s=10, longest_s=1000, timeout_s=5, at_once=2, remembered=3)


@dataclass
class Hop:
    names: set[Address] = field(default_factory=lambda: {ANN})
    is_down: bool = False
    takes_s: float = 1.0
    asked: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0

    async def takes(self, address: Address) -> bool:
        self.asked.append(address.local_part)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.running -= 1
        if self.is_down:
            raise NotKnownNowError("no connection")
        return address in self.names


def test_good_and_bad_are_remembered_each_for_its_time() -> None:
    async def scenario() -> None:
        hop = Hop()
        verified = Verified(hop, SETTINGS)
        for _ in range(3):
            assert await verified.takes(ANN)
            assert not await verified.takes(BOB)
        assert hop.asked == ["ann", "bob"]
        hop.names = {BOB}
        await asyncio.sleep(12)
        assert await verified.takes(BOB)
        assert await verified.takes(ANN), "still what it was"
        await asyncio.sleep(100)
        assert not await verified.takes(ANN)
        assert hop.asked == ["ann", "bob", "bob", "ann"]

    simulate(scenario())


def test_a74_what_was_good_is_good_while_nobody_can_be_asked_and_what_was_bad_is_later() -> None:
    async def scenario() -> None:
        hop = Hop()
        verified = Verified(hop, SETTINGS)
        assert await verified.takes(ANN)
        assert not await verified.takes(BOB)
        hop.is_down = True
        await asyncio.sleep(200)
        assert await verified.takes(ANN)
        with pytest.raises(NotKnownNowError):
            await verified.takes(BOB)
        await asyncio.sleep(1000)
        with pytest.raises(NotKnownNowError):
            await verified.takes(ANN)

    simulate(scenario())


def test_many_who_wait_for_one_answer_ask_once() -> None:
    async def scenario() -> None:
        hop = Hop()
        verified = Verified(hop, SETTINGS)
        assert await asyncio.gather(*(verified.takes(ANN) for _ in range(50))) == [True] * 50
        hop.is_down = True
        answers = await asyncio.gather(*(verified.takes(BOB) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(answer, NotKnownNowError) for answer in answers)
        assert hop.asked == ["ann", "bob"]

    simulate(scenario())


def test_who_leaves_takes_the_question_along_and_the_next_asks_anew() -> None:
    async def scenario() -> None:
        hop = Hop()
        verified = Verified(hop, SETTINGS)
        first, second = (asyncio.ensure_future(verified.takes(ANN)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second
        assert hop.asked == ["ann", "ann"]

    simulate(scenario())


def test_questions_are_bounded_in_number_time_and_memory() -> None:
    async def scenario() -> None:
        hop = Hop(names=set())
        verified = Verified(hop, SETTINGS)
        names = [Address(f"n{number}", "example.org") for number in range(6)]
        await asyncio.gather(*map(verified.takes, names))
        assert hop.most == 2
        assert not await verified.takes(names[0])
        assert len(hop.asked) == 7, "forgotten: only three are remembered"
        hop.takes_s = 100
        with pytest.raises(NotKnownNowError, match=r"no answer about ann@example\.org in 5 s") as caught:
            await verified.takes(ANN)
        assert (caught.value.reply.code, caught.value.reply.enhanced_code) == (450, "4.4.1")
        assert hop.running == 0

    simulate(scenario())
