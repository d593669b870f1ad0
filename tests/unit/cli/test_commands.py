"""`mailrail commands`: links by the names that other programs call, and nobody else's touched."""

import sysconfig
from pathlib import Path

import pytest

from mailrail.cli.entry import run


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name in ("sendmail", "mailq", "newaliases"):
        (scripts / f"mailrail-{name}").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(scripts))
    return scripts


def test_links_are_made_and_removed_and_making_them_again_is_harmless(ours: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    for _ in range(2):
        assert run(["commands", "link", str(directory)]) == 0
    assert {path.name: path.readlink() for path in directory.iterdir()} == {
        name: ours / f"mailrail-{name}" for name in ("sendmail", "mailq", "newaliases")
    }
    assert run(["commands", "unlink", str(directory)]) == 0
    assert list(directory.iterdir()) == []


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("is_link", [False, True])
def test_the_commands_of_another_mail_server_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_link: bool
) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    other = directory / "mailq"
    if is_link:
        other.symlink_to("/usr/sbin/exim4")
    else:
        other.write_text("postfix")
    assert run(["commands", "link", str(directory)]) == 64
    assert f"{other}: there already, and not ours" in capsys.readouterr().err
    assert run(["commands", "unlink", str(directory)]) == 0
    assert list(directory.iterdir()) == [other]


@pytest.mark.usefixtures("ours")
def test_where_the_programs_are_not_installed_it_says_so(
    ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ours / "mailrail-mailq").unlink()
    assert run(["commands", "link", str(tmp_path)]) == 78
    assert "mailrail-mailq is not there" in capsys.readouterr().err
