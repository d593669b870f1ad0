"""Starting and stopping: nothing taken is lost, nobody is left hanging, and what cannot start says why."""

import contextlib
import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from tests.support.daemon import Daemon, mailrail, running, to
from tests.support.letters import ANN, BOB, letter, send, wire
from tests.support.peers.certificates import make_certificate
from tests.support.peers.processes import free_port
from tests.support.raw_client import RawClient
from tests.support.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

UNAVAILABLE, TEMPORARY, BAD_SETTINGS = 69, 75, 78  # sysexits.h


def test_a44_a_running_transaction_may_finish_and_idle_clients_hear_421(tmp_path: Path) -> None:
    """A44: SIGTERM in the middle of DATA: the message is taken and kept; the idle get 421 4.3.2 at once."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        with RawClient(daemon.host, daemon.port) as busy, RawClient(daemon.host, daemon.port) as idle:
            busy.say_all("EHLO busy.example", f"MAIL FROM:<{ANN}>", f"RCPT TO:<{BOB}>", "DATA")
            busy.send(b"Subject: in the middle\r\n\r\nfirst half\r\n")
            idle.say_all("EHLO idle.example")
            os.kill(daemon.pid, signal.SIGTERM)
            assert idle.reply().startswith("421 4.3.2")
            assert idle.rest() == ""
            busy.send(b"second half\r\n.\r\n")
            assert "Queued as" in busy.reply()
            assert "421" in busy.rest()
        daemon.stop()
        assert daemon.events("DaemonStopped")
        daemon.start()
        (mail,) = receiver.wait_for(1)
        assert mail.body == b"first half\r\nsecond half\r\n"


def test_a44_a_client_that_never_finishes_cannot_hold_up_the_stop(tmp_path: Path) -> None:
    with (
        running(tmp_path, timeouts={"drain_s": "1s"}) as daemon,
        RawClient(daemon.host, daemon.port) as client,
    ):
        client.say_all("EHLO slow.example", f"MAIL FROM:<{ANN}>", f"RCPT TO:<{BOB}>", "DATA")
        client.send(b"Subject: never ends\r\n\r\n")
        begin = time.monotonic()
        daemon.stop()
        assert time.monotonic() - begin < 6
        assert daemon.events("MessageAccepted") == []


def test_a_next_hop_that_never_answers_cannot_hold_up_the_stop_and_its_mail_is_kept(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = silent.getsockname()[1]
        route = [to(f"127.0.0.1:{port}")]
        daemon = stack.enter_context(running(tmp_path, route=route, timeouts={"drain_s": "1s"}))
        send(daemon)
        with silent.accept()[0]:
            begin = time.monotonic()
            daemon.stop()
            assert time.monotonic() - begin < 8
        silent.close()
        with Receiver(port=port) as receiver:
            daemon.start()
            receiver.wait_for(1)


def test_a_restart_delivers_what_was_queued(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, route=[to(f"127.0.0.1:{port}")]) as daemon:
        for number in range(20):
            send(daemon, letter(f"number {number}"))
        daemon.stop()
        daemon.start()
        first, second = daemon.wait_for("DaemonStarted", 2)
        assert (first.get("waiting", 0), second["waiting"]) == (0, 20)
        with Receiver(port=port) as receiver:
            receiver.wait_for(20)
            daemon.wait_for_empty_queue()
            daemon.stop()
            assert len(receiver.mail) == 20


def test_a43_a_client_that_vanishes_before_our_250_has_sent_its_message_all_the_same(tmp_path: Path) -> None:
    """A43: gone between the last dot and our 250: the message is kept."""
    with Receiver() as receiver, running(tmp_path, route=[to(receiver.address)]) as daemon:
        content = wire(letter("and gone"))
        client = RawClient(daemon.host, daemon.port)
        client.say_all("EHLO gone.example", f"MAIL FROM:<{ANN}>", f"RCPT TO:<{BOB}>", "DATA")
        client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        client.close()
        (mail,) = receiver.wait_for(1)
        assert mail.below_trace == content


def test_a71_a_second_daemon_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    """A71: with words that say who has it; when that one is killed the lock is free at once."""
    second_home = tmp_path / "second"
    second_home.mkdir()
    with running(tmp_path) as daemon:
        second = Daemon(second_home, {"spool": {"path": daemon.spool}})
        program = second.launch()
        assert program.wait(20) == TEMPORARY
        assert f"{daemon.spool} is in use by process {daemon.pid}" in second.log()
        assert "Traceback" not in second.log()
        send(daemon)
        daemon.kill()
        second.start()
        second.end()


def test_a_port_that_is_taken_is_told_and_the_spool_is_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        daemon = Daemon(tmp_path, {"listener": [{"address": f"127.0.0.1:{taken.getsockname()[1]}"}]})
        program = daemon.launch()
        assert program.wait(20) == UNAVAILABLE
        assert "another program has it" in daemon.log()
        assert str(taken.getsockname()[1]) in daemon.log()
        assert "Traceback" not in daemon.log()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('spol.path = "/tmp/x"', ["spol", "spool"]),
        ("hostname = 5", ["hostname"]),
        ('[queue.retry]\nfirst_s = "soon"', ["first_s"]),
        ("[[listener]]\nrole = \"mx\"", ["address"]),
        ('[relay]\nnetworks = ["10.0.0.1/8"]', ["10.0.0.0/8"]),
        ('[broken\nx = 1', []),
    ],
)  # fmt: skip
def test_a77_bad_settings_end_with_78_and_name_file_line_and_mend(
    tmp_path: Path, line: str, words: list[str]
) -> None:
    """A77: before a socket opens; by `serve` and by `config check` alike."""
    file = tmp_path / "mailrail.toml"
    head = "" if line.startswith("hostname") else 'hostname = "mail.test.example"\n'
    file.write_text(f"# settings\n{head}{line}\n")
    for command in (("serve",), ("config", "check")):
        done = mailrail(*command, "--config", str(file))
        assert done.returncode == BAD_SETTINGS, done.stderr
        assert f"{file}:" in done.stderr
        assert any(f"{file}:{number}" in done.stderr for number in (2, 3, 4))
        for word in words:
            assert word in done.stderr
        assert "Traceback" not in done.stderr


def test_a77_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "mail.test.example")
    certificate.chain_file.chmod(0o644)
    files = {"chain": certificate.chain_file, "key": certificate.chain_file}
    daemon = Daemon(tmp_path, {"tls": {"certificate": [files]}})
    program = daemon.launch()
    assert program.wait(20) == BAD_SETTINGS
    assert "chmod" in daemon.log()


def test_all_of_it_is_scheduled_as_a_batch_unless_somebody_chose_otherwise(tmp_path: Path) -> None:
    for folder, under, policy in (
        ("ours", (), os.SCHED_BATCH),
        ("theirs", ("chrt", "--idle", "0"), os.SCHED_IDLE),
    ):
        (tmp_path / folder).mkdir()
        with running(tmp_path / folder, under=under, workers=2) as daemon:
            pids = (daemon.pid, *daemon.worker_pids())
            assert len(pids) > 1
            assert {os.sched_getscheduler(pid) for pid in pids} == {policy}


def test_the_spool_is_for_its_owner_only(tmp_path: Path) -> None:
    with running(tmp_path, route=[to(f"127.0.0.1:{free_port()}")]) as daemon:
        send(daemon)
        for path in (daemon.spool, *daemon.spool.rglob("*")):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_a_missing_settings_file_is_told_plainly(tmp_path: Path) -> None:
    done = mailrail("serve", "--config", str(tmp_path / "none.toml"))
    assert done.returncode == BAD_SETTINGS
    assert "none.toml" in done.stderr
    assert "Traceback" not in done.stderr
