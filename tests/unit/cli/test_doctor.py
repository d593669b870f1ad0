"""`mailrail doctor` as a command: what it prints, and how it ends."""

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Program

from mailrail.cli.doctor import _lines, _summary
from mailrail.cli.exits import Exit
from mailrail.doctor import CHECKS, Finding, Level

HERE = ("--only", "settings", "--only", "spool", "--only", "certificate")


def test_every_check_is_listed_with_what_it_asks(mailrail: Program) -> None:
    said = mailrail("doctor", "--list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == list(CHECKS)


def test_a_planned_set_up_is_checked_and_the_findings_are_counted(mailrail: Program, config: Path) -> None:
    said = mailrail("doctor", *HERE)
    assert (said.code, said.err) == (0, "")
    assert f"ok       settings     {config} is good" in said.out
    assert "mend: name a better one by [[tls.certificate]]" in said.out
    assert said.out.endswith("All is well: 1 good, 2 notes.\n")


def test_programs_get_an_object_a_line(mailrail: Program) -> None:
    found = [json.loads(line) for line in mailrail("doctor", "--json", *HERE).out.splitlines()]
    assert [one["check"] for one in found] == ["settings", "spool", "certificate"]
    assert set(found[0]) == {"check", "level", "what", "why", "mend"}


def test_an_error_ends_it_with_1(mailrail: Program, config: Path) -> None:
    spool = config.parent / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    said = mailrail("doctor", "--only", "spool")
    assert said.code == 1
    assert f"mend: chmod 700 {spool}" in said.out
    assert said.out.endswith("1 error, 0 warnings, 0 notes, 0 good.\n")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_with_bad_settings_these_are_all_there_is_to_say(
    mailrail: Program, config: Path, form: tuple[str, ...]
) -> None:
    config.write_text("hostname = 7\n")
    said = mailrail("doctor", *form)
    assert said.code == 1
    assert "hostname" in said.out
    assert ("Nothing else can be checked" in said.out) is (form == ())


def test_what_is_no_check_is_a_usage_error(mailrail: Program) -> None:
    assert mailrail("doctor", "--only", "weather").code == Exit.USAGE


def test_what_others_wrote_is_harmless_to_a_terminal() -> None:
    (line,) = _lines("mx", Finding(Level.OK, "a\x1b[2Jb"))
    assert "\x1b[2J" not in line


def test_a_warning_alone_is_told_and_is_no_error() -> None:
    assert _summary(Counter({Level.WARNING: 1, Level.OK: 2})) == "0 errors, 1 warning, 0 notes, 2 good."
