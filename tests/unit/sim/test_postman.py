"""The honest client: it comes again while it is told "later", and remembers what was answered."""

from tests.unit.sim.strangers.parlour import HERE, Parlour, meet

from mailrail.sim.ledger import Answered, Ledger
from mailrail.sim.posting import Posting, Wanted
from mailrail.sim.postman import Postman, Route
from mailrail.sim.strangers import (
    Answer,
    Dropper,
    Greylister,
    Letter,
    Liar,
    Lie,
    Place,
    Stranger,
    Then,
    Visit,
)

TWO = (Wanted("bob@b.example"), Wanted("nobody@b.example"))


async def bring(parlour: Parlour, posting: Posting) -> tuple[Ledger, int]:
    ledger = Ledger()
    postman = Postman(Route(parlour.network, (("mx", HERE),)), ledger, parlour.stranger.place.rng)
    left = await postman.bring(posting)
    await postman.rest()
    return ledger, left


def test_it_brings_a_message_to_those_who_exist_and_takes_a_no_for_an_answer() -> None:
    async def scenario(parlour: Parlour) -> None:
        ledger, left = await bring(parlour, Posting(1, "ann@a.example", TWO))
        (copy,) = ledger.books.copies.values()
        assert left == 0
        assert copy.answered is Answered.TAKEN
        assert list(copy.fortunes) == ["bob@b.example"]

    parlour = meet(Stranger, scenario)
    assert [content for _, content in parlour.notes.taken] == [Posting(1, "ann@a.example", TWO).content(1)]
    assert parlour.notes.complaints == []


def test_it_does_without_pipelining_and_without_dsn() -> None:
    async def scenario(parlour: Parlour) -> None:
        posting = Posting(1, "", (Wanted("bob@b.example", "NEVER"),), is_8bit=True)
        assert (await bring(parlour, posting))[1] == 0

    parlour = meet(Stranger, scenario, ("8BITMIME",))
    assert len(parlour.notes.taken) == 1
    assert parlour.notes.complaints == []


def test_it_comes_again_with_another_key_while_it_is_told_later() -> None:
    async def scenario(parlour: Parlour) -> None:
        ledger, left = await bring(parlour, Posting(7, "ann@a.example", TWO[:1]))
        assert left == 0
        (copy,) = ledger.books.copies.values()
        assert copy.trial > 1

    meet(Greylister, scenario)


def test_what_broke_after_the_final_dot_is_brought_again_and_both_copies_are_in_the_books() -> None:
    async def scenario(parlour: Parlour) -> None:
        ledger, left = await bring(parlour, Posting(7, "ann@a.example", TWO[:1]))
        assert left == 0
        answers = [copy.answered for copy in ledger.books.copies.values()]
        assert answers[-1] is Answered.TAKEN
        assert set(answers[:-1]) == {Answered.LOST}

    meet(lambda place: Dropper(place, share=0.8), scenario)


def test_it_brings_a_message_in_parts_where_the_server_takes_few_recipients() -> None:
    async def scenario(parlour: Parlour) -> None:
        wanted = tuple(Wanted(f"bob{number}@b.example") for number in range(5))
        ledger, left = await bring(parlour, Posting(7, "ann@a.example", wanted))
        assert left == 0
        assert [len(copy.fortunes) for copy in ledger.books.copies.values()] == [2, 2, 1]

    meet(lambda place: Liar(place, lie=Lie.LIMITS), scenario)


class Closed(Stranger):
    """Says no to everybody, but not for good."""

    def mail(self, visit: Visit, letter: Letter) -> Answer:
        return Answer("421 4.3.2 Closed", Then.CLOSE)


def test_its_patience_ends_after_days() -> None:
    async def scenario(parlour: Parlour) -> None:
        ledger, left = await bring(parlour, Posting(7, "ann@a.example", TWO))
        assert left == 2
        assert ledger.books.copies == {}

    def make(place: Place) -> Stranger:
        return Closed(place)

    assert meet(make, scenario).stranger.tally.connections > 100
