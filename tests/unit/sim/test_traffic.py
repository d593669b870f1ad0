"""Traffic: as much as was asked for, of the kind that was asked for, and the same again from the same seed."""

import asyncio

import pytest
from tests.unit.sim.strangers.parlour import HERE, Parlour, meet

from mailrail.sim import seeded
from mailrail.sim.ledger import Ledger
from mailrail.sim.posting import NOBODY, Posting, key_of
from mailrail.sim.postman import Route
from mailrail.sim.strangers import Stranger
from mailrail.sim.traffic import BY_DAY, Kind, Traffic

KIND = Kind(
    ("a.example",),
    {"b.example": 3.0, "c.example": 1.0},
    most_recipients=3,
    bad_share=0.1,
    null_share=0.2,
    dsn_share=0.3,
    eight_bit_share=0.5,
)


def test_messages_are_of_the_kind_that_was_asked_for() -> None:
    rng = seeded()
    postings = [KIND.posting(number, rng) for number in range(2000)]
    wanted = [one for posting in postings for one in posting.recipients]
    assert 0.15 < sum(not posting.sender for posting in postings) / 2000 < 0.25
    assert 0.45 < sum(posting.is_8bit for posting in postings) / 2000 < 0.55
    assert 0.70 < sum(one.address.endswith("@b.example") for one in wanted) / len(wanted) < 0.80
    assert 0.07 < sum(one.address.startswith(NOBODY) for one in wanted) / len(wanted) < 0.13
    assert 0.25 < sum(bool(one.notify) for one in wanted) / len(wanted) < 0.35
    assert {len(posting.recipients) for posting in postings} == {1, 2, 3}
    assert all(600 <= posting.size_bytes <= 40_000 for posting in postings)


@pytest.mark.parametrize("is_8bit", [False, True])
def test_content_is_about_as_long_as_was_asked_for_and_bears_its_key(is_8bit: bool) -> None:
    content = Posting(12, "ann@a.example", (), 5000, is_8bit).content(3)
    assert 4800 < len(content) < 5300
    assert key_of(content) == "12.3"
    assert content.isascii() is not is_8bit


def test_the_hours_of_a_day_are_a_whole_day() -> None:
    assert len(BY_DAY) == 24
    assert sum(BY_DAY) / 24 == pytest.approx(1.0, abs=0.03)


def test_people_come_at_the_rate_that_was_asked_for_and_more_at_noon_than_at_night() -> None:
    async def scenario(parlour: Parlour) -> None:
        ledger = Ledger()
        traffic = Traffic(ledger, seeded())
        route = Route(parlour.network, (("mx", HERE),))
        await traffic.people(KIND, route, 20.0, 86_400.0, BY_DAY)
        assert 400 < traffic.begun < 560
        assert traffic.unanswered == 0
        at_noon = sum(9 * 3600 < copy.at_s < 13 * 3600 for copy in ledger.books.copies.values())
        at_night = sum(copy.at_s < 4 * 3600 for copy in ledger.books.copies.values())
        assert at_noon > 5 * at_night

    meet(Stranger, scenario)


def test_programs_send_what_they_were_told_over_few_connections() -> None:
    async def scenario(parlour: Parlour) -> None:
        traffic = Traffic(Ledger(), seeded())
        await traffic.programs(KIND, Route(parlour.network, (("mx", HERE),)), 4, 250, 3600.0)
        assert traffic.begun == 250
        assert parlour.stranger.tally.connections <= 8

    meet(Stranger, scenario)


def test_the_same_seed_gives_the_same_traffic() -> None:
    def run() -> list[tuple[float, bytes]]:
        async def scenario(parlour: Parlour) -> None:
            traffic = Traffic(Ledger(), seeded(7))
            await traffic.people(KIND, Route(parlour.network, (("mx", HERE),)), 60.0, 3600.0)
            await asyncio.sleep(60)

        return [(handover.at_s, content) for handover, content in meet(Stranger, scenario).notes.taken]

    assert run() == run()
