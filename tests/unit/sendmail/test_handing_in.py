"""`sendmail` from the command line to the file in the maildrop, and to the exit code."""

import errno
import os
import subprocess
import sys

import pytest
from tests.unit.sendmail.conftest import House

from mailrail.config import MailrailSettings
from mailrail.maildrop import DropWriter, Handed
from mailrail.sendmail.whereabouts import _DEFAULT_LIMIT, DEFAULT_SPOOL, Whereabouts


def test_recipients_of_the_command_line_and_of_the_header_come_together_each_once(house: House) -> None:
    message = b"To: bob@x.example, Carl <carl@x.example>\nBcc: dora\nSubject: x\n\nhello\n"
    assert (
        house.sendmail("-t", "-f", "ann@x.example", "-F", "Ann", "bob@x.example", "eve,fred", message=message)
        == 0
    )
    ((handed, content),) = house.handed_in()
    assert handed == Handed(
        ["bob@x.example", "eve", "fred", "carl@x.example", "dora"], sender="ann@x.example", name="Ann"
    )
    assert content == b"To: bob@x.example, Carl <carl@x.example>\r\nSubject: x\r\n\r\nhello\r\n"


def test_of_a_message_that_is_sent_on_only_the_new_recipients_count(house: House) -> None:
    message = b"Resent-To: new@x.example\nResent-Bcc: hidden@x.example\nTo: old@x.example\n\nhello\n"
    assert house.sendmail("-t", message=message) == 0
    ((handed, content),) = house.handed_in()
    assert handed.recipients == ["new@x.example", "hidden@x.example"]
    assert content == b"Resent-To: new@x.example\r\nTo: old@x.example\r\n\r\nhello\r\n"


def test_without_t_the_header_names_nobody(house: House) -> None:
    assert house.sendmail("bob", message=b"To: eve\nBcc: fred\n\nhello\n") == 0
    ((handed, content),) = house.handed_in()
    assert handed == Handed(["bob"])
    assert content == b"To: eve\r\n\r\nhello\r\n"


def test_wishes_and_the_null_sender_are_handed_in(house: House) -> None:
    assert house.sendmail("-N", "never", "-R", "full", "-V", "Q1", "-f", "<>", "bob") == 0
    ((handed, _),) = house.handed_in()
    assert handed == Handed(["bob"], sender="", notify="NEVER", ret="FULL", envid="Q1")


@pytest.mark.parametrize(
    ("words", "message", "code", "why"),
    [
        ([], b"x", 64, "name recipients"),
        (["-t"], b"Subject: x\n\nTo: bob\n", 64, "no recipient stands in"),
        (["-t"], b"To: undisclosed-recipients:;\n\nx\n", 64, "no recipient stands in"),
        (["-t"], b"To: bob@x.example, a..b@x.example\n\nx\n", 65, "To: 'a..b' is not a local part"),
        (["-t"], b"Cc: <bob@x.example\n\nx\n", 65, "Cc: '<bob@x.example': there is no >"),
        (["bob@x.example", "a b"], b"x", 65, "recipient 'a b' is not a local part"),
        ([""], b"x", 65, "recipient '' is no address"),
        (["-f", "a@x.example,b@x.example", "bob"], b"x", 65, "sender"),
        (["bob"], b"A: " + b"x" * 300_000, 65, "more than 262144 octets"),
        (["bob"], b"\n" + b"x\n" * 100_000, 69, "too big: 100000 octets"),
    ],
)  # fmt: skip
def test_what_cannot_be_handed_in_is_told_and_leaves_nothing(
    house: House, capsys: pytest.CaptureFixture[str], words: list[str], message: bytes, code: int, why: str
) -> None:
    assert house.sendmail(*words, message=message) == code
    assert why in capsys.readouterr().err
    assert house.handed_in() == []


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        ((0, ""), 0, ""),
        ((250, "2.0.0 Queued as X"), 0, ""),
        ((452, "4.3.1 No space"), 0, ""),
        ((550, "5.1.1 No such user"), 67, "550 5.1.1 No such user"),
        ((554, "5.6.0 No mail"), 65, "554 5.6.0"),
        ((553, "5.7.1 Not yours"), 77, "553 5.7.1"),
        ((552, "5.3.4 Too big"), 69, "552 5.3.4"),
    ],
)
def test_what_the_server_says_becomes_the_exit_code(
    house: House, capsys: pytest.CaptureFixture[str], reply: tuple[int, str], code: int, told: str
) -> None:
    house.reply = reply
    assert house.sendmail("bob") == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reply", "told"),
    [((0, ""), "handed in; the server"), ((250, "2.0.0 Queued as X"), "250 2.0.0 Queued as X")],
)
def test_with_v_it_says_what_has_become_of_it(
    house: House, capsys: pytest.CaptureFixture[str], reply: tuple[int, str], told: str
) -> None:
    house.reply = reply
    assert house.sendmail("-v", "bob") == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, 75), (errno.EDQUOT, 75), (errno.EIO, 74), (errno.EROFS, 74)],
)
def test_a_disk_that_takes_no_more_ends_with_a_code_that_says_whether_to_try_again(
    house: House, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def finish(_drop: DropWriter) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(DropWriter, "finish", finish)
    assert house.sendmail("bob") == code
    assert house.handed_in() == []


def test_where_no_server_was_ever_started_it_says_so(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.settings.write_text('hostname = "mx.example"\n[maildrop]\ndirectory = "/nowhere/at/all"\n')
    assert house.sendmail("bob") == 73
    assert "there is no maildrop at /nowhere/at/all" in capsys.readouterr().err


def test_settings_that_are_named_must_be_there_and_be_toml(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert house.sendmail("-C", "/nowhere.toml", "bob") == 78
    house.settings.write_text("spool =")
    assert house.sendmail("bob") == 78
    assert "not TOML" in capsys.readouterr().err


def test_the_place_is_that_of_the_settings_and_of_the_files_beside_them(house: House) -> None:
    assert Whereabouts("").admin == str(house.maildrop.parent / "admin.sock")
    further = house.settings.parent / "conf.d"
    further.mkdir()
    (further / "a.toml").write_text('maildrop.directory = "/var/spool/in"\nadmin.socket = "/run/a.sock"\n')
    assert Whereabouts("").maildrop == "/var/spool/in"
    assert Whereabouts("").admin == "/run/a.sock"


def test_what_it_takes_for_the_default_is_the_default() -> None:
    settings = MailrailSettings(hostname="mx.example")
    assert str(settings.spool.path) == DEFAULT_SPOOL
    assert settings.limits.message_bytes == _DEFAULT_LIMIT
    assert str(settings.maildrop.path(settings.spool.path)) == f"{DEFAULT_SPOOL}/maildrop"


def test_handing_in_loads_nothing_that_takes_long(house: House) -> None:
    """What cron calls for each line of output must not load a server. Nothing is timed: a clock in a test is a coin."""
    house.settings.write_text('hostname = "mx.example"\n')
    program = (
        "import sys; from mailrail.sendmail import program, handing_in\n"
        "handing_in.Whereabouts.limit_bytes = lambda self: 1\n"
        "program.run('sendmail', ['-t'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], input=b"To: bob\n\n", capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    loaded = set(done.stdout.decode().split())
    assert "mailrail.sendmail.recipients" in loaded
    assert loaded.isdisjoint(
        {
            "asyncio",
            "typing",
            "re",
            "enum",
            "dataclasses",
            "socket",
            "json",
            "tomllib",
            "pathlib",
            "mailrail.model",
        }
    )
