"""`mailrail sim`: what it lists, what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program
from tests.unit.sim.scenario.test_scenario_tables import result

from mailrail.sim.ledger import Violation

WORLD = """
title = "two friends"
days = 0.05
[node.mx.settings]
hostname = "mx.ours.example"
relay.networks = ["10.0.0.0/8"]
[stranger."b.example"]
[[traffic]]
senders = ["b.example"]
recipients = { "b.example" = 1 }
clients = 1
messages = 5
"""


def test_the_scenarios_are_listed(mailrail: Program) -> None:
    said = mailrail("sim", "--list")
    assert said.code == 0
    assert "normal_day " in said.out


def test_a_scenario_of_ones_own_is_run_and_told_in_a_table(mailrail: Program, tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(WORLD)
    said = mailrail("sim", str(file), "--plot", str(tmp_path / "world.png"))
    assert said.code == 0
    assert said.out.startswith("world: two friends\n")
    assert "taken 5 messages for 5 recipients" in said.out
    assert "b.example             5          5" in said.out
    assert "no rule was broken" in said.out
    assert (tmp_path / "world.png").read_bytes().startswith(b"\x89PNG")


def test_all_that_happened_is_told_on_request(mailrail: Program, tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(WORLD)
    assert "MessageAccepted" in mailrail("sim", str(file), "--timeline").out
    assert "MessageAccepted" not in mailrail("sim", str(file)).out


def test_json_is_one_object_and_days_and_seed_may_be_said_here(mailrail: Program, tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    file.write_text(WORLD)
    said = mailrail("sim", str(file), "--json", "--seed", "9", "--days", "0.02", "--scale", "0.4")
    values = json.loads(said.out)
    assert (values["seed"], values["days"], values["counts"]["taken"]) == (9, 0.02, 2)


def test_the_settings_of_the_first_node_may_be_ones_own(mailrail: Program, tmp_path: Path) -> None:
    file, config = tmp_path / "world.toml", tmp_path / "mailrail.toml"
    file.write_text(WORLD)
    config.write_text(
        'hostname = "mx.mine.example"\n[relay]\nnetworks = ["10.0.0.0/8"]\n[routing]\ntls = "verify"\n'
    )
    said = mailrail("sim", str(file), "--config", str(config))
    assert 'note: routing.tls is "may" instead of "verify"' in said.out
    assert "no rule was broken" in said.out


def test_a_broken_rule_is_told_and_the_exit_code_is_1(
    mailrail: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = result(Violation(5.0, "1.1", "lost", "bob got nothing", ("day 0 offered",)))
    monkeypatch.setattr("mailrail.sim.scenario.run_scenario", lambda chosen, tell, *, is_told: found)
    said = mailrail("sim", "normal_day", "--scale", "0.5")
    assert said.code == 1
    assert said.out.endswith(
        "BROKEN: 1 violation\nlost: message 1.1, bob got nothing\n    day 0 offered\n"
        "see it: mailrail sim normal_day --seed 1 --days 1 --scale 0.5 --timeline\n"
    )


@pytest.mark.slow
def test_a_seed_alone_runs_the_mixed_scenario(mailrail: Program) -> None:
    said = mailrail("sim", "--seed", "3", "--days", "0.1")
    assert said.code == 0
    assert said.out.startswith("mixed, seed 3: 0.1 simulated days")
    told = mailrail("sim", "--seed", "3", "--days", "0.1", "--timeline").out
    assert "MessageAccepted" in told
    assert json.loads(mailrail("sim", "--seed", "3", "--days", "0.1", "--json").out)["violations"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 64, "name a SCENARIO"),
        (("normal_dax",), 65, 'did you mean "normal_day"?'),
        (("missing.toml",), 65, "no such file: --list shows"),
        (("--seed", "3", "--plot", "world.png"), 64, "are for a SCENARIO"),
        (("normal_day", "--scale", "0"), 64, "--scale"),
    ],
)
def test_what_cannot_be_run_is_told(
    mailrail: Program, arguments: tuple[str, ...], code: int, words: str
) -> None:
    said = mailrail("sim", *arguments)
    assert said.code == code
    assert words in said.err
