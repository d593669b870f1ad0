"""Faults planted in the stations of the journey, each of which the books of a simulated fleet must find."""

import pytest
from tests.support.fleet_mutants import FLEET_MUTANTS, FleetMutant, broken_rules

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mutant", FLEET_MUTANTS, ids=lambda mutant: mutant.fault)
def test_a_planted_fault_is_found(mutant: FleetMutant, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        mutant.plant(patch)
        broken = broken_rules()
    found = [one for one in broken if one.rule in mutant.rules]
    others = sorted({one.rule for one in broken} - mutant.rules)
    assert found, f"nothing has seen it: {mutant.fault}; broken: {others}"
    print(f"{mutant.fault}: {len(found)} times, first: {found[0].rule}: {found[0].words}; also {others}")


def test_without_a_fault_no_rule_is_broken() -> None:
    assert [f"{one.rule}: {one.words}" for one in broken_rules()] == []
