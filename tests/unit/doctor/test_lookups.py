"""Tables: each is asked."""

from pathlib import Path

from tests.unit.doctor.ward import SETTINGS, found, only

from mailrail.doctor import Level


def test_each_table_is_asked_and_the_one_that_is_down_is_told(tmp_path: Path) -> None:
    table = {
        "staff": {"kind": "inline", "entries": {"info": "ann"}},
        "people": {"kind": "ldap", "servers": ["ldap://192.0.2.1"], "base": "dc=example"},
    }
    staff, people = found("tables", tmp_path, settings={**SETTINGS, "table": table})
    assert (staff.level, staff.what) == (Level.OK, "table staff answers: 1 key in the settings")
    assert (people.level, people.what) == (Level.ERROR, "table people does not answer")
    assert "look-up people KEY" in people.mend


def test_settings_without_tables_are_no_trouble(tmp_path: Path) -> None:
    only(found("tables", tmp_path, settings=SETTINGS), Level.NOTE)
