"""Floor 5 · sim — scenarios: a world written down in a TOML file, run, and told of in tables and pictures.

matplotlib stays outside until a picture is wanted: `from mailrail.sim.scenario.plot import write_plot`.
"""

from mailrail.sim.scenario.files import Scenario, read_scenario, read_shipped, shipped
from mailrail.sim.scenario.run import Result, run_scenario
from mailrail.sim.scenario.settings import ScenarioSettings
from mailrail.sim.scenario.tables import HEADS, as_values, broken, rows, worst

__all__ = [
    "HEADS",
    "Result",
    "Scenario",
    "ScenarioSettings",
    "as_values",
    "broken",
    "read_scenario",
    "read_shipped",
    "rows",
    "run_scenario",
    "shipped",
    "worst",
]
