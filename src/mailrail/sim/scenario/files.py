"""Floor 5 · sim — where scenarios are found: a file of yours, or one of those that come with mailrail."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from mailrail.config import MailrailSettings, load, load_as
from mailrail.sim.scenario.settings import ScenarioSettings


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, checked.

    Attributes:
        nodes: the settings of each node, wherever they stand.
    """

    name: str
    settings: ScenarioSettings
    nodes: Mapping[str, MailrailSettings]


def shipped() -> dict[str, str]:
    """Return the scenarios that come with mailrail: name and title."""
    folder = files("mailrail.sim") / "scenarios"
    found = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    return {
        name.removesuffix(".toml"): tomllib.loads((folder / name).read_text("utf-8"))["title"]
        for name in found
    }


def read_shipped(name: str) -> Scenario:
    """Read one of those that come with mailrail."""
    with as_file(files("mailrail.sim") / "scenarios" / f"{name}.toml") as path:
        return read_scenario(path)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file, and the settings files that it names.

    Raises:
        BadSettingsError: one of them cannot be used; it carries every problem found in it.
    """
    settings = load_as(path, ScenarioSettings)
    nodes = {name: node.settings or load(path.parent / node.config) for name, node in settings.node.items()}
    return Scenario(path.stem, settings, nodes)
