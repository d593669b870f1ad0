"""`mailrail table`: what the tables of the settings say, asked as the server asks them."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program

from mailrail.cli.exits import Exit


@pytest.fixture
def tables(config: Path) -> Path:
    (config.parent / "aliases").write_text('info: ann, "|/bin/filter -a"\n')
    with config.open("a") as file:
        file.write(
            f"""
            [table.staff]
            kind = "aliases"
            file = "{config.parent}/aliases"
            [table.broken]
            kind = "function"
            function = "operator:neg"
            """
        )
    return config


def test_a_key_is_looked_up_for_people_and_for_programs(tables: Path, mailrail: Program) -> None:
    assert mailrail("table", "look-up", "staff", "INFO").out == "ann\n|/bin/filter -a\n"
    said = mailrail("table", "look-up", "staff", "info", "--json")
    assert (said.code, json.loads(said.out)["values"]) == (Exit.OK, ["ann", "|/bin/filter -a"])


@pytest.mark.parametrize(
    ("name", "key", "code", "words"),
    [
        ("staff", "nobody", Exit.DATA, "there is nothing under nobody in staff"),
        ("stuff", "info", Exit.DATA, "there is no table stuff; there are: staff, broken"),
        ("broken", "info", Exit.TEMPORARY, "table broken: operator:neg raised TypeError"),
    ],
)
def test_the_exit_code_says_whether_there_is_nothing_or_no_answer(
    name: str, key: str, code: Exit, words: str, tables: Path, mailrail: Program
) -> None:
    said = mailrail("table", "look-up", name, key)
    assert (said.code, words in said.err, said.out) == (code, True, "")


def test_the_tables_are_listed(tables: Path, mailrail: Program) -> None:
    said = mailrail("table", "list")
    assert said.out.splitlines()[1:] == [
        f"staff   aliases   aliases in {tables.parent}/aliases, 1 key",
        "broken  function  the function operator:neg",
    ]
    rows = [json.loads(line) for line in mailrail("table", "list", "--json").out.splitlines()]
    assert [(row["table"], row["kind"]) for row in rows] == [("staff", "aliases"), ("broken", "function")]


def test_settings_without_tables_say_how_one_begins(config: Path, mailrail: Program) -> None:
    assert "[table.NAME]" in mailrail("table", "list").out
