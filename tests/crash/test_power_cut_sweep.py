"""A67: the power is cut at every write, truncation, removal, rename and sync of what the spool does."""

import os

import pytest
from tests.support.power_cuts import JOURNEYS, Journey, cuts_of, states_of, troubles

TIMES = int(os.environ.get("MAILRAIL_CHANCES", "1"))


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)
def test_what_was_acknowledged_is_whole_and_what_was_not_is_whole_or_not_there(journey: Journey) -> None:
    cuts = cuts_of(journey, TIMES)
    wrong = list(troubles(journey, cuts, states_of(journey)))
    print(f"{journey.name}: {len(cuts)} power cuts, {len(wrong)} with a loss")
    assert not wrong, "\n".join(wrong[:5])
