"""`mailrail send`, with a client that answers by script."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import pytest
from tests.unit.cli.conftest import Program

from mailrail.cli import send as module
from mailrail.cli.exits import Exit
from mailrail.client import (
    AllRecipientsRefused,
    AuthFailed,
    ConnectFailed,
    ConnectionLost,
    Result,
    SendError,
    SendOptions,
)
from mailrail.model import DeliverBy, Notify, Reply, Ret
from mailrail.smtp import Stage

OK = Reply(250, "2.1.5", "Ok")
NO_USER = Reply(550, "5.1.1", "No such user")
BUSY = Reply(451, "4.3.0", "Busy")
POLICY = Reply(550, "5.7.1", "No \x1b[31mthanks")


class Script:
    """What the fake client was asked, and what it answers."""

    def __init__(self) -> None:
        self.answer: list[tuple[str, Reply]] | SendError = [("bob@example.org", OK)]
        self.made: tuple[Any, ...] = ()
        self.keywords: dict[str, Any] = {}
        self.message: EmailMessage | bytes = b""
        self.sender: str | None = None
        self.recipients: Sequence[str] | None = None
        self.options = SendOptions()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script()

    class FakeClient:
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            script.made, script.keywords = arguments, keywords

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def send(
            self,
            message: EmailMessage | bytes,
            sender: str | None,
            recipients: Sequence[str] | None,
            *,
            options: SendOptions,
        ) -> Result:
            script.message, script.sender, script.recipients = message, sender, recipients
            script.options = options
            if isinstance(script.answer, SendError):
                raise script.answer
            return Result(tuple(script.answer), passed_dsn=True)

    monkeypatch.setattr(module, "Client", FakeClient)
    return script


@pytest.fixture
def message(tmp_path: Path) -> str:
    file = tmp_path / "message.eml"
    file.write_bytes(b"Subject: hi\r\n\r\nhello\r\n")
    return str(file)


def test_each_recipient_gets_a_line_with_what_the_server_said(
    script: Script, message: str, mailrail: Program
) -> None:
    said = mailrail(
        "send", message, "--server", "mx.example.org:2525", "--from", "<>", "--to", "bob@example.org"
    )
    assert (said.code, said.out) == (0, "bob@example.org: 250 2.1.5 Ok\n")
    assert script.made == ("mx.example.org", 2525)
    assert (script.sender, script.recipients) == ("", ("bob@example.org",))
    assert script.message == b"Subject: hi\r\n\r\nhello\r\n"


def test_without_a_server_it_is_the_one_of_the_settings(
    script: Script, message: str, mailrail: Program
) -> None:
    mailrail("send", message)
    assert script.made == ("127.0.0.1", 9)
    assert (script.sender, script.recipients) == (None, None)


@pytest.mark.parametrize(
    ("refusals", "code"),
    [
        ([NO_USER], Exit.NO_USER),
        ([BUSY], Exit.TEMPORARY),
        ([POLICY], Exit.UNAVAILABLE),
        ([BUSY, NO_USER], Exit.NO_USER),
        ([BUSY, POLICY], Exit.UNAVAILABLE),
    ],
)
def test_a_refused_recipient_decides_the_exit_code(
    refusals: list[Reply], code: Exit, script: Script, message: str, mailrail: Program
) -> None:
    script.answer = [
        ("a@example.org", OK),
        *((f"b{n}@example.org", reply) for n, reply in enumerate(refusals)),
    ]
    said = mailrail("send", message)
    assert said.code == code
    assert said.out.count("\n") == len(refusals) + 1
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectFailed(Stage.CONNECT, "refused"), Exit.UNAVAILABLE),
        (AuthFailed(Stage.AUTH, "wrong", (Reply(535, "5.7.8", "No"),)), Exit.NO_PERMISSION),
        (ConnectionLost(Stage.END, "lost"), Exit.TEMPORARY),
        (AllRecipientsRefused(Stage.RCPT, "none", (NO_USER,), ("b@example.org",)), Exit.NO_USER),
        (ConnectFailed(Stage.GREETING, "busy", (BUSY,)), Exit.TEMPORARY),
    ],
)
def test_each_error_has_its_exit_code(
    error: SendError, code: Exit, script: Script, message: str, mailrail: Program
) -> None:
    script.answer = error
    said = mailrail("send", message)
    assert said.code == code
    assert said.err == f"mailrail: {error}\n"


def test_json_has_an_object_for_each_recipient(script: Script, message: str, mailrail: Program) -> None:
    script.answer = [("a@example.org", OK), ("b@example.org", NO_USER)]
    rows = [json.loads(line) for line in mailrail("send", message, "--json").out.splitlines()]
    assert [(row["recipient"], row["accepted"], row["code"]) for row in rows] == [
        ("a@example.org", True, 250),
        ("b@example.org", False, 550),
    ]


def test_wishes_for_notices_are_passed_on(script: Script, message: str, mailrail: Program) -> None:
    mailrail("send", message, "--notify", "success,Delay", "--ret", "hdrs", "--envid", "X1")
    assert script.options == SendOptions(notify=Notify.SUCCESS | Notify.DELAY, ret=Ret.HDRS, envid="X1")


@pytest.mark.parametrize(
    ("given", "wished"),
    [
        (["--requiretls", "--priority", "-3"], SendOptions(requiretls=True, priority=-3)),
        (["--hold-for", "1h30m"], SendOptions(hold_for_s=5400)),
        (
            ["--hold-until", "2026-12-01T08:00:00+01:00"],
            SendOptions(hold_until=datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ),
        (["--deliver-by", "15m"], SendOptions(deliver_by=DeliverBy(900, returns=True))),
        (
            ["--deliver-by", "90", "--if-late", "tell", "--trace"],
            SendOptions(deliver_by=DeliverBy(90, returns=False, traces=True)),
        ),
    ],
)
def test_demands_are_passed_on(
    given: list[str], wished: SendOptions, script: Script, message: str, mailrail: Program
) -> None:
    assert mailrail("send", message, *given).code == 0
    assert script.options == wished


def test_a_time_without_a_zone_is_that_of_the_clock_on_the_wall(
    script: Script, message: str, mailrail: Program
) -> None:
    assert mailrail("send", message, "--hold-until", "2026-12-01T08:00:00").code == 0
    assert script.options.hold_until == datetime(2026, 12, 1, 8).astimezone()


def test_a_login_needs_both_parts_and_reads_the_first_line(
    script: Script, message: str, mailrail: Program, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\nnot this\n")
    assert mailrail("send", message, "--user", "ann").code == Exit.USAGE
    mailrail("send", message, "--user", "ann", "--password-file", str(secret))
    assert script.keywords["login"] == ("ann", "hunter2")


def test_a_text_is_made_a_message(script: Script, mailrail: Program) -> None:
    line = ("--from", "a@example.com", "--to", "b@example.org", "--to", "c@example.org", "--subject", "Hi")
    assert mailrail("send", *line, "--text", "How are you?").code == 0
    made = script.message
    assert isinstance(made, EmailMessage)
    assert made["To"] == "b@example.org, c@example.org"
    assert made["Subject"] == "Hi"
    assert made["Date"]
    assert made["Message-ID"].endswith("@example.com>")
    assert made.get_content() == "How are you?\n"


def test_with_a_subject_the_input_is_the_text(script: Script, message: str, mailrail: Program) -> None:
    line = ("--from", "<>", "--to", "b@example.org", "--subject", "Grüße")
    assert mailrail("send", message, *line).code == 0
    assert isinstance(script.message, EmailMessage)
    assert script.message["Subject"] == "Grüße"
    assert script.message.get_content().endswith("hello\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--server", "mx.example.org"], "write it with its port"),
        (["--server", "mx.example.org:0"], "write it with its port"),
        (["--server", ":25"], "write it with its port"),
        (["--notify", "sometimes"], "it is one of"),
        (["--notify", "never,delay"], "never stands alone"),
        (["--text", "x"], "need --from and --to"),
        (["--hold-for", "soon"], "is not a duration"),
        (["--hold-for", "0.5s"], "whole seconds above 0"),
        (["--hold-until", "tomorrow"], "write a time like"),
        (["--hold-for", "1h", "--hold-until", "2026-12-01T08:00:00Z"], "exclude one another"),
        (["--priority", "10"], "-9<=x<=9"),
        (["--trace"], "need --deliver-by"),
        (["--deliver-by", "1h", "--hold-for", "2h"], "longer than it may take"),
        (["--text", "x", "--from", "a@b.example", "--to", "c@d.example", "--subject", "a\nb"], "linefeed"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    options: list[str], words: str, script: Script, message: str, mailrail: Program
) -> None:
    said = mailrail("send", message, *options)
    assert said.code == Exit.USAGE
    assert words in said.err


def test_an_empty_message_is_not_sent(script: Script, tmp_path: Path, mailrail: Program) -> None:
    (tmp_path / "empty").touch()
    said = mailrail("send", str(tmp_path / "empty"))
    assert said.code == Exit.DATA
    assert "is empty: there is nothing to send" in said.err


def test_a_password_file_that_is_no_text_is_told(mailrail: Program, message: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xff\xfe")
    said = mailrail("send", message, "--user", "ann", "--password-file", str(secret))
    assert said.code == Exit.DATA
    assert said.err == f"mailrail: {secret} is not UTF-8: save it as UTF-8\n"


def test_a_server_that_looks_like_a_url_is_a_usage_error(mailrail: Program, message: str) -> None:
    said = mailrail("send", message, "--server", "smtp:mx.example.org:25")
    assert said.code == Exit.USAGE
    assert "write it with its port" in said.err
