"""Users: a door for them, and somebody who comes."""

from pathlib import Path
from typing import Any

from tests.unit.doctor.ward import SETTINGS, found, only

from mailrail.directory import User, change_file, write_user
from mailrail.doctor import Level

SUBMISSION = [{"address": "0.0.0.0:587", "role": "submission"}]


def settings(base: Path, **over: object) -> dict[str, Any]:
    return {**SETTINGS, "listener": SUBMISSION, "users": {"file": base / "users.toml"}, **over}


def fill(base: Path) -> None:
    change_file(base / "users.toml", lambda text, _: write_user(text, User("ann", password="{PLAIN}x")))


def test_somebody_with_a_door_is_good(tmp_path: Path) -> None:
    fill(tmp_path)
    only(found("users", tmp_path, settings=settings(tmp_path)), Level.OK)


def test_an_empty_file_is_a_note_that_names_the_command(tmp_path: Path) -> None:
    finding = only(found("users", tmp_path, settings=settings(tmp_path)), Level.NOTE)
    assert "mailrail user add" in finding.mend


def test_users_without_a_door_are_told(tmp_path: Path) -> None:
    fill(tmp_path)
    mx = [{"address": "0.0.0.0:25"}]
    only(found("users", tmp_path, settings=settings(tmp_path, listener=mx)), Level.WARNING)


def test_users_who_come_from_elsewhere_are_not_said_to_be_missing(tmp_path: Path) -> None:
    oauth = {
        "keys_url": "https://issuer.example/keys",
        "issuer": "https://issuer.example",
        "audience": "mail",
    }
    for users in ({"function": "operator:eq"}, {"dovecot": "/run/auth"}, {"oauth": oauth}):
        finding = only(found("users", tmp_path, settings=settings(tmp_path, users=users)), Level.NOTE)
        assert "from elsewhere" in finding.what


def test_a_door_for_nobody_is_told(tmp_path: Path) -> None:
    only(found("users", tmp_path, settings={**SETTINGS, "listener": SUBMISSION}), Level.WARNING)
    networks = {**SETTINGS, "listener": SUBMISSION, "relay": {"networks": ["10.0.0.0/8"]}}
    only(found("users", tmp_path, settings=networks), Level.NOTE)
