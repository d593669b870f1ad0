"""The maildrop of a set-up."""

from pathlib import Path

import pytest
from tests.unit.doctor.ward import SETTINGS, found, only, status

from mailrail.doctor import Level
from mailrail.pickup import Access
from mailrail.pickup.ground import Ground
from mailrail.spool import SystemDisk


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir(mode=0o700)
    return tmp_path / "spool" / "maildrop"


def with_access(tmp_path: Path, access: str) -> dict[str, object]:
    return {**SETTINGS, "spool": {"path": tmp_path / "spool"}, "maildrop": {"access": access}}


def test_one_that_the_server_has_made_is_good_and_none_a_note(tmp_path: Path, place: Path) -> None:
    assert "is not there yet" in only(found("maildrop", tmp_path), Level.NOTE).what
    Ground(SystemDisk(), place, Access.OWNER).prepare(1000)
    assert "takes mail of owner" in only(found("maildrop", tmp_path), Level.OK).what


def test_nobody_may_is_a_note(tmp_path: Path) -> None:
    settings = with_access(tmp_path, "nobody")
    assert "cannot hand in" in only(found("maildrop", tmp_path, settings=settings), Level.NOTE).what


def test_a_way_that_others_cannot_pass_is_an_error(tmp_path: Path, place: Path) -> None:
    Ground(SystemDisk(), place, Access.EVERYONE).prepare(1000)
    place.chmod(0o700)
    settings = with_access(tmp_path, "everyone")
    told = [one.what for one in found("maildrop", tmp_path, settings=settings) if one.level is Level.ERROR]
    assert f"others cannot reach the maildrop through {place}" in told
    assert (
        f"others cannot reach the maildrop through {place.parent}" not in told
    )  # `prepare` has let them through


@pytest.mark.parametrize(
    ("access", "mode", "what"),
    [("owner", 0o3733, "everyone may make files"), ("everyone", 0o1733, "may be unreadable")],
)
def test_rights_that_are_not_those_of_the_settings_are_a_warning(
    tmp_path: Path, place: Path, access: str, mode: int, what: str
) -> None:
    Ground(SystemDisk(), place, Access(access)).prepare(1000)
    (place / "new").chmod(mode)
    told = found("maildrop", tmp_path, settings=with_access(tmp_path, access))
    assert [what in one.what for one in told if one.level is Level.WARNING] == [True]


def test_what_was_set_aside_and_what_nobody_takes_is_a_warning(tmp_path: Path, place: Path) -> None:
    Ground(SystemDisk(), place, Access.OWNER).prepare(1000)
    (place / "new" / "0a").touch()
    assert "takes mail" in only(found("maildrop", tmp_path), Level.OK).what
    assert "1 files wait" in only(found("maildrop", tmp_path, status=status()), Level.WARNING).what
    (place / "aside" / "2ZxJ8WCl49r").touch()
    assert "1 files were set aside" in only(found("maildrop", tmp_path), Level.WARNING).what
