"""Every scenario that comes with mailrail runs, with less traffic than it has, and breaks no rule."""

from dataclasses import replace

import pytest

from mailrail.sim.scenario import Result, as_values, read_shipped, run_scenario, shipped

SCALES = {"burst_of_100000": 0.005, "provider_throttles": 0.3}
SCALE = 0.05


def run(name: str, scale: float, **changes: float) -> Result:
    found = read_shipped(name)
    settings = found.settings.scaled(scale).model_copy(update=changes)
    return run_scenario(replace(found, settings=settings))


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped())
def test_this_scenario_breaks_no_rule(name: str) -> None:
    result = run(name, SCALES.get(name, SCALE))
    assert result.violations == ()
    total = result.summary.total
    assert total.recipients > 100
    assert total.delivered > 0.9 * total.recipients
    assert len(result.samples) > 300


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run() -> None:
    def told() -> dict[str, object]:
        values = as_values(run("crash_every_hour", 0.05, days=0.2))
        return {key: value for key, value in values.items() if key != "took_s"}

    assert told() == told()
