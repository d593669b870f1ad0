"""Users: a door for them, and somebody who comes."""

import contextlib
import sqlite3
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
    for users, word in (
        ({"function": "operator:eq"}, "the function operator:eq"),
        ({"oauth": oauth}, "the tokens of an issuer"),
    ):
        finding = only(found("users", tmp_path, settings=settings(tmp_path, users=users)), Level.NOTE)
        assert f"not checked: {word} can only be asked" in finding.what


def test_a_source_elsewhere_is_asked_whether_it_answers(tmp_path: Path) -> None:
    database = tmp_path / "users.db"
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute("CREATE TABLE users (name TEXT, password TEXT)")
    database.chmod(0o600)
    answers = settings(tmp_path, users={"sql": {"file": database}})
    assert "users.db answers" in only(found("users", tmp_path, settings=answers), Level.OK).what
    no_door = {**answers, "listener": [{"address": "0.0.0.0:25"}]}
    only(found("users", tmp_path, settings=no_door), Level.WARNING)
    for users in (
        {"dovecot": "/run/auth"},
        {"ldap": {"servers": ["ldap://192.0.2.1"], "base": "dc=example"}},
    ):
        finding = only(found("users", tmp_path, settings=settings(tmp_path, users=users)), Level.ERROR)
        assert "does not answer" in finding.what


def test_a_door_for_nobody_is_told(tmp_path: Path) -> None:
    only(found("users", tmp_path, settings={**SETTINGS, "listener": SUBMISSION}), Level.WARNING)
    networks = {**SETTINGS, "listener": SUBMISSION, "relay": {"networks": ["10.0.0.0/8"]}}
    only(found("users", tmp_path, settings=networks), Level.NOTE)
