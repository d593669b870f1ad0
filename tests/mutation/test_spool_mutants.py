"""Faults planted in the spool, each of which the sweep over power cuts or the contract suite must find."""

import pytest
from tests.support.mutants import MUTANTS, Mutant, broken_promise, swept


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_a_planted_fault_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    look = swept(mutant.journey) if mutant.journey else broken_promise
    with monkeypatch.context() as patch:
        mutant.plant(patch)
        found = look()
    assert found, f"nothing has seen it: {mutant.fault}"
    print(f"{mutant.fault}: {found[:300]}")


def test_without_a_fault_the_contract_suite_finds_nothing() -> None:
    """The sweep without a fault is tests/crash/test_power_cut_sweep.py."""
    assert broken_promise() == ""
