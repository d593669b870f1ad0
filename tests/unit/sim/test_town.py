"""mailrail keeps its promises towards every kind of stranger, and the books say so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.sim.town import Town, visit_town

from mailrail.sim.ledger import summarise
from mailrail.sim.strangers import (
    Breakage,
    BrokenTls,
    Dropper,
    Greylister,
    Liar,
    Lie,
    Moody,
    Place,
    Step,
    Stranger,
    Tarpit,
    Throttler,
)

DAY_S = 86_400.0
MAKERS: dict[str, Callable[[Place], Stranger]] = {
    "good": Stranger,
    "greylister": Greylister,
    "few connections": lambda place: Throttler(place, connections=1),
    "few messages": lambda place: Throttler(place, per_hour=10),
    "dropper": lambda place: Dropper(place, share=0.3),
    "tarpit": Tarpit,
    "moody": lambda place: Moody(
        place, temporary=dict.fromkeys(Step, 0.1), permanent={Step.RCPT: 0.1, Step.END: 0.1}
    ),
    **{f"tls {one.value}": lambda place, one=one: BrokenTls(place, breakage=one) for one in Breakage},  # type: ignore[misc]
    **{f"lie {one.value}": lambda place, one=one: Liar(place, lie=one) for one in Lie},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", list(MAKERS))
def test_every_message_to_this_stranger_has_an_end_and_no_rule_is_broken(tmp_path: Path, name: str) -> None:
    async def scenario(town: Town) -> None:
        town.settle("far.test", MAKERS[name])
        kind = town.kind(
            most_recipients=4, bad_share=0.05, null_share=0.1, dsn_share=0.2, eight_bit_share=0.3
        )
        await town.traffic.people(kind, town.route, 60.0, 3600.0)
        await town.calm(6 * DAY_S)

    town = visit_town(tmp_path, scenario)
    assert town.ledger.violations == []
    total = summarise(town.ledger.books).total
    assert total.recipients > 30
    assert total.delivered + total.bounced == total.recipients
