"""sendmail, mailq and newaliases as programs call them, with the real daemon, up or down."""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import Commands
from tests.support.daemon import Daemon, running, to
from tests.support.peers import programs
from tests.support.peers.processes import free_port
from tests.support.receiver import Receiver
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST = "mail.test.example"
CRON = (
    "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@box> /usr/local/bin/backup\nMIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\n"
    "copied 10%\rcopied 100%\nfür alle fertig"
).encode()
LOGWATCH = (
    b"To: root\nFrom: Logwatch <logwatch@box.example>\nSubject: Logwatch for box (Linux)\nAuto-Submitted: auto-generated\n"
    b"\n ################### Logwatch 7.5.6 ####################\n"
)
PHP = b"To: Ann <ann@x.example>, bob@x.example\r\nSubject: order\r\nX-PHP-Originating-Script: 33:a.php\r\nBcc: shop@x.example\r\n\r\nThank you, by CRLF.\r\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def daemon(tmp_path: Path, receiver: Receiver) -> Iterator[Daemon]:
    with running(tmp_path, route=[to(receiver.address)]) as daemon:
        wait_for_door(daemon)
        yield daemon


@pytest.fixture
def commands(tmp_path: Path, daemon: Daemon) -> Commands:
    return installed(tmp_path, daemon)


def installed(base: Path, daemon: Daemon) -> Commands:
    (base / "bin").mkdir()
    return Commands(base / "bin", daemon.config)


def wait_for_door(daemon: Daemon) -> None:
    until((daemon.spool / "maildrop" / "door").exists, "the maildrop has a door")


CALLS = [
    (("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"), CRON, {f"root@{HOST}"}, "für alle fertig\r\n".encode()),
    (("-t",), LOGWATCH, {f"root@{HOST}"}, b"Logwatch 7.5.6"),
    (("-t", "-i"), PHP, {"ann@x.example", "bob@x.example", "shop@x.example"}, b"by CRLF.\r\n"),
    (("-t", "-i"), PHP.replace(b"\r\n", b"\n").replace(b"CRLF", b"LF"), {"ann@x.example", "bob@x.example", "shop@x.example"}, b"by LF.\r\n"),
    (("-oi", "-f", "list@x.example", "--", "carl@x.example"), b"just text\n.\nmore", {"carl@x.example"}, b"just text\r\n.\r\nmore\r\n"),
]  # fmt: skip


@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_programs_send_as_they_always_did_whether_the_server_runs_or_not(
    daemon: Daemon, commands: Commands, receiver: Receiver, is_up: bool
) -> None:
    if not is_up:
        daemon.stop()
    for words, message, _, _ in CALLS:
        commands.send(*words, message=message)
    if not is_up:
        daemon.start()
    arrived = receiver.wait_for(len(CALLS))
    for _, _, recipients, text in CALLS:
        (mail,) = (one for one in arrived if text in one.body)
        assert {one.removeprefix("TO:<").partition(">")[0] for one in mail.recipients} == recipients
        assert b"\nbcc:" not in mail.header.lower()  # a queue id can end so, too
        for name in (b"From: ", b"Date: ", b"Message-ID: ", b"Received: "):
            assert (b"\r\n" + mail.header).count(b"\r\n" + name) == 1, (name, mail.header)
    accepted = daemon.wait_for("MessageAccepted", len(CALLS))
    assert {(one["protocol"], one["user"]) for one in accepted} == {
        ("local", pwd.getpwuid(os.geteuid()).pw_name)
    }
    assert daemon.errors() == []


def test_all_that_were_handed_in_while_the_server_was_down_come_once_each(
    daemon: Daemon, commands: Commands, receiver: Receiver
) -> None:
    daemon.stop()
    for number in range(30):
        commands.send("bob@x.example", message=b"Subject: %d\n\n" % number)
    daemon.start()
    subjects = Counter(mail.header.partition(b"Subject: ")[2] for mail in receiver.wait_for(30))
    assert subjects == Counter(b"%d" % number for number in range(30))
    daemon.wait_for_empty_queue()
    assert len(receiver.mail) == 30


@pytest.mark.crash
def test_what_is_handed_in_while_the_server_is_killed_again_and_again_is_queued_once(tmp_path: Path) -> None:
    """A66 for the maildrop: the next hop is down, so that what was taken up twice would be seen twice in the queue."""
    with running(tmp_path, route=[to(f"127.0.0.1:{free_port()}")]) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        sending = subprocess.Popen(
            ["sh", "-c", 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); printf "Subject: $i\\n\\nx\\n" | "$0" b$i@x.example || echo bad; done',
             commands.sendmail],
            env=commands.environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        kills = 0
        while sending.poll() is None:
            time.sleep(0.7)
            daemon.kill()
            daemon.start()
            kills += 1
        assert sending.communicate()[0] == b""
        drop = daemon.spool / "maildrop"
        until(lambda: not [*(drop / "new").iterdir(), *(drop / "taking").iterdir()], "all are taken up", 60)
        queued = Counter(row["address"] for item in daemon.queue() for row in item["recipients"])
        print(f"{kills} kills, {len(queued)} of 40 queued")
        assert queued == Counter(f"b{number}@x.example" for number in range(1, 41))


def test_with_several_workers_one_takes_up_what_was_handed_in(tmp_path: Path, receiver: Receiver) -> None:
    with running(tmp_path, route=[to(receiver.address)], workers=2) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        commands.send("bob@x.example", message=b"Subject: x\n\nhello\n")
        receiver.wait_for(1)
        assert len(daemon.wait_for("MessageAccepted")) == 1
        assert commands.run("mailq").stdout == b"Mail queue is empty\n"


# --- Other people's programs --------------------------------------------------------------------------


def test_git_send_email_sends_a_patch(tmp_path: Path, commands: Commands, receiver: Receiver) -> None:
    tree = programs.need("git-email")
    if shutil.which("git") is None:
        pytest.skip("git is missing: `apt-get install git`")
    environment = {
        **tree.environment(),
        **commands.environment,
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@x.example",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@x.example",
    }
    patch = tmp_path / "0001-Add-a-line.patch"
    patch.write_text(
        "From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001\nFrom: Ann Müller <ann@x.example>\n"
        "Date: Thu, 26 Nov 2026 01:00:00 +0000\nSubject: [PATCH] Add a line\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n---\n f | 1 +\n\n"
        "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n a\n+ü\n.\n--\n2.39\n"
    )
    done = subprocess.run(
        ["perl", tree.program("usr/lib/git-core/git-send-email"), "--confirm=never", "--to=bob@x.example", "--cc=carl@x.example",
         "--from=Ann Müller <ann@x.example>", "--envelope-sender=ann@x.example", f"--sendmail-cmd={commands.sendmail}", str(patch)],
        cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    (mail,) = receiver.wait_for(1)
    assert mail.sender.startswith("FROM:<ann@x.example>")
    assert len(mail.recipients) == 3  # To, Cc, and the author
    assert "+ü\r\n.\r\n".encode() in mail.body


def test_mutt_sends_through_it(tmp_path: Path, commands: Commands, receiver: Receiver) -> None:
    tree = programs.need("mutt")
    (tmp_path / "muttrc").write_text(
        f'set sendmail="{commands.sendmail} -oem -oi"\nset from=ann@x.example\nset use_envelope_from=yes\nset copy=no\n'
    )
    done = subprocess.run(
        [tree.program("usr/bin/mutt"), "-n", "-F", str(tmp_path / "muttrc"), "-s", "grüße", "-b", "eve@x.example", "--", "bob@x.example"],
        input="hällo\n.\nyou\n".encode(), env={**tree.environment(), **commands.environment, "HOME": str(tmp_path),
        "LD_LIBRARY_PATH": tree.environment().get("LD_LIBRARY_PATH", "")},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (mail,) = receiver.wait_for(1)
    assert mail.sender.startswith("FROM:<ann@x.example>")
    assert {one[4:-1] for one in mail.recipients} == {"bob@x.example", "eve@x.example"}
    assert b"\r\n.\r\nyou\r\n" in mail.body


def test_s_nail_sends_through_it(tmp_path: Path, commands: Commands, receiver: Receiver) -> None:
    tree = programs.need("s-nail")
    done = subprocess.run(
        [tree.program("usr/bin/s-nail"), "-:/", "-S", f"mta={commands.sendmail}", "-S", "from=ann@x.example",
         "-r", "ann@x.example", "-s", "hello", "bob@x.example"],
        input=b"text\n", env={**tree.environment(), **commands.environment, "HOME": str(tmp_path),
        "LD_LIBRARY_PATH": tree.environment().get("LD_LIBRARY_PATH", "")},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (mail,) = receiver.wait_for(1)
    assert mail.sender.startswith("FROM:<ann@x.example>")
    assert b"text\r\n" in mail.body


def test_swaks_speaks_smtp_to_it_on_a_pipe(commands: Commands, receiver: Receiver) -> None:
    tree = programs.need("swaks")
    done = subprocess.run(
        ["perl", tree.program("usr/bin/swaks"), "--pipe", f"{commands.sendmail} -bs", "--to", "bob@x.example", "--from", "ann@x.example"],
        env={**tree.environment(), **commands.environment}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert b"250 2.0.0 Queued as " in done.stdout
    (mail,) = receiver.wait_for(1)
    assert mail.sender.startswith("FROM:<ann@x.example>")


# --- What is refused, and by whom ---------------------------------------------------------------------


def test_a_recipient_that_does_not_exist_is_told_at_once_or_by_a_notice(
    tmp_path: Path, receiver: Receiver
) -> None:
    settings: dict[str, Any] = {
        "route": [to(receiver.address)],
        "table": {"people": {"kind": "inline", "entries": {"bob": ""}}},
        "domain": {"ours.example": {"relay_to": receiver.address, "mailboxes": ["people"]}},
    }
    with running(tmp_path, **settings) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        done = commands.run("sendmail", "gone@ours.example", "bob@ours.example", stdin=b"Subject: x\n\n")
        assert done.returncode == 67
        assert b"550 5.1.1" in done.stderr
        assert daemon.wait_for("HandedInRefused")
        daemon.stop()
        commands.send(
            "-f", "ann@x.example", "gone@ours.example", "bob@ours.example", message=b"Subject: y\n\nhello\n"
        )
        daemon.start()
        first, second = sorted(receiver.wait_for(2), key=lambda mail: mail.sender)
        assert first.sender.startswith("FROM:<>")
        assert b"gone@ours.example" in first.content
        assert {one[4:-1] for one in second.recipients} == {"bob@ours.example"}
        assert not any((daemon.spool / "maildrop" / "aside").iterdir())


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody can reach."""
    path = Path(tempfile.mkdtemp(prefix="mailrail-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


NOBODY = 65534


def as_nobody() -> list[str]:
    """Return what runs a program as nobody, or skip."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can try as another user")
    under = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    can = [
        *under,
        "/usr/bin/python3",
        "-c",
        "import sys; assert sys.version_info >= (3, 11); import mailrail.sendmail",
    ]
    if subprocess.run(can, capture_output=True, check=False).returncode != 0:
        pytest.skip("nobody can reach neither a Python 3.11 nor this checkout")
    return under


def test_another_user_is_let_in_only_where_the_settings_say_so_and_is_known_by_his_file(
    public: Path, receiver: Receiver
) -> None:
    under = as_nobody()
    drop = public / "spool" / "maildrop"
    with running(public, route=[to(receiver.address)]) as daemon:
        wait_for_door(daemon)
        (public / "bin").mkdir()
        commands = Commands(public / "bin", daemon.config, python="/usr/bin/python3")
        done = commands.run("sendmail", "bob@x.example", stdin=b"Subject: x\n\n", under=under)
        assert (done.returncode, b"maildrop.access" in done.stderr) == (77, True), done
        daemon.stop()
        text = daemon.config.read_text()
        daemon.config.write_text(text + 'maildrop = {access = "everyone", senders = "own"}\n')
        daemon.start()
        wait_for_door(daemon)
        done = commands.run("sendmail", "bob@x.example", stdin=b"Subject: x\n\n", under=under)
        assert done.returncode == 0, done
        (mail,) = receiver.wait_for(1)
        assert mail.sender.startswith(f"FROM:<nobody@{HOST}>")
        refused = commands.run(
            "sendmail", "-f", "root", "bob@x.example", stdin=b"Subject: x\n\n", under=under
        )
        assert (refused.returncode, b"553 5.7.1" in refused.stderr) == (77, True), refused
        daemon.stop()
        # What he hands in while it is down he can neither list nor read back through the group.
        commands.run("sendmail", "bob@x.example", stdin=b"Subject: secret\n\n")
        listing = subprocess.run([*under, "ls", str(drop / "new")], capture_output=True, check=False)
        assert listing.returncode != 0
        (file,) = (drop / "new").iterdir()
        reading = subprocess.run([*under, "cat", str(file)], capture_output=True, check=False)
        assert (reading.returncode != 0, reading.stdout) == (True, b"")
        removing = subprocess.run([*under, "rm", "-f", str(file)], capture_output=True, check=False)
        assert removing.returncode != 0
        daemon.start()
        assert b"secret" in receiver.wait_for(2)[1].header


def test_what_is_hostile_in_the_maildrop_is_set_aside_or_left_and_stops_nobody(
    public: Path, receiver: Receiver
) -> None:
    under = as_nobody()
    new = public / "spool" / "maildrop" / "new"
    with running(
        public, route=[to(receiver.address)], maildrop={"access": "everyone", "poll_s": 1}
    ) as daemon:
        wait_for_door(daemon)
        secret = public / "secret"
        secret.write_text("mailrail 1\nto eve@x.example\n\nthe password")
        secret.chmod(0o600)
        script = (
            f"cd {new}; ln -s {secret} 01-link; mkfifo 02-fifo; mkdir 03-directory; truncate -s 5G 04-huge; : > 05-empty;"
            "printf 'mailrail 1\\nto bob@x.example\\n\\n' > 06-cut; : > 07-forbidden; chmod 0 07-forbidden; ln 05-empty 08-second"
        )
        subprocess.run([*under, "sh", "-c", script], check=True)
        (public / "bin").mkdir()
        commands = Commands(public / "bin", daemon.config, python="/usr/bin/python3")
        commands.send("bob@x.example", message=b"Subject: in good order\n\n")
        (mail,) = receiver.wait_for(1)
        assert b"in good order" in mail.header
        daemon.wait_for("HandedInSetAside", 5)
        assert all(b"password" not in mail.content for mail in receiver.mail)
        aside = public / "spool" / "maildrop" / "aside"
        until(
            lambda: len(list(aside.iterdir())) == len(daemon.events("HandedInSetAside")),
            "each that was set aside is told of, and no other",
        )
        assert daemon.errors() == []
        for path in aside.iterdir():
            if not path.is_dir():
                path.unlink()


# --- The queue, and the tables -------------------------------------------------------------------------


def test_mailq_lists_and_q_tries_again_with_the_server_up_and_lists_without(tmp_path: Path) -> None:
    port = free_port()
    with running(
        tmp_path, route=[to(f"127.0.0.1:{port}")], queue={"retry": {"first_s": "1h", "longest_s": "1h"}}
    ) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        assert commands.run("mailq").stdout == b"Mail queue is empty\n"
        for sender, recipient in (("ann@x.example", "bob@y.example"), ("<>", "carl@z.example")):
            commands.send("-f", sender, recipient, message=b"Subject: x\n\n")
        daemon.wait_for("RecipientDeferred", 2)
        listed = commands.run("mailq").stdout.decode()
        assert listed.startswith("----Queue ID-----")
        assert "MAILER-DAEMON" in listed
        assert listed.endswith("in 2 Requests.\n")
        rows = [json.loads(line) for line in commands.run("mailq", "-j").stdout.splitlines()]
        assert [row["queue_name"] for row in rows] == ["deferred", "deferred"]
        assert "4.4.1" in rows[0]["recipients"][0]["delay_reason"]
        with Receiver(port=port) as receiver:
            assert commands.run("sendmail", "-qRY.example").returncode == 0
            assert receiver.wait_for(1)[0].recipients[0].startswith("TO:<bob@y.example>")
            done = commands.run("sendmail", f"-qI{rows[1]['queue_id']}", "-v")
            assert (done.returncode, done.stdout) == (0, b"1 tried now\n")
            receiver.wait_for(2)
        assert commands.run("sendmail", "-qI2ZxJ8WCl49r").returncode == 65
        commands.send("bob@y.example", message=b"Subject: x\n\n")
        daemon.wait_for("RecipientDeferred", 3)
        daemon.stop()
        assert commands.run("mailq").stdout.endswith(b"in 1 Request.\n")
        assert commands.run("sendmail", "-q").returncode == 69


def test_mailq_lists_what_the_server_cannot_take_up_yet_whether_it_runs_or_not(tmp_path: Path) -> None:
    blocked = to(f"127.0.0.1:{free_port()}")
    spool = {"path": tmp_path / "spool", "most_items": 1}
    with running(tmp_path, workers=1, route=[blocked], spool=spool) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        commands.send("bob@y.example", message=b"Subject: x\n\n")
        daemon.wait_for("RecipientDeferred")
        commands.send("-f", "ann@x.example", "carl@z.example", message=b"Subject: y\n\n")  # no place is left
        for is_up in (True, False):
            if not is_up:
                daemon.stop()
                commands.send("-f", "<>", "eve@z.example", message=b"Subject: z\n\n")
            rows = [json.loads(line) for line in commands.run("mailq", "-j").stdout.splitlines()]
            found = {row["recipients"][0]["address"]: (row["queue_name"], row["sender"]) for row in rows}
            assert found.pop("bob@y.example")[0] == "deferred"
            assert found.pop("carl@z.example") == ("maildrop", "ann@x.example")
            assert found == ({} if is_up else {"eve@z.example": ("maildrop", "MAILER-DAEMON")})
            listed = commands.run("mailq").stdout.decode()
            assert re.search(r"^[0-9A-Za-z]+\+ .* ann@x\.example$", listed, re.MULTILINE)
            assert listed.endswith(f"in {2 if is_up else 3} Requests.\n")


def test_newaliases_checks_the_files_and_tells_a_fault_with_its_line(
    tmp_path: Path, receiver: Receiver
) -> None:
    aliases = tmp_path / "aliases"
    aliases.write_text("postmaster: root\nroot: ann@x.example\n")
    settings: dict[str, Any] = {
        "route": [to(receiver.address)],
        "table": {"staff": {"kind": "aliases", "file": str(aliases)}},
        "domain": {"ours.example": {"relay_to": receiver.address, "aliases": ["staff"]}},
    }
    with running(tmp_path, **settings) as daemon:
        wait_for_door(daemon)
        commands = installed(tmp_path, daemon)
        done = commands.run("newaliases")
        assert (done.returncode, done.stdout) == (0, f"{aliases}: 2 keys\n".encode()), done
        assert daemon.wait_for("SettingsReloaded")
        commands.send("root@ours.example", message=b"Subject: x\n\n")
        assert receiver.wait_for(1)[0].recipients[0].startswith("TO:<ann@x.example>")
        aliases.write_text("postmaster: root\nno colon here\n")
        for program in (("newaliases",), ("sendmail", "-bi")):
            done = commands.run(*program)
            assert done.returncode == 78
            assert b"2" in done.stderr
            assert str(aliases).encode() in done.stderr


def test_bv_explains_and_bd_is_refused(commands: Commands) -> None:
    done = commands.run("sendmail", "-bv", "bob@x.example", "root")
    assert done.returncode == 0, done
    assert b"bob@x.example" in done.stdout
    assert f"root@{HOST}".encode() in done.stdout
    assert b"may hand in mail" in done.stdout
    done = commands.run("sendmail", "-bd", "-q1h")
    assert done.returncode == 64
    assert b"mailrail serve" in done.stderr
