"""Every program in examples/ runs, against servers and clients that share no code with it."""

import asyncio
import contextlib
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.support.dnsserver import DnsServer
from tests.support.peers.processes import Program, free_port, wait_for_port
from tests.support.peers.swaks import swaks
from tests.support.receiver import Receiver, Step

import mailrail

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 30

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def run(name: str | Path, *arguments: object, exit_code: int = 0) -> str:
    """Run a program to its end, an example by its name; return what it printed."""
    file = name if isinstance(name, Path) else EXAMPLES / f"{name}.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", file, *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout + done.stderr


class Served:
    """An example that listens: where, and what it prints."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._stdout = process.stdout
        self.address = self.line().removeprefix("listening on ")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def line(self) -> str:
        return self._stdout.readline().rstrip("\n")


@contextlib.contextmanager
def serving(name: str, *arguments: object) -> Iterator[Served]:
    """Run a server of the examples; afterwards stop it as Ctrl-C does, and see that it stops in good order."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        try:
            yield Served(process)
            process.send_signal(signal.SIGINT)
            told, errors = process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == 0, errors
            assert told.endswith("stopped\n")
        finally:
            process.kill()


def no_such_user(name: str, step: Step) -> str | None:
    if step.verb == "RCPT" and step.argument.startswith(f"TO:<{name}@"):
        return "550 5.1.1 no such user"
    return None


def reply_to(send: object, *arguments: object) -> str:
    """Return the refusal that smtplib reports, as code and text."""
    assert callable(send)
    with pytest.raises(smtplib.SMTPException) as caught:
        send(*arguments)
    return str(caught.value)


def test_every_example_has_a_test_here() -> None:
    tests = Path(__file__).read_text("utf-8")
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    assert len(names) >= 8
    assert [name for name in names if f'("{name}"' not in tests] == []


def test_send_one_tells_what_the_server_said_and_why_it_failed() -> None:
    with Receiver() as receiver:
        assert run("send_one", receiver.host, receiver.port) == "bob@example.org: 250 2.0.0 taken\n"
        (mail,) = receiver.wait_for(1)
        assert b"Message-ID: <" in mail.header
    with Receiver(script=lambda step: no_such_user("bob", step)) as receiver:
        told = run("send_one", receiver.host, receiver.port, exit_code=1)
    assert told == "not sent: 127.0.0.1 refused every recipient: bob@example.org: 550 5.1.1 no such user\n"


def test_send_from_script_ends_with_a_code_for_its_keeper() -> None:
    with Receiver() as receiver:
        run("send_from_script", receiver.host, receiver.port)
        (mail,) = receiver.wait_for(1)
        assert b'filename="sales.csv"' in mail.body
        port = receiver.port
    assert "Connection refused" in run("send_from_script", "127.0.0.1", port, exit_code=75)


def test_send_several_uses_one_session_and_tells_recipients_apart() -> None:
    with Receiver(script=lambda step: no_such_user("gone", step)) as receiver:
        told = run("send_several", receiver.host, receiver.port)
        assert len(receiver.wait_for(3)) == 3
        assert receiver.verbs["EHLO"] == 1
    assert told.splitlines() == [
        "bob@example.org was taken",
        "cid@example.org was taken",
        "gone@example.org was refused: 550 5.1.1 no such user",
        "minutes: 2 taken, 1 refused",
    ]


def test_ask_for_notices_passes_the_wishes_on_or_says_that_it_cannot() -> None:
    with Receiver() as receiver:
        run("ask_for_notices", receiver.host, receiver.port)
        (mail,) = receiver.wait_for(1)
        assert "RET=HDRS" in mail.sender
        assert "ENVID=contract-4711" in mail.sender
        assert "NOTIFY=SUCCESS,FAILURE" in mail.recipients[0]
    with Receiver(extensions=("PIPELINING",)) as receiver:
        assert "knows no notices" in run("ask_for_notices", receiver.host, receiver.port)


def test_deliver_direct_finds_the_mail_host_by_dns() -> None:
    zone = {"example.org": ["MX 10 mx.example.org"], "mx.example.org": ["A 127.0.0.1"]}
    with DnsServer(zone) as dns, Receiver() as receiver:
        told = run("deliver_direct", dns.endpoint, receiver.port)
    delivered, failed = told.splitlines()
    assert delivered == "bob@example.org delivered: mx.example.org said 250 2.0.0 taken"
    assert failed.startswith("eve@nowhere.invalid failed for good: 550 5.1.2")


def test_keep_in_maildir_has_the_message_on_disk_when_it_says_so(tmp_path: Path) -> None:
    with serving("keep_in_maildir", tmp_path / "box", "127.0.0.1:0") as served:
        dialogue = swaks("127.0.0.1", served.port, "--from", "ann@example.com", "--to", "bob@example.org")
        assert dialogue.exit_code == 0, dialogue.transcript
        assert dialogue.has_reply("250 2.0.0 Kept as ")
        (file,) = (tmp_path / "box" / "new").iterdir()
    top = file.read_bytes().split(b"\r\n")[:2]
    assert top == [b"Return-Path: <ann@example.com>", b"Delivered-To: bob@example.org"]
    assert list((tmp_path / "box" / "tmp").iterdir()) == []


def test_ask_database_answers_by_what_is_known_of_each_recipient() -> None:
    with serving("ask_database", "127.0.0.1:0") as served:
        with smtplib.SMTP("127.0.0.1", served.port, timeout=TIMEOUT_S) as client:
            people = [
                "bob@example.org",
                "old@example.org",
                "x@example.org",
                "bob@else.example",
                "crash@example.org",
            ]
            refused = client.sendmail("ann@example.com", people, "Subject: x\r\n\r\nhi\r\n")
        assert {who: (code, text.decode()) for who, (code, text) in refused.items()} == {
            "old@example.org": (550, "5.1.1 This member has left"),
            "x@example.org": (550, "5.1.1 No such user here"),
            "bob@else.example": (550, "5.7.1 Relaying denied"),
            "crash@example.org": (451, "4.3.0 Internal error, try again later"),
        }
        assert served.line() == "18 octets for bob@example.org"


def test_lmtp_mailboxes_answers_for_each_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with serving("lmtp_mailboxes", f"unix:{path}") as served:
        assert served.address == f"unix:{path}"

        async def send(*recipients: str) -> mailrail.Result:
            letter = b"Subject: x\n\n" + b"x\n" * 5000
            async with mailrail.Client(
                served.address, lmtp=True
            ) as client:  # smtplib reads one reply for all
                return await client.send(letter, sender="ann@example.com", recipients=recipients)

        asyncio.run(send("bob@example.org"))
        result = asyncio.run(send("bob@example.org", "cid@example.org"))
        assert str(result) == "bob@example.org: 452 4.2.2 Mailbox full; cid@example.org: 250 2.0.0 Ok"


def test_filter_and_forward_gives_the_next_servers_answer() -> None:
    with (
        Receiver(script=lambda step: no_such_user("gone", step)) as receiver,
        serving("filter_and_forward", receiver.host, receiver.port, "127.0.0.1:0") as served,
        smtplib.SMTP("127.0.0.1", served.port, "ann.example", timeout=TIMEOUT_S) as client,
    ):
        refused = client.sendmail(
            "ann@example.com", ["bob@example.org", "cid@example.org"], "Subject: x\r\n\r\nhi\r\n"
        )
        assert list(refused) == ["cid@example.org"]
        assert refused["cid@example.org"][0] == 452
        (mail,) = receiver.wait_for(1)
        assert mail.header.startswith(
            b"Received: from ann.example ([127.0.0.1])\r\n\tby filter.example.org with ESMTP;"
        )
        assert mail.below_trace.startswith(b"X-Filtered: yes\r\nSubject: x\r\n")
        gone = reply_to(client.sendmail, "ann@example.com", ["gone@example.org"], "Subject: x\r\n\r\n")
        assert "550" in gone
        assert "no such user" in gone


def test_submission_takes_mail_after_a_login_under_tls_and_only_from_the_users_own_address(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.touch(mode=0o600)
    key.write_bytes(issued.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with serving("submission", chain, key, "127.0.0.1:0") as served:
        with smtplib.SMTP("localhost", served.port, timeout=TIMEOUT_S) as client:
            assert "AUTH" in reply_to(client.login, "ann", "secret")  # not offered in the clear
            client.starttls(context=context)
            letter = ("bob@example.com", "Subject: x\r\n\r\nhi\r\n")
            assert "Authentication required" in reply_to(client.sendmail, "ann@example.org", *letter)
            assert "535" in reply_to(client.login, "ann", "wrong")
            assert client.login("ann", "secret")[0] == 235
            assert "not your address" in reply_to(client.sendmail, "bob@example.org", *letter)
            assert client.sendmail("ann@example.org", *letter) == {}
        assert served.line() == "ann sent 18 octets by ESMTPSA"


def test_examples_that_need_arguments_say_so() -> None:
    for name in ("filter_and_forward", "submission"):
        assert "python examples/" in run(name, exit_code=1)


def test_a_port_that_is_taken_is_told_with_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in run("ask_database", address, exit_code=1)


# --- The programs in README and manual -----------------------------------------------------------


def program(page: str, folder: Path, changes: dict[str, str]) -> Path:
    """Write the first Python block of a page into a file, with other places to send to or to listen at."""
    text = (EXAMPLES.parent / page).read_text("utf-8").partition("```python\n")[2].partition("```")[0]
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "program.py"
    file.write_text(text)
    return file


def test_the_program_in_the_readme_sends_to_itself(tmp_path: Path) -> None:
    told = run(program("README.md", tmp_path, {"2526": str(free_port())}))
    assert told == "ann@example.com sent 76 octets\nbob@example.org: 250 2.0.0 Ok\n"


def test_the_program_in_the_manual_sends(tmp_path: Path) -> None:
    with Receiver(script=lambda step: no_such_user("nobody", step)) as receiver:
        changes = {
            '"smtp.example.com", login=("alice", "secret")': f'"127.0.0.1", {receiver.port}',
            '"bob@example.org"': '"bob@example.org, nobody@example.org"',
        }
        told = run(program("docs/howto/send.md", tmp_path, changes))
        assert len(receiver.wait_for(1)) == 1
    assert told == "nobody@example.org was refused: 550 5.1.1 no such user\n"


def test_the_program_in_the_manual_receives(tmp_path: Path) -> None:
    port = free_port()
    file = program("docs/howto/server.md", tmp_path, {"2525": str(port)})
    server = Program([sys.executable, "-u", str(file)], tmp_path / "output")
    try:
        wait_for_port(server, "127.0.0.1", port)
        people = ["bob@example.org", "bob@else.example"]
        with smtplib.SMTP("127.0.0.1", port, timeout=TIMEOUT_S) as client:
            refused = client.sendmail("ann@example.com", people, "Subject: x\r\n\r\nhi\r\n")
        assert refused == {"bob@else.example": (550, b"5.7.1 Relaying denied")}
        assert server.printed() == "ann@example.com sent 18 octets\n"
    finally:
        server.stop()
