"""Local delivery by the real daemon: mailboxes on the real disk, as a mail program reads them."""

import base64
import contextlib
import email
import hmac
import json
import mailbox
import os
import pwd
import tempfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Service:
    """An HTTP service that answers as it is told, and remembers what it was told."""

    def __init__(self, *statuses: int, fields: Mapping[str, str] | None = None) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        statuses_left, more = list(statuses), dict(fields or {})
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.append(({name.lower(): text for name, text in self.headers.items()}, body))
                status = statuses_left.pop(0) if len(statuses_left) > 1 else statuses_left[0]
                self.send_response(status)
                for name, text in more.items() if status >= 400 else ():
                    self.send_header(name, text)
                self.end_headers()
                if status == 422:
                    self.wfile.write(b"no such ticket\n")

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mail?x=1"

    def __enter__(self) -> "Service":
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_service_gets_envelope_and_message_and_can_check_who_called(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(b"key of the service").decode() + "\n")
    secret.chmod(0o600)
    with (
        Service(200) as service,
        home(
            tmp_path, {"kind": "http", "url": service.url, "secret_file": str(secret), "together": True}
        ) as daemon,
    ):
        message = letter("to a service", to=BOB)
        send(daemon, message, to=[BOB, "eve@home.example"])
        daemon.wait_for("RecipientDelivered", 2)
        ((fields, body),) = service.calls
    signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    seal = base64.b64encode(hmac.digest(b"key of the service", signed, "sha256")).decode()
    assert fields["webhook-signature"] == f"v1,{seal}"
    assert fields["user-agent"] == "mailrail"
    form = email.message_from_bytes(b"Content-Type: " + fields["content-type"].encode() + b"\r\n\r\n" + body)
    envelope, content = [*form.walk()][1:3]
    told = json.loads(str(envelope.get_payload()))
    assert (told["sender"], told["recipients"]) == (ANN, [BOB, "eve@home.example"])
    assert told["queue_id"] == fields["webhook-id"]
    assert b"Subject: to a service\r\n" in content.as_bytes(policy=content.policy.clone(linesep="\r\n"))


def test_a_service_that_is_down_is_asked_again_and_with_the_same_id(tmp_path: Path) -> None:
    with (
        Service(503, 200, fields={"Retry-After": "2"}) as service,
        home(tmp_path, {"kind": "http", "url": service.url, "body": "raw"}) as daemon,
    ):
        send(daemon, letter("again", to=BOB), to=BOB)
        daemon.wait_for("RecipientDeferred", blame="destination")
        daemon.wait_for("RecipientDelivered")
        first, second = service.calls
    assert first[1] == second[1]
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert int(second[0]["webhook-timestamp"]) - int(first[0]["webhook-timestamp"]) >= 1
    assert json.loads(base64.b64decode(first[0]["mailrail-envelope"]))["recipients"] == [BOB]
    assert first[0]["content-type"] == "message/rfc822"


def test_what_a_service_refuses_comes_back_with_its_words(tmp_path: Path) -> None:
    with (
        Receiver() as senders,
        Service(422) as service,
        home(
            tmp_path, {"kind": "http", "url": service.url}, route=[to(senders.address, "sender.example")]
        ) as daemon,
    ):
        send(daemon, letter("no", to=BOB), to=BOB)
        (notice,) = senders.wait_for(1)
        assert b"no such ticket" in notice.content
        assert b"422" in notice.content
        daemon.stop()


def test_a_program_takes_mail_as_procmail_would(tmp_path: Path) -> None:
    """A filter in a few lines of shell: it sorts by subject, refuses one sender, and lives with the environment it gets."""
    program = tmp_path / "filter"
    program.write_text(
        f"""#!/bin/sh
mail=$(cat)
case "$SENDER" in spam@*) echo "5.7.1 we do not want that"; exit 77;; esac
case "$mail" in *"Subject: list:"*) box={tmp_path}/list;; *) box={tmp_path}/$LOCAL;; esac
printf '%s\\n' "$mail" >> "$box" || exit 75
"""
    )
    program.chmod(0o755)
    with (
        Receiver() as senders,
        home(
            tmp_path,
            {"kind": "pipe", "command": [str(program)], **ME},
            route=[to(senders.address, "sender.example")],
        ) as daemon,
    ):
        send(daemon, letter("list: news", to=BOB), to=BOB)
        send(daemon, letter("for bob", to=BOB), to=BOB)
        send(daemon, letter("bad", to=BOB), sender="spam@sender.example", to=BOB)
        daemon.wait_for("RecipientDelivered", 2, destination="agent:local")
        (notice,) = senders.wait_for(1)
        assert b"we do not want that" in notice.content
        assert b"5.7.1" in notice.content
        assert "Subject: for bob" in (tmp_path / "bob").read_text()
        assert "Subject: list: news" in (tmp_path / "list").read_text()


def test_an_alias_hands_mail_to_a_program_and_to_a_file(tmp_path: Path) -> None:
    seen, box = tmp_path / "seen", tmp_path / "box"
    domain = {
        "home.example": {
            "deliver": "discard",
            "alias": {"robot": [f"|/usr/bin/tee {seen}", f"{box}/", f"{tmp_path}/plain", ":agent:copies"]},
            "allow": ["files", "programs", "agents"],
        }
    }
    agents = {name: {"kind": name, **ME} for name in ("pipe", "maildir", "mbox")}
    agents["copies"] = {"kind": "mbox", "path": f"{tmp_path}/copies", **ME}
    with running(tmp_path, domain=domain, agent=agents) as daemon:
        send(daemon, letter("for a robot", to="robot@home.example"), to="robot@home.example")
        daemon.wait_for("RecipientDelivered", 4)
        assert "Subject: for a robot" in seen.read_text()
        assert "Subject: for a robot" in (tmp_path / "copies").read_text()
        assert len(mailbox.Maildir(str(box), create=False)) == 1
        assert (tmp_path / "plain").read_text().startswith(f"From {ANN}  ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_mailboxes_and_programs_are_those_of_the_account(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="mailrail-test-") as place:
        base = Path(place)
        base.chmod(0o755)
        for name in ("home", "out"):
            (base / name).mkdir()
            os.chown(base / name, nobody.pw_uid, nobody.pw_gid)
        agents = {
            "local": {"kind": "maildir", "path": f"{base}/home/{{local_part}}", "user": "nobody"},
            "program": {"kind": "pipe", "command": ["/usr/bin/tee", f"{base}/out/mail"], "user": "nobody"},
            "as-root": {"kind": "maildir", "path": f"{base}/root"},
        }
        domain = {
            "home.example": {"deliver": "local"},
            "program.example": {"deliver": "program"},
            "root.example": {"deliver": "as-root"},
        }
        with running(tmp_path, domain=domain, agent=agents) as daemon:
            for address in (BOB, "x@program.example", "y@root.example"):
                send(daemon, letter("whose", to=address), to=address)
            daemon.wait_for("RecipientDelivered", 2)
            daemon.wait_for("RecipientDeferred", recipient="y@root.example", blame="ourselves")
            (mail,) = (base / "home" / "bob" / "new").iterdir()
            for path in (mail, mail.parent, base / "out" / "mail"):
                assert path.stat().st_uid == nobody.pw_uid
            assert not (base / "root").exists()


def test_of_an_alias_the_sender_hears_that_it_was_expanded_and_no_more(tmp_path: Path) -> None:
    """RFC 3461 §5.2.7.3: what is behind an alias is not told of; the notice is owed like any other."""
    domain = {"home.example": {"deliver": "local", "alias": {"team": ["bob", "carol"]}}}
    agent = {"local": {"kind": "maildir", "path": f"{tmp_path}/mail/{{local_part}}", **ME}}
    with (
        Receiver() as senders,
        running(
            tmp_path, domain=domain, agent=agent, route=[to(senders.address, "sender.example")]
        ) as daemon,
    ):
        send(daemon, letter("all", to="team@home.example"), to="team@home.example", rcpt=("NOTIFY=SUCCESS",))
        (notice,) = senders.wait_for(1)
        assert b"Action: expanded" in notice.content
        assert b"bob@home.example" not in notice.content
        daemon.wait_for("RecipientDelivered", 2, destination="agent:local")
        (mail,) = mailbox.Maildir(str(tmp_path / "mail" / "bob"), create=False)
        assert mail["X-Original-To"] == "team@home.example"
        daemon.wait_for_empty_queue()
        assert len(senders.wait_for(1)) == 1


def test_a_function_gets_mail_and_cannot_keep_the_server_from_ending(tmp_path: Path) -> None:
    (tmp_path / "oursite.py").write_text(
        f"""
import time

def take(envelope, message):
    if "slow" in envelope.recipients[0]:
        time.sleep(1000)
    with open({str(tmp_path / "taken")!r}, "ab") as out:
        out.write(envelope.recipients[0].encode() + b" " + message.read())
"""
    )
    domain = {"home.example": {"deliver": "local"}}
    agent = {"local": {"kind": "function", "function": "oursite:take"}}
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with running(
        tmp_path, environment={"PYTHONPATH": paths}, domain=domain, agent=agent, timeouts={"drain_s": "1s"}
    ) as daemon:
        send(daemon, letter("to a function", to=BOB), to=BOB)
        daemon.wait_for("RecipientDelivered", destination="agent:local")
        content = (tmp_path / "taken").read_bytes()
        assert content.startswith(BOB.encode() + b" Received: ")
        assert b"\r\nSubject: to a function\r\n" in content
        send(daemon, letter("never taken", to="slow@home.example"), to="slow@home.example")
        daemon.stop()
        assert daemon.errors() == []
