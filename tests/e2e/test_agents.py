"""Local delivery by the real daemon: mailboxes on the real disk, as a mail program reads them."""

import contextlib
import mailbox
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.daemon import Daemon, mailrail, running, to
from tests.support.letters import ANN, letter, send
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e]

# Tests may run as root, as whom nothing is written unless it is said.
ME = {"user": "root"} if os.geteuid() == 0 else {}
BOB = "bob@home.example"


@contextlib.contextmanager
def home(base: Path, agent: Mapping[str, Any], **settings: Any) -> Iterator[Daemon]:
    """Run a daemon for home.example, whose agent is called "local"."""
    tables = {"domain": {"home.example": {"deliver": "local"}}, "agent": {"local": agent}}
    with running(base, **{**tables, **settings}) as daemon:
        yield daemon


def test_mail_reaches_a_maildir_and_python_reads_it(tmp_path: Path) -> None:
    agent = {"kind": "maildir", "path": f"{tmp_path}/mail/{{domain}}/{{local_part}}", **ME}
    with home(tmp_path, agent) as daemon:
        send(daemon, letter("one", to=BOB), to=[BOB, "Carol+x@home.example"])
        daemon.wait_for("RecipientDelivered", 2, destination="agent:local", relay="local")
        for name in ("bob", "carol"):
            (found,) = mailbox.Maildir(str(tmp_path / "mail" / "home.example" / name), create=False)
            assert found["Subject"] == "one"
            assert found["Return-Path"] == f"<{ANN}>"
            assert found["Delivered-To"].lower().startswith(name)
            assert found.get_payload() == "A line.\n.\n..two dots\nLast line.\n"
        daemon.stop()
        assert daemon.errors() == []


def test_mail_reaches_an_mbox_and_a_second_one_too(tmp_path: Path) -> None:
    with home(tmp_path, {"kind": "mbox", "path": f"{tmp_path}/{{local_part}}", **ME}) as daemon:
        for number in range(8):
            send(daemon, letter(f"number {number}", "From the beginning\n", to=BOB), to=BOB)
        daemon.wait_for("RecipientDelivered", 8)
        with contextlib.closing(mailbox.mbox(str(tmp_path / "bob"), create=False)) as box:
            found = list(box)
        assert sorted(one["Subject"] for one in found) == [f"number {number}" for number in range(8)]
        assert {one.get_payload() for one in found} == {">From the beginning\n"}


def test_discard_takes_all_and_error_tells_the_sender(tmp_path: Path) -> None:
    domains = {"gone.example": {"deliver": "error"}, "void.example": {"deliver": "discard"}}
    with (
        Receiver() as senders,
        running(tmp_path, domain=domains, route=[to(senders.address, "sender.example")]) as daemon,
    ):
        send(daemon, to="x@void.example")
        send(daemon, to="x@gone.example")
        daemon.wait_for("RecipientDelivered", recipient="x@void.example")
        (notice,) = senders.wait_for(1)
        assert b"No such mailbox here" in notice.content


def test_mail_that_waited_under_another_route_goes_where_it_goes_today(tmp_path: Path) -> None:
    with running(tmp_path, domain={"home.example": {"relay_to": "127.0.0.1:9"}}) as daemon:
        send(daemon, letter("patient", to=BOB), to=BOB)
        daemon.wait_for("RecipientDeferred")
        daemon.stop()
        text = daemon.config.read_text().replace('{relay_to = "127.0.0.1:9"}', '{deliver = "maildir"}')
        table = {"user": ME["user"]} if ME else {}
        lines = "".join(f'{key} = "{word}"\n' for key, word in table.items())
        box = f'[agent.maildir]\nkind = "maildir"\npath = "{tmp_path}/{{local_part}}"\n{lines}'
        daemon.config.write_text(text + box)
        daemon.start()
        daemon.wait_for("RecipientDelivered")
        assert len(mailbox.Maildir(str(tmp_path / "bob"), create=False)) == 1


def test_the_sender_who_asked_is_told_that_it_was_delivered(tmp_path: Path) -> None:
    agent = {"kind": "maildir", "path": f"{tmp_path}/mail/{{local_part}}", **ME}
    with (
        Receiver() as senders,
        home(tmp_path, agent, route=[to(senders.address, "sender.example")]) as daemon,
    ):
        send(daemon, letter("tell me", to=BOB), to=BOB, rcpt=("NOTIFY=SUCCESS",))
        (notice,) = senders.wait_for(1)
        assert b"Action: delivered" in notice.content


def test_explain_says_which_agent_path_and_account(tmp_path: Path) -> None:
    agent = {"kind": "maildir", "path": f"{tmp_path}/{{local_part}}", **ME}
    daemon = Daemon(tmp_path, {"domain": {"home.example": {"deliver": "local"}}, "agent": {"local": agent}})
    said = daemon.command("explain", BOB).stdout
    assert 'deliver of domain."home.example": agent local' in said
    assert f"maildir: {tmp_path}/bob" in said
    assert "written as:" in said


def test_settings_that_name_no_agent_are_refused(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {"domain": {"home.example": {"deliver": "nobody"}}})
    done = mailrail("config", "check", "--config", str(daemon.config))
    assert done.returncode != 0
    assert "there is no agent nobody" in done.stderr + done.stdout
