"""`mailrail user`: passwords never on the command line, nothing by accident, codes that scripts can rely on."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Program, Said

from mailrail.cli.exits import Exit
from mailrail.directory import read_file

SECRET = "correct horse"


@pytest.fixture
def users(config: Path) -> Path:
    path = config.parent / "users.toml"
    config.write_text(f'users.file = "{path}"\n{config.read_text()}')
    return path


@pytest.fixture
def say(mailrail: Program, users: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run `mailrail user ...` with a line on standard input."""

    def program(*arguments: str) -> Said:
        *words, line = arguments
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{line}\n"))
        return mailrail("user", *words)

    return program


def test_a_user_is_added_verified_and_shown(say: Program, users: Path) -> None:
    assert say("add", "Ann@example.org", "--stdin", SECRET).out == "ann@example.org can log in.\n"
    assert say("verify", "ann@example.org", "--stdin", SECRET).code == Exit.OK
    assert say("verify", "ann@example.org", "--stdin", "wrong").code == Exit.NO_PERMISSION
    shown = say("show", "ann@example.org", "").out
    assert "may log in" in shown
    assert "ARGON2ID, SCRAM" in shown
    listed = json.loads(say("list", "--json", "").out)
    assert listed == {
        "name": "ann@example.org",
        "disabled": False,
        "scheme": "ARGON2ID",
        "scram": True,
        "scram_sha_1": False,
        "may_send_as": [],
        "quotas": {},
    }
    assert json.loads(say("show", "ann@example.org", "--json", "").out) == listed
    assert SECRET not in users.read_text()


def test_a_password_is_changed_and_the_old_one_is_over(say: Program) -> None:
    say("add", "ann", "--stdin", SECRET)
    say("disable", "ann", "")
    assert say("passwd", "ann", "--stdin", "another horse").code == Exit.OK
    assert "disabled" in say("list", "").out  # a new password is no pardon
    assert say("verify", "ann", "--stdin", "another horse").code == Exit.NO_PERMISSION
    say("enable", "ann", "")
    assert say("verify", "ann", "--stdin", "another horse").code == Exit.OK
    assert say("verify", "ann", "--stdin", SECRET).code == Exit.NO_PERMISSION


def test_keys_of_scram_sha_1_come_and_go_with_the_setting(say: Program, config: Path, users: Path) -> None:
    say("add", "ann", "--stdin", SECRET)
    assert read_file(users)["ann"].keys_of("sha1") is None
    plain = config.read_text()
    config.write_text(f"users.scram_sha_1 = true\n{plain}")
    say("passwd", "ann", "--stdin", "another horse")
    keys = read_file(users)["ann"].keys_of("sha1")
    assert keys is not None
    assert keys.is_of("another horse")
    assert json.loads(say("show", "ann", "--json", "").out)["scram_sha_1"] is True
    assert "ARGON2ID, SCRAM, SCRAM-SHA-1" in say("show", "ann", "").out
    config.write_text(plain)
    say("passwd", "ann", "--stdin", SECRET)
    assert read_file(users)["ann"].keys_of("sha1") is None, "those of the old password are no good any more"


def test_there_is_no_second_user_of_a_name(say: Program) -> None:
    say("add", "ann", "--stdin", SECRET)
    again = say("add", "ANN", "--stdin", SECRET)
    assert again.code == Exit.DATA
    assert "mailrail user passwd ann" in again.err


def test_rights_and_quotas_are_given_taken_back_and_shown(say: Program) -> None:
    def facts() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(say("show", "ann", "--json", "").out)
        return found

    say("add", "ann", "--send-as", "Scans@Example.org", "--stdin", SECRET)
    assert facts()["may_send_as"] == ["scans@example.org"]
    say(
        "change",
        "ann",
        "--send-as",
        "@shop.example",
        "--send-as",
        "*",
        "--messages-per-hour",
        "7",
        "--recipients-per-day",
        "0",
        "",
    )
    assert facts()["may_send_as"] == ["@shop.example", "*"]
    assert facts()["quotas"] == {"messages_per_hour": 7, "recipients_per_day": 0}
    shown = say("show", "ann", "").out
    assert "messages per hour: 7" in shown
    assert "recipients per day: no limit" in shown
    assert say("passwd", "ann", "--stdin", "another horse").code == Exit.OK
    assert facts()["quotas"]  # a new password changes no rights
    say("change", "ann", "--only-as-itself", "--messages-per-hour", "default", "")
    assert (facts()["may_send_as"], facts()["quotas"]) == ([], {"recipients_per_day": 0})
    assert say("verify", "ann", "--stdin", "another horse").code == Exit.OK
    for words in (
        ["--send-as", "nobody"],
        ["--send-as", "@"],
        ["--messages-per-day", "many"],
        [],
        ["--send-as", "*", "--only-as-itself"],
    ):
        assert say("change", "ann", *words, "").code == Exit.USAGE


def test_who_is_not_there_cannot_be_changed(say: Program) -> None:
    for words in (
        ["passwd", "ann", "--stdin"],
        ["disable", "ann"],
        ["enable", "ann"],
        ["show", "ann"],
        ["delete", "ann", "--yes"],
    ):
        assert say(*words, SECRET).code == Exit.NO_USER


def test_nobody_is_deleted_by_accident(say: Program, users: Path) -> None:
    say("add", "ann", "--stdin", SECRET)
    assert say("delete", "ann", "").code == Exit.USAGE
    assert list(read_file(users)) == ["ann"]
    assert say("delete", "ann", "--yes", "").code == Exit.OK
    assert read_file(users) == {}
    assert "mailrail user add NAME" in say("list", "").err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["add", "ann", SECRET], Exit.USAGE, "--stdin"),  # no terminal, no --stdin
        (["add", "ann", "--stdin", ""], Exit.DATA, "no password"),
        (["add", "ann", "--stdin", "short"], Exit.DATA, "at least 8"),
        (["add", "ann", "--stdin", "bell\arings"], Exit.DATA, "cannot be a password"),
        (["add", "a\tb", "--stdin", SECRET], Exit.USAGE, "nobody's name"),
        (["add", "ann", SECRET, ""], Exit.USAGE, "unexpected"),  # a password as argument
    ],
)
def test_what_cannot_be_is_said_and_nothing_changes(
    say: Program, users: Path, arguments: list[str], code: Exit, word: str
) -> None:
    done = say(*arguments)
    assert done.code == code
    assert word in done.err
    assert read_file(users) == {}


def test_a_password_that_scram_cannot_carry_is_taken_and_told(say: Program) -> None:
    done = say("add", "ann", "--stdin", "horse \U0001f40e horse")  # Unicode 6.0
    assert done.code == Exit.OK
    assert "PLAIN and LOGIN can" in done.err
    assert json.loads(say("list", "--json", "").out)["scram"] is False


def test_without_a_file_in_the_settings_it_says_how_to_name_one(mailrail: Program) -> None:
    done = mailrail("user", "list")
    assert done.code == Exit.CONFIG
    assert "[users] file =" in done.err


def test_config_check_says_where_users_come_from_that_are_in_no_file(mailrail: Program, config: Path) -> None:
    listener = '[[listener]]\naddress = "127.0.0.1:10"\nrole = "submission"\n'
    config.write_text('users.function = "operator:eq"\n' + config.read_text() + listener)
    good = mailrail("config", "check").out
    assert "Logins: by the function operator:eq; `mailrail doctor` asks whether it answers." in good
    assert "at 127.0.0.1:10 by PLAIN, LOGIN" in good


def test_config_check_says_who_can_log_in_where_and_how(
    say: Program, users: Path, mailrail: Program, config: Path
) -> None:
    config.write_text(config.read_text() + '[[listener]]\naddress = "127.0.0.1:10"\nrole = "submission"\n')
    assert "mailrail user add NAME" in mailrail("config", "check").out
    say("add", "ann", "--stdin", SECRET)
    good = mailrail("config", "check").out
    assert f"Logins: 1 user in {users}." in good
    assert "at 127.0.0.1:10 by SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN" in good
    users.write_text(f'{users.read_text()}\n[user.bob]\npassword = "{{PLAIN}}x"\n')
    without = mailrail("config", "check").out
    assert "at 127.0.0.1:10 by PLAIN, LOGIN" in without
    assert "mailrail user passwd NAME" in without
