"""The program as a whole: help that teaches, errors that name the mend, codes of sysexits."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.unit.cli.conftest import Program

from mailrail.cli.entry import root
from mailrail.cli.exits import Exit, code_of
from mailrail.model import (
    AddressError,
    DnsError,
    MailrailError,
    NetError,
    NetTrouble,
    SettingsError,
    StoreError,
    StoreTrouble,
)


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands(root))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_takes_config_and_teaches_by_example(path: tuple[str, ...], mailrail: Program) -> None:
    said = mailrail(*path, "--help")
    assert said.code == Exit.OK
    assert f"mailrail {' '.join(path)}" in said.out
    assert "Example" in said.out
    # Links are the machine's business, whatever the settings.
    assert ("--config FILE" in said.out) == (path[0] != "commands")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


def test_the_list_of_commands_says_what_each_does(mailrail: Program) -> None:
    said = mailrail("--help").out
    assert [name for name, lazy in root.table.items() if name not in said or lazy.help not in said] == []
    assert "Keep mail back until it is released." in mailrail("queue", "--help").out


def test_help_and_version_load_none_of_the_rooms() -> None:
    check = (
        "import sys; from mailrail.cli.entry import run; run(['--help']); run(['--version']);"
        "sys.exit(any(name in sys.modules for name in ('pydantic', 'asyncio', 'msgspec', 'apsw', 'ssl')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert "mailrail 0." in done.stdout


def test_python_dash_m_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mailrail", "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("mailrail ")


@pytest.mark.parametrize("line", [["nonsense"], ["queue", "nonsense"], ["serve", "--nonsense"], ["explain"]])
def test_a_wrong_command_line_is_a_usage_error(line: list[str], mailrail: Program) -> None:
    said = mailrail(*line)
    assert said.code == Exit.USAGE
    assert "--help" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["sevre"], 'There is no command "sevre"; did you mean "serve"?'),
        (["queue", "lst"], 'There is no command "lst"; did you mean "list"?'),
        (
            ["zzz"],
            'There is no command "zzz"; there are: init, import, doctor, serve, status, reload, certificate, send, queue, user, table, srs, explain, sim, commands, config',
        ),
    ],
)
def test_an_unknown_command_is_told_with_the_nearest_one(
    line: list[str], words: str, mailrail: Program
) -> None:
    said = mailrail(*line)
    assert said.code == Exit.USAGE
    assert words in said.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError(""), 78),
        (AddressError(""), 65),
        (DnsError("x", "", try_again=True), 75),
        (DnsError("x", "", try_again=False), 69),
        (NetError(NetTrouble.REFUSED, ""), 69),
        (StoreError(StoreTrouble.FULL, ""), 75),
        (StoreError(StoreTrouble.LOCKED, ""), 75),
        (StoreError(StoreTrouble.FAILED, ""), 74),
        (StoreError(StoreTrouble.DAMAGED, ""), 65),
        (StoreError(StoreTrouble.UNSUITABLE, ""), 78),
        (MailrailError(""), 69),
    ],
)
def test_each_trouble_has_its_exit_code(error: MailrailError, code: int) -> None:
    assert code_of(error) == code


@pytest.mark.parametrize(
    "error", [StoreError(StoreTrouble.FAILED, ""), NetError(NetTrouble.OTHER, "")], ids=["spool", "socket"]
)
def test_what_the_system_forbids_has_a_code_of_its_own(error: MailrailError) -> None:
    error.__cause__ = PermissionError()
    assert code_of(error) == 77


def test_config_check_says_that_all_is_good(mailrail: Program, config: Path) -> None:
    said = mailrail("config", "check")
    assert (said.code, said.err) == (0, "")
    first, second = said.out.splitlines()
    assert first == f"{config}: good. mx1.example.org would listen at 127.0.0.1:9."
    assert second.startswith("TLS: with a self-signed certificate in ")


def test_config_check_says_that_nothing_is_encrypted_where_the_settings_say_so(
    mailrail: Program, config: Path
) -> None:
    config.write_text(config.read_text() + "[tls]\nself_signed = false\n")
    assert "TLS: not offered" in mailrail("config", "check").out
    assert "# TLS: not offered" in mailrail("config", "show").out


def test_config_check_says_whose_tokens_let_in(mailrail: Program, config: Path) -> None:
    oauth = 'keys_url = "https://issuer.example/keys"\nissuer = "https://issuer.example"\naudience = "mail"\n'
    door = '[[listener]]\naddress = "127.0.0.1:8"\nrole = "submission"\n'
    config.write_text(f"{config.read_text()}\n[users.oauth]\n{oauth}{door}")
    said = mailrail("config", "check").out
    assert (
        "Logins by token: checked with the keys of https://issuer.example/keys; the user is in email.\n"
        in said
    )
    assert said.splitlines()[-1].endswith("at 127.0.0.1:8 by OAUTHBEARER, XOAUTH2")


def test_config_check_tells_every_problem_with_its_line(mailrail: Program, config: Path) -> None:
    config.write_text("hostnam = 'x.example'\n[queue]\npoll_s = 'x'\n")
    said = mailrail("config", "check")
    assert said.code == Exit.CONFIG
    assert f'{config}:1: hostnam: there is no such key\n    did you mean "hostname"?' in said.err
    assert f"{config}:3: queue.poll_s: 'x' is not a duration" in said.err


def test_serve_refuses_bad_settings_before_it_opens_anything_a77(mailrail: Program, config: Path) -> None:
    """A77: a bad config means a non-zero exit on start."""
    config.write_text("hostname = 1\n")
    said = mailrail("serve")
    assert said.code == Exit.CONFIG
    assert "hostname: is a whole number, but must be text" in said.err
    assert not (config.parent / "spool").exists()


def test_the_option_wins_over_the_environment(mailrail: Program, tmp_path: Path) -> None:
    said = mailrail("config", "check", "--config", str(tmp_path / "other.toml"))
    assert said.code == Exit.CONFIG
    assert "other.toml: there is no such file" in said.err


def test_config_show_prints_what_is_in_force(mailrail: Program) -> None:
    said = mailrail("config", "show")
    assert 'hostname = "mx1.example.org"' in said.out
    assert 'poll_s = "1s"' in said.out or "poll_s = 1" in said.out


@pytest.mark.parametrize(
    ("form", "words"), [("toml", "#[relay]"), ("markdown", "# Settings"), ("json-schema", '"$schema"')]
)
def test_config_reference_comes_in_three_forms(form: str, words: str, mailrail: Program) -> None:
    assert words in mailrail("config", "reference", "--format", form).out


def test_a_file_that_may_not_be_read_is_a_clear_error(mailrail: Program, tmp_path: Path) -> None:
    said = mailrail("send", "--server", "127.0.0.1:1", "--user", "a", "--password-file", str(tmp_path / "no"))
    assert said.code == Exit.IO
    assert said.err == f"mailrail: {tmp_path}/no: No such file or directory\n"
