"""The user file on disk: private, whole, and one writer at a time."""

import threading
from pathlib import Path

import pytest

from mailrail.directory.records import write_user
from mailrail.directory.user import User
from mailrail.directory.userfile import MOST_BYTES, UserFile, change_file, read_file
from mailrail.model import SettingsError


def add(path: Path, name: str) -> None:
    change_file(path, lambda text, users: write_user(text, User(name, "{PLAIN}x")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.toml"


def test_the_first_user_makes_the_file_and_it_is_private(path: Path) -> None:
    assert read_file(path) == {}
    add(path, "ann")
    assert list(read_file(path)) == ["ann"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_keeps_the_group_s_right_to_read_and_goes_through_a_link(path: Path) -> None:
    add(path, "ann")
    path.chmod(0o640)
    link = path.with_name("link.toml")
    link.symlink_to(path)
    add(link, "bob")
    assert link.is_symlink()
    assert list(read_file(path)) == ["ann", "bob"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a77_a_file_that_others_may_read_or_write_is_refused_with_the_mend(path: Path, mode: int) -> None:
    add(path, "ann")
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {path}"):
        read_file(path)
    with pytest.raises(SettingsError, match="chmod 600"):
        add(path, "bob")


def test_a_file_that_is_too_large_or_no_text_is_refused(path: Path) -> None:
    for content in (b"#" * (MOST_BYTES + 1), b"\xff"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(SettingsError):
            read_file(path)


def test_a_change_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    add(path, "ann")
    before = path.read_text()
    path.with_name(".users.toml.new").write_text("of a process that died")

    def fails(text: str, users: object) -> str:
        raise SettingsError("no")

    with pytest.raises(SettingsError):
        change_file(path, fails)
    assert path.read_text() == before


def test_writers_at_one_time_lose_nothing(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path, f"user{n}")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_file(path)) == sorted(f"user{n}" for n in range(12))


def test_users_are_read_anew_when_the_file_changes_and_kept_when_it_is_broken(path: Path) -> None:
    told: list[tuple[int, str]] = []
    file = UserFile(path, lambda count, reason: told.append((count, reason)))
    assert file.begin() == {}
    add(path, "ann")
    assert list(file.users()) == ["ann"]
    path.write_text("broken")
    assert list(file.users()) == ["ann"]
    assert list(file.users()) == ["ann"]
    path.unlink()
    assert file.users() == {}
    assert [count for count, _ in told] == [0, 1, 1, 0]
    assert [bool(reason) for _, reason in told] == [False, False, True, False]


def test_a_mend_by_chmod_alone_is_noticed(path: Path) -> None:
    file = UserFile(path)
    file.begin()
    add(path, "ann")
    path.chmod(0o644)
    assert file.users() == {}
    path.chmod(0o600)
    assert list(file.users()) == ["ann"]


def test_a_file_that_cannot_be_used_at_the_start_ends_it(path: Path) -> None:
    path.write_text("broken")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="not TOML"):
        UserFile(path).begin()
